"""`smoothxent compare`: the library's comparison of two files, in every format, and errors."""

import csv
import json
import math

import numpy as np
import pytest

from assertions import error_line, misuse, printed
from smoothxent import bits, compare

REMEDY = "pass --ignore-index -1 to leave such rows out"
FILES = ["a.npy", "b.npy", "labels.npy"]
COMPARE = ["compare", *FILES]
NAMES = {"names": ("a.npy", "b.npy")}


@pytest.fixture
def arrays(rng, tmp_path, monkeypatch):
    """Save logits of two classifiers and labels in `FILES`; return the arrays."""
    monkeypatch.chdir(tmp_path)
    a = rng.normal(0, 3, (90, 9)).astype(np.float32)
    arrays = a, a + rng.normal(0, 0.5, a.shape), rng.integers(0, 9, 90)
    for name, array in zip(FILES, arrays, strict=True):
        np.save(name, array)
    return arrays


def test_table_is_that_of_the_library_with_the_names_of_the_files(arrays, capsys):
    assert printed(capsys, *COMPARE) == f"{compare(*arrays, **NAMES)}\n"
    expected = compare(*arrays, names=("base", "int8"))
    assert printed(capsys, *COMPARE, "--names", "base", "int8") == f"{expected}\n"


@pytest.mark.usefixtures("arrays")
def test_names_of_files_that_cannot_be_printed_are_escaped(capsys):
    name = "a\n\x1b.npy"
    np.save(name, np.load("a.npy"))
    shown = printed(capsys, "compare", name, *FILES[1:])
    assert "\nA: a\\n\\x1b.npy\nB: b.npy\n" in shown
    found = misuse(capsys, *COMPARE, "--names", "", "int8")
    assert "argument --names: must not be empty, got ''" in found


def test_every_option_is_that_of_the_library(arrays, capsys):
    options = [
        *("--label-smoothing", "0.125", "--ignore-index", "3", "--top-k", "2,4", "--bins", "6"),
        *("--threads", "2", "--json", "-", "--temperature", "0.5,2", "--softcap", "20"),
        *("--sample-weight", "weights.npy", "--names", "x", "y"),
    ]
    weights = np.linspace(0, 2, 90)
    np.save("weights.npy", weights)
    chosen = {"label_smoothing": 0.125, "ignore_index": 3, "top_k": (2, 4), "num_bins": 6}
    chosen |= {"temperature": (0.5, 2.0), "softcap": 20.0, "names": ("x", "y")}
    expected = compare(*arrays, sample_weight=weights, **chosen)
    assert json.loads(printed(capsys, *COMPARE, *options)) == expected.to_dict()


def test_shards_and_words_of_two_bytes(arrays, capsys):
    a, _, labels = arrays
    words = (a.view(np.uint32) >> 16).astype(np.uint16)
    np.save("b.npy", words)
    np.save("a-1.npy", a[:20])
    np.save("a-2.npy", a[20:])
    arguments = ["a-*.npy", *FILES[1:], "--dtype", "bfloat16", "--format", "markdown"]
    expected = compare(a, bits(words, "bfloat16"), labels, names=("a-*.npy", "b.npy"))
    assert printed(capsys, "compare", *arguments) == expected.to_markdown()


def test_csv_has_every_number_of_both_and_of_pairs(arrays, capsys):
    expected = compare(*arrays)
    (row,) = csv.DictReader(printed(capsys, *COMPARE, "--format", "csv").splitlines())
    assert row.pop("a_softcap") == row.pop("b_softcap") == ""
    assert (row.pop("a_name"), row.pop("b_name")) == ("a.npy", "b.npy")
    numbers = {name: float(text) for name, text in row.items()}
    assert numbers["kl"] == expected.kl
    assert numbers["kl_quantiles_0.99"] == expected.kl_quantiles[0.99]
    quantiles = expected.probability_change_quantiles
    assert numbers["probability_change_quantiles_0.999"] == quantiles[0.999]
    assert numbers["top_k_difference_stderr_5"] == expected.top_k_difference_stderr[5]
    assert numbers["a_nll"] == expected.a.nll
    assert numbers["b_top_k_5"] == expected.b.top_k[5]
    assert all(map(math.isfinite, numbers.values()))


def test_groups_are_those_of_the_library_in_every_format(arrays, capsys):
    ids = np.arange(90) % 12
    np.save("ids.npy", ids)
    expected = compare(*arrays, groups=ids, **NAMES)
    options = ("--groups", "ids.npy")
    assert printed(capsys, *COMPARE, *options) == f"{expected}\n"
    assert printed(capsys, *COMPARE, *options, "--format", "markdown") == expected.to_markdown()
    assert (
        printed(capsys, *COMPARE, *options, "--interval", "80")
        == f"{expected.to_text(interval=0.8)}\n"
    )
    assert json.loads(printed(capsys, *COMPARE, *options, "--json", "-")) == expected.to_dict()
    (row,) = csv.DictReader(printed(capsys, *COMPARE, *options, "--format", "csv").splitlines())
    assert row["groups"] == "12"
    assert float(row["kl_stderr"]) == expected.kl_stderr
    errors = expected.top_k_difference_stderr
    assert float(row["top_k_difference_stderr_5"]) == errors[5]


def test_parts_that_share_groups_are_merged(arrays, capsys):
    ids = np.array(["a", "b", "c,d"])[np.arange(90) % 3]
    for number, part in enumerate((slice(40), slice(40, None))):
        for name, array in zip([*FILES, "ids.npy"], [*arrays, ids], strict=True):
            np.save(name, array[part])
        saved = ("--quiet", "--json", f"part-{number}.json")
        assert printed(capsys, *COMPARE, "--groups", "ids.npy", *saved) == ""
    expected = compare(*arrays, groups=ids, **NAMES)
    merged = printed(capsys, "merge", "part-*.json", "--json", "-")
    assert json.loads(merged) == expected.to_dict()
    printed(capsys, *COMPARE, "--quiet", "--json", "plain.json")
    rule = "groups must be in both evaluations that are added or in neither, got them in one"
    line = error_line(capsys, "part-0.json", "plain.json", command="merge")
    assert line == f"plain.json: {rule}; pass groups for both"


@pytest.mark.usefixtures("arrays")
def test_groups_are_not_overwritten(capsys):
    np.save("ids.npy", np.arange(90))
    rule = "must differ from all other input and output files, got 'ids.npy'"
    found = misuse(capsys, *COMPARE, "--groups", "ids.npy", "--json", "ids.npy")
    assert f"argument --json: {rule}" in found


@pytest.mark.slow
def test_quiet_saves_and_says_nothing(arrays, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    assert printed(capsys, *COMPARE, "--quiet", "--json", "saved.json", "--plot", "saved.png") == ""
    assert json.loads((tmp_path / "saved.json").read_text()) == compare(*arrays, **NAMES).to_dict()
    assert (tmp_path / "saved.png").read_bytes().startswith(b"\x89PNG")


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
            f"labels in labels.npy must lie in [0, 9), got labels[0] = -1; {REMEDY}",
        ),
    ],
)
def test_fault_is_one_line_that_names_the_file(name, change, error_text, arrays, capsys):
    np.save(name, change(arrays[FILES.index(name)]))
    assert error_line(capsys, *FILES, command="compare") == error_text
