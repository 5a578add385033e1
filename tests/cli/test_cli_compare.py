"""`smoothxent compare`: the library's comparison of two files, in every format, and errors."""

import csv
import json
import math

import numpy as np
import pytest

from smoothxent import compare
from smoothxent.cli import main

REMEDY = "--ignore-index -1 drops such rows"
FILES = ["a.npy", "b.npy", "labels.npy"]


@pytest.fixture
def arrays(rng, tmp_path, monkeypatch):
    """Save logits of two classifiers and labels in `FILES`; return the arrays."""
    monkeypatch.chdir(tmp_path)
    a = rng.normal(0, 3, (90, 9)).astype(np.float32)
    arrays = a, a + rng.normal(0, 0.5, a.shape), rng.integers(0, 9, 90)
    for name, array in zip(FILES, arrays, strict=True):
        np.save(name, array)
    return arrays


def printed(capsys, *options):
    assert main(["compare", *FILES, *options]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_table_says_which_is_which_above_that_of_the_library(arrays, capsys):
    assert printed(capsys) == f"A  a.npy\nB  b.npy\n\n{compare(*arrays)}\n"


def test_every_option_is_that_of_the_library(arrays, capsys):
    options = [
        *("--label-smoothing", "0.125", "--ignore-index", "3", "--top-k", "2,4", "--bins", "6"),
        *("--threads", "2", "--json", "-", "--temperature", "0.5,2", "--softcap", "20"),
    ]
    expected = compare(
        *arrays,
        label_smoothing=0.125,
        ignore_index=3,
        top_k=(2, 4),
        num_bins=6,
        temperature=(0.5, 2.0),
        softcap=20.0,
    )
    assert json.loads(printed(capsys, *options)) == expected.to_dict()


def test_shards_and_words_of_two_bytes(arrays, capsys):
    a, _, labels = arrays
    words = (a.view(np.uint32) >> 16).astype(np.uint16)
    np.save("b.npy", words)
    np.save("a-1.npy", a[:20])
    np.save("a-2.npy", a[20:])
    arguments = ["a-*.npy", *FILES[1:], "--dtype", "bfloat16", "--format", "markdown"]
    assert main(["compare", *arguments]) == 0
    expected = compare(a, words, labels, dtype="bfloat16")
    assert capsys.readouterr() == (expected.to_markdown(), "")


def test_csv_has_every_number_of_both_and_of_pairs(arrays, capsys):
    expected = compare(*arrays)
    (row,) = csv.DictReader(printed(capsys, "--format", "csv").splitlines())
    assert row.pop("a_softcap") == row.pop("b_softcap") == ""
    numbers = {name: float(text) for name, text in row.items()}
    assert numbers["kl"] == expected.kl
    assert numbers["kl_quantiles_0.99"] == expected.kl_quantiles[0.99]
    assert numbers["a_nll"] == expected.a.nll
    assert numbers["b_top_k_5"] == expected.b.top_k[5]
    assert all(map(math.isfinite, numbers.values()))


@pytest.mark.slow
def test_quiet_saves_and_says_nothing(arrays, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    assert printed(capsys, "--quiet", "--json", "saved.json", "--plot", "saved.png") == ""
    assert json.loads((tmp_path / "saved.json").read_text()) == compare(*arrays).to_dict()
    assert (tmp_path / "saved.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.fault("cli-merge")
def test_comparison_is_no_part_to_merge(arrays, capsys, tmp_path):
    printed(capsys, "--json", "saved.json")
    assert main(["merge", "saved.json"]) == 1
    rule = "a comparison, which can't be merged; compare all rows at once, with patterns of shards"
    assert capsys.readouterr() == ("", f"smoothxent: saved.json: {rule}\n")


@pytest.mark.fault("cli-files")
@pytest.mark.parametrize(
    "name, change, error_text",
    [
        (
            "b.npy",
            lambda b: b[:, :8],
            "logits file b.npy must have the shape of logits file a.npy, (90, 9), got (90, 8)",
        ),
        (
            "labels.npy",
            lambda labels: 0 * labels - 1,
            f"labels file labels.npy must lie in [0, 9), got labels[0] = -1; {REMEDY}",
        ),
    ],
)
def test_fault_is_one_line_that_names_the_file(name, change, error_text, arrays, capsys):
    np.save(name, change(arrays[FILES.index(name)]))
    assert main(["compare", *FILES]) == 1
    assert capsys.readouterr() == ("", f"smoothxent: {error_text}\n")


def test_picture_is_that_of_both(arrays):
    pytest.importorskip("matplotlib")
    comparison = compare(*arrays)
    top, bottom = comparison.plot().subfigs
    for part, name, evaluation in ((top, "A", comparison.a), (bottom, "B", comparison.b)):
        assert part.get_suptitle() == name
        titles = {axes.get_title() for axes in part.axes}
        assert titles == {axes.get_title() for axes in evaluation.plot().axes}


@pytest.mark.fault("matplotlib")
def test_picture_without_matplotlib_names_the_remedy(run_child):
    source = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import smoothxent\n"
        "try: smoothxent.compare([[1.0, 2]], [[2.0, 1]], [0]).plot()\n"
        "except ModuleNotFoundError as error: print(error, error.name[:10], sep='|')"
    )
    assert run_child(source) == 'plot needs matplotlib; pip install "smoothxent[cli]"|matplotlib\n'
