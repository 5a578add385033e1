"""How a command hands over its result: every format, the saved file, the picture."""

import csv
import json
import math
import os
import sys

import numpy as np
import pytest

from smoothxent import Evaluation, evaluate
from smoothxent.cli import main


@pytest.fixture
def expected(rng):
    """An evaluation with a mean loss of some 800 nats: its perplexity is beyond float64."""
    logits = rng.normal(size=(20, 12))
    logits[:, 0] -= 800
    return evaluate(logits, np.zeros(20, int), label_smoothing=0.1, top_k=(3, 10))


@pytest.fixture
def part(expected, tmp_path):
    """The file that it is saved in."""
    path = tmp_path / "part.json"
    path.write_text(json.dumps(expected.to_dict()))
    return str(path)


def printed(capsys, *arguments):
    assert main(["merge", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_table_is_that_of_the_library(expected, part, capsys):
    assert printed(capsys, part) == f"{expected}\n"


def test_markdown_is_that_of_the_library(expected, part, capsys):
    assert printed(capsys, part, "--format", "markdown") == expected.to_markdown()


def test_json_is_the_record_without_bare_nan_or_infinity(expected, part, capsys):
    def refuse(constant):
        raise AssertionError(constant)

    assert expected.perplexity == math.inf
    for arguments in (["--format", "json"], ["--json", "-"], ["--json", "-", "--quiet"]):
        record = json.loads(printed(capsys, part, *arguments), parse_constant=refuse)
        assert record == expected.to_dict()
        assert record["metrics"]["perplexity"] is None


def test_csv_has_every_metric_to_the_last_bit(expected, part, capsys):
    (row,) = csv.DictReader(printed(capsys, part, "--format", "csv").splitlines())
    names = {"count", "ignored", "weight", "label_smoothing", *expected.to_dict()["metrics"]}
    shares = {f"top_k_{k}": share for k, share in expected.top_k.items()}
    assert row.keys() == names - {"top_k"} | set(shares)
    for name, text in row.items():
        assert float(text) == (shares[name] if name in shares else getattr(expected, name))
    assert row["perplexity"] == "inf"


def test_saved_record_is_the_evaluation_to_the_last_bit(expected, part, capsys, tmp_path):
    path = tmp_path / "saved.json"
    assert printed(capsys, part, "--json", str(path), "--quiet") == ""
    assert Evaluation.from_dict(json.loads(path.read_text())) == expected


def test_picture_is_drawn_in_the_format_of_its_name(part, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    for name, start in (("a.png", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.svg", b"<?xml")):
        path = tmp_path / name
        assert printed(capsys, part, "--plot", str(path), "--quiet") == ""
        assert path.read_bytes().startswith(start)


def test_picture_of_another_kind_is_a_fault_of_usage(part, capsys):
    with pytest.raises(SystemExit) as refused:
        main(["merge", part, "--plot", "picture.jpg"])
    assert refused.value.code == 2
    rule = "must end in .png, .pdf or .svg, got 'picture.jpg'"
    assert capsys.readouterr().err.endswith(f"argument --plot: {rule}\n")


def test_picture_without_matplotlib_names_the_remedy(part, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["merge", part, "--plot", "picture.png"]) == 2
    remedy = 'merge needs matplotlib; pip install "smoothxent[demo]"'
    assert capsys.readouterr() == ("", f"smoothxent: {remedy}\n")


@pytest.mark.parametrize("option, name", [("--json", "a.json"), ("--plot", "a.png")])
class TestPlaceThatCannotBeWritten:
    """It is named before anything is read: the part does not even exist."""

    def refused(self, capsys, option, path):
        pytest.importorskip("matplotlib")
        assert main(["merge", "no such part", option, str(path)]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        return err

    def test_missing_folder(self, option, name, capsys, tmp_path):
        folder = tmp_path / "missing"
        remedy = f"no such folder; create it or choose another {option}"
        assert self.refused(capsys, option, folder / name) == f"smoothxent: {folder}: {remedy}\n"

    def test_folder_in_its_place(self, option, name, capsys, tmp_path):
        place = tmp_path / name
        place.mkdir()
        remedy = f"is a folder; name a file in it for {option}"
        assert self.refused(capsys, option, place) == f"smoothxent: {place}: {remedy}\n"

    def test_read_only_folder(self, option, name, capsys, tmp_path, monkeypatch):
        # Nothing is read-only for root, who may run this: the system's answer is what matters.
        monkeypatch.setattr(os, "access", lambda place, mode: (place, mode) != (tmp_path, os.W_OK))
        remedy = f"can't be written; choose another {option}"
        found = self.refused(capsys, option, tmp_path / name)
        assert found == f"smoothxent: {tmp_path}: {remedy}\n"
