"""`smoothxent evaluate`: the bits of the library, patterns of shards, and one line for errors."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from assertions import error_line, misuse, printed
from smoothxent import Evaluation, bits, evaluate
from smoothxent._files.stored_array import PlainFile

FILES = ["logits.npy", "labels.npy"]


def evaluated(capsys, *options, files=FILES):
    """Return the evaluation that the command prints as JSON."""
    out = printed(capsys, "evaluate", *files, *options, "--json", "-")
    return Evaluation.from_dict(json.loads(out))


def test_evaluation_has_the_bits_of_the_library(rows, capsys):
    assert evaluated(capsys) == evaluate(*rows)


def test_every_option_is_that_of_the_library(rows, capsys, rng):
    logits, labels = rows
    weights = {
        "sample_weight": rng.uniform(0, 2, 120),
        "class_weight": rng.uniform(0, 2, 7),
        "prior": rng.dirichlet(np.ones(7)),
    }
    for name, weight in weights.items():
        np.save(f"{name}.npy", weight)
    options = [
        *("--label-smoothing", "0.125", "--ignore-index", "3", "--top-k", "2,4", "--bins", "6"),
        *("--threads", "2", "--sample-weight", "sample_weight.npy"),
        *("--class-weight", "class_weight.npy", "--prior", "prior.npy"),
        *("--temperature", "0.75", "--softcap", "20"),
    ]
    chosen = {"label_smoothing": 0.125, "ignore_index": 3, "top_k": (2, 4), "num_bins": 6}
    expected = evaluate(logits, labels, temperature=0.75, softcap=20, **chosen, **weights)
    assert evaluated(capsys, *options) == expected


def test_negative_label_can_be_ignored(rows, capsys):
    logits, labels = rows
    labels[::3] = -100
    np.save("labels.npy", labels)
    expected = evaluate(logits, labels, ignore_index=-100)
    assert evaluated(capsys, "--ignore-index", "-100") == expected


def test_words_of_two_bytes_are_what_dtype_says(rows, capsys):
    logits, labels = rows
    words = (logits.view(np.uint32) >> 16).astype(np.uint16)
    np.save("logits.npy", words)
    expected = evaluate(bits(words, "bfloat16"), labels)
    assert evaluated(capsys, "--dtype", "bfloat16") == expected


def test_quoted_pattern_takes_shards_by_the_numbers_in_their_names(rows, capsys):
    logits, labels = rows
    for number in range(12):
        np.save(f"logits-{number}.npy", logits[10 * number : 10 * number + 10])
    np.save("labels-02.npy", labels[:70])
    np.save("labels-10.npy", labels[70:])
    assert evaluated(capsys, files=["logits-*.npy", "labels-*.npy"]) == evaluate(*rows)


@pytest.mark.fault("cli-infinite-loss")
def test_infinite_perplexity_is_shown_and_null_in_json(folder, capsys):
    np.save("logits.npy", np.array([[0.0, 800]]))
    np.save("labels.npy", np.array([0]))
    lines = printed(capsys, "evaluate", *FILES, "--json", "saved.json").splitlines()
    assert "loss (nll)           800.0000" in lines
    assert "perplexity                inf" in lines
    record = json.loads((folder / "saved.json").read_text(), parse_constant=pytest.fail)
    assert record["metrics"]["perplexity"] is None
    assert record["metrics"]["nll"] == 800


@pytest.mark.fault("cli-files")
def test_missing_file_is_named(rows, capsys):
    line = error_line(capsys, "none.npy", "labels.npy")
    assert line == "none.npy: No such file or directory; check the path"
    line = error_line(capsys, "none-*.npy", "labels.npy")
    assert line == "none-*.npy: No file matches; check the path"
    line = error_line(capsys, *FILES, "--prior", "none.npy")
    assert line == "none.npy: No such file or directory; check the path"


@pytest.mark.fault("cli-files")
def test_folder_in_place_of_a_file_is_named(rows, capsys, folder):
    line = error_line(capsys, str(folder), "labels.npy")
    assert (
        line == f"{folder}: Is a directory; give a file, or a quoted pattern such as 'FOLDER/*.npy'"
    )


@pytest.mark.fault("cli-files")
@pytest.mark.parametrize(
    "name, option",
    [("logits.npy", ""), ("labels.npy", ""), ("w.npy", "prior"), ("i.txt", "groups")],
)
def test_file_of_a_device_that_fails_is_named(rows, capsys, name, option):
    Path(name).unlink(missing_ok=True)
    Path(name).symlink_to("/proc/self/mem")  # the first bytes can't be read
    options = [f"--{option}", name] if option else []
    line = error_line(capsys, *FILES, *options)
    assert line == f"{name}: Input/output error"


@pytest.mark.fault("cli-files")
def test_device_that_fails_meanwhile_is_named(rows, capsys, monkeypatch):
    class Failing(PlainFile):
        def open(self):
            return Path("/proc/self/mem").open("rb", buffering=0)

    monkeypatch.setattr("smoothxent._files.readers.npy.PlainFile", Failing)
    assert error_line(capsys, *FILES) == "logits.npy: Input/output error"


@pytest.mark.fault("cli-files")
def test_swapped_files_are_named_as_swapped(rows, capsys):
    assert error_line(capsys, "labels.npy", "logits.npy") == (
        "logits file labels.npy must be rows of real numbers, got int64 of shape (120,); "
        "are LOGITS and LABELS swapped?"
    )


@pytest.mark.fault("cli-files")
def test_pickle_is_never_loaded(rows, capsys, folder):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("a pickle was loaded",)

    (folder / "bomb.npy").write_bytes(pickle.dumps(Bomb()))
    for argument, arguments in (
        ("logits", ["bomb.npy", "labels.npy"]),
        ("labels", ["logits.npy", "bomb.npy"]),
        ("sample_weight", ["logits.npy", "labels.npy", "--sample-weight", "bomb.npy"]),
    ):
        line = error_line(capsys, *arguments)
        assert line.startswith(f"{argument} file bomb.npy must be ")
        assert line.endswith("got a pickle, which is never loaded; save the array with np.save")
    line = error_line(capsys, *FILES, "--class-weight", "bomb.npy")
    assert line == "bomb.npy: not an array of numbers in .npy format; save it with np.save"


@pytest.mark.fault("cli-files")
def test_negative_label_is_an_error_with_the_option_that_leaves_it_out(rows, capsys):
    rows[1][5] = -100
    np.save("labels.npy", rows[1])
    assert error_line(capsys, *FILES) == (
        "labels in labels.npy must lie in [0, 7), got labels[5] = -100; "
        "pass --ignore-index -100 to leave such rows out"
    )


def test_words_of_two_bytes_are_errors_with_the_option_that_says_what_they_are(rows, capsys):
    np.save("logits.npy", np.zeros((120, 7), np.uint16))
    assert error_line(capsys, *FILES) == (
        "logits file logits.npy must be float32, float64, float16 or bfloat16, got uint16; if "
        "these are the bits of bfloat16 or float16, say so with dtype: --dtype bfloat16, "
        "--dtype float16"
    )


@pytest.mark.fault("cli-files")
def test_error_is_one_line_whatever_the_file_is_called(rows, capsys):
    line = error_line(capsys, "two\nlines, \x1bcred\udcff.npy", "labels.npy")
    name = r"two\nlines, \x1bcred\udcff.npy"
    assert line == f"{name}: No such file or directory; check the path"


@pytest.mark.fault("cli-usage")
@pytest.mark.parametrize(
    "options, rule",
    [
        (["--label-smoothing", "ten"], "--label-smoothing: must be a number, got 'ten'"),
        (
            ["--temperature", "none.json"],
            (
                "--temperature: must be a number, or a file that `smoothxent calibrate --json` "
                "saved, got 'none.json'"
            ),
        ),
        (["--json", "-", "--format", "csv"], "--json: - prints JSON to stdout, not csv"),
        (["--softcap", "x"], "--softcap: must be a number, got 'x'"),
        (["--top-k", "1,zero"], "--top-k: must be a whole number, got 'zero'"),
        (["--bytes", "0"], "--bytes: must be a whole number >= 1, got '0'"),
        (["--interval", "0.95"], "--interval: must lie between 1 and 100, such as 95, got '0.95'"),
        (["--ignore-index", "x"], "--ignore-index: must be a whole number, got 'x'"),
    ],
)
def test_bad_option_is_a_fault_of_usage(options, rule, capsys):
    line = misuse(capsys, "evaluate", *FILES, *options)
    where = "smoothxent evaluate: error: argument"
    assert line == f"{where} {rule}; see smoothxent evaluate --help"


@pytest.mark.fault("cli-usage")
@pytest.mark.parametrize(
    "options, text",
    [
        (["--label-smoothing", "1.5"], "label_smoothing must lie in [0, 1], got 1.5"),
        (["--label-smoothing", "nan"], "label_smoothing must lie in [0, 1], got nan"),
        (["--temperature", "0"], "temperature must lie in [1e-37, 1e+37], got 0.0"),
        (["--softcap", "inf"], "softcap must lie in [1e-37, 1e+37], got inf"),
        (["--top-k", "0"], "top_k must be at least 1, got 0"),
        (["--top-k", f"1,{2**63}"], f"top_k must be at most {2**63 - 1}, got {2**63}"),
        (["--bins", "0"], "--bins must be at least 1, got 0"),
        (["--bins", "1048577"], "--bins must be at most 1048576, got 1048577"),
        (["--threads", "0"], "--threads must be at least 1, got 0"),
    ],
)
def test_number_out_of_range_is_the_error_of_the_library(rows, options, text, capsys):
    assert error_line(capsys, *FILES, *options) == text


def test_quiet_says_nothing(rows, capsys):
    assert printed(capsys, "evaluate", *FILES, "--quiet") == ""
