"""The output of commands: every format, the saved file, the plot."""

import csv
import errno
import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from assertions import error_line, misuse, printed
from smoothxent import Evaluation, evaluate
from smoothxent.cli import main

FIGURE = "matplotlib.figure.Figure"


@pytest.fixture
def expected(rng):
    """Return an evaluation with a mean loss of about 800 nats, whose perplexity overflows."""
    logits = rng.normal(size=(20, 12))
    logits[:, 0] -= 800
    return evaluate(logits, np.zeros(20, int), label_smoothing=0.1, top_k=(3, 10))


@pytest.fixture
def part(expected, tmp_path):
    """Return the file of the saved evaluation."""
    expected.save(tmp_path / "part.json")
    return str(tmp_path / "part.json")


def merged(capsys, *arguments):
    return printed(capsys, "merge", *arguments)


def test_tables_are_those_of_the_library(expected, part, capsys):
    assert merged(capsys, part) == f"{expected}\n"
    assert merged(capsys, part, "--format", "markdown") == expected.to_markdown()
    options = [part, "--interval", "99.5"]
    assert merged(capsys, *options) == f"{expected.to_text(interval=0.995)}\n"
    markdown = merged(capsys, *options, "--format", "markdown")
    assert markdown == expected.to_markdown(interval=0.995)


@pytest.mark.fault("cli-infinite-loss")
def test_json_is_the_record_without_bare_nan_or_infinity(expected, part, capsys):
    def fail(constant):
        raise AssertionError(constant)

    assert expected.perplexity == math.inf
    for arguments in (["--format", "json"], ["--json", "-"], ["--json", "-", "--quiet"]):
        record = json.loads(merged(capsys, part, *arguments), parse_constant=fail)
        assert record == expected.to_dict()
        assert record["metrics"]["perplexity"] is None


def test_csv_has_every_metric_to_the_last_bit(expected, part, capsys):
    (row,) = csv.DictReader(merged(capsys, part, "--format", "csv").splitlines())
    names = {"count", "ignored", "nan_rows", "weight"}
    names |= {"label_smoothing", "softcap", "temperature", "z_loss"}
    names |= expected.to_dict()["metrics"].keys()
    shares = {
        f"{name}_{k}": value
        for name in ("top_k", "top_k_stderr")
        for k, value in getattr(expected, name).items()
    }
    assert row.keys() == names - {"top_k", "top_k_stderr", "groups"} | set(shares)
    assert row.pop("softcap") == ""
    for name, text in row.items():
        assert float(text) == (shares[name] if name in shares else getattr(expected, name))
    assert row["perplexity"] == "inf"


def test_csv_keeps_ranks_of_many_digits_apart(rng, capsys, tmp_path):
    ranks = (1, 1234567, 1234568)
    part = tmp_path / "part.json"
    evaluation = evaluate(rng.normal(size=(5, 3)), np.zeros(5, int), top_k=ranks)
    evaluation.save(part)
    (row,) = csv.DictReader(merged(capsys, str(part), "--format", "csv").splitlines())
    names = [f"{name}_{k}" for name in ("top_k", "top_k_stderr") for k in ranks]
    assert [name for name in row if name.startswith("top_k")] == names


def test_bits_per_byte_are_added_to_what_is_printed(expected, part, capsys):
    options = [part, "--bytes", "2500"]
    line = f"bits per byte: {expected.bits(per=2500):.4f}, for 2,500 bytes\n"
    assert merged(capsys, *options) == f"{expected}\n\n{line}"
    assert merged(capsys, *options, "--format", "markdown") == f"{expected.to_markdown()}\n{line}"
    (row,) = csv.DictReader(merged(capsys, *options, "--format", "csv").splitlines())
    assert float(row["bits_per_byte"]) == expected.bits(per=2500)
    assert json.loads(merged(capsys, *options, "--json", "-")) == expected.to_dict()


def test_saved_record_is_the_evaluation_to_the_last_bit(expected, part, capsys, tmp_path):
    path = tmp_path / "saved.json"
    assert merged(capsys, part, "--json", str(path), "--quiet") == ""
    assert Evaluation.from_dict(json.loads(path.read_text())) == expected


def write_text(self, text, **options):
    self.touch()
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def savefig(self, path, **options):
    write_text(Path(path), "half")


@pytest.mark.fault("cli-results")
@pytest.mark.parametrize(
    "option, full", [("--json", ("pathlib.Path", write_text)), ("--plot", (FIGURE, savefig))]
)
def test_result_that_could_not_be_saved_leaves_the_file_as_it_was(
    part, capsys, tmp_path, monkeypatch, option, full
):
    pytest.importorskip("matplotlib")
    saved = tmp_path / "saved.png"
    saved.write_text("before")
    files = sorted(tmp_path.iterdir())
    holder, function = full
    monkeypatch.setattr(f"{holder}.{function.__name__}", function)
    line = error_line(capsys, part, option, str(saved), command="merge")
    assert line == f"{saved}: No space left on device; make room or choose another"
    assert saved.read_text() == "before"
    assert sorted(tmp_path.iterdir()) == files


def test_record_goes_through_a_link_and_into_a_pipe(expected, part, capsys, tmp_path):
    link, pipe = tmp_path / "link.json", tmp_path / "pipe.json"
    link.symlink_to(tmp_path / "target.json")
    merged(capsys, part, "--json", str(link))
    assert json.loads((tmp_path / "target.json").read_text()) == expected.to_dict()
    assert link.is_symlink()
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    merged(capsys, part, "--json", str(pipe))
    assert json.loads(os.read(reader, 1 << 16)) == expected.to_dict()
    os.close(reader)


@pytest.mark.slow
def test_picture_is_drawn_in_the_format_of_its_name(part, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    for name, start in (("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.svg", b"<?xml")):
        path = tmp_path / name
        assert merged(capsys, part, "--plot", str(path), "--quiet") == ""
        assert path.read_bytes().startswith(start)


@pytest.mark.fault("cli-usage")
def test_picture_of_another_kind_is_a_fault_of_usage(part, capsys):
    rule = "must end in .png, .pdf or .svg, got 'picture.jpg'"
    where = "smoothxent merge: error: argument --plot"
    found = misuse(capsys, "merge", part, "--plot", "picture.jpg")
    assert found == f"{where}: {rule}; see smoothxent merge --help"


@pytest.mark.fault("cli-usage")
def test_picture_without_matplotlib_names_the_remedy(part, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["merge", part, "--plot", "picture.png"]) == 2
    remedy = 'merge needs matplotlib; pip install "smoothxent[cli]"'
    assert capsys.readouterr() == ("", f"smoothxent: {remedy}\n")


# Each error is raised before anything is read: the part to merge does not exist.
both_results = pytest.mark.parametrize("option, name", [("--json", "a.json"), ("--plot", "a.png")])


@pytest.mark.fault("cli-results")
@both_results
def test_place_where_nothing_can_be_written_is_named_beforehand(
    option, name, capsys, tmp_path, monkeypatch
):
    pytest.importorskip("matplotlib")

    def line_for(path):
        return error_line(capsys, "no such part", option, str(path), command="merge")

    (tmp_path / "file").touch()
    for folder in (tmp_path / "missing", tmp_path / "file"):
        rule = f"no such folder; create it or choose another {option}"
        assert line_for(folder / name) == f"{folder}: {rule}"
    (tmp_path / f"folder-{name}").mkdir()
    rule = f"is a folder; name a file in it for {option}"
    assert line_for(tmp_path / f"folder-{name}") == f"{tmp_path / f'folder-{name}'}: {rule}"
    (tmp_path / name).symlink_to(name)
    rule = "Too many levels of symbolic links; check the path"
    assert line_for(tmp_path / name) == f"{tmp_path / name}: {rule}"
    (tmp_path / name).unlink()
    # Nothing is read-only for root, who may run this: the system's answer is what matters.
    monkeypatch.setattr(os, "access", lambda place, mode: (place, mode) != (tmp_path, os.W_OK))
    assert line_for(tmp_path / name) == f"{tmp_path}: can't be written; choose another {option}"
