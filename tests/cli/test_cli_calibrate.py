"""`smoothxent calibrate`: the library's temperature of files, in every format, and errors."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from assertions import error_line, misuse, printed
from smoothxent import bits, fit_temperature

FILES = ["logits.npy", "labels.npy"]
CALIBRATE = ["calibrate", *FILES]


def test_table_is_that_of_the_library(rows, capsys):
    assert printed(capsys, *CALIBRATE) == f"{fit_temperature(*rows)}\n"
    assert (
        printed(capsys, *CALIBRATE, "--format", "markdown") == fit_temperature(*rows).to_markdown()
    )


def test_every_option_is_that_of_the_library(rows, capsys, rng):
    logits, labels = rows
    weights = rng.uniform(0, 2, 120)
    np.save("weights.npy", weights)
    options = [
        *("--ignore-index", "3", "--top-k", "2,4", "--bins", "6", "--threads", "2", "--json", "-"),
        *("--softcap", "20", "--bounds", "0.5,1.25", "--sample-weight", "weights.npy"),
    ]
    chosen = {"ignore_index": 3, "top_k": (2, 4), "num_bins": 6, "softcap": 20.0}
    chosen |= {"sample_weight": weights, "bounds": (0.5, 1.25)}
    expected = fit_temperature(logits, labels, **chosen)
    assert expected.bound == "upper"
    assert json.loads(printed(capsys, *CALIBRATE, *options)) == expected.to_dict()


def test_shards_and_words_of_two_bytes(rows, capsys):
    logits, labels = rows
    words = (logits.view(np.uint32) >> 16).astype(np.uint16)
    np.save("a-1.npy", words[:20])
    np.save("a-2.npy", words[20:])
    expected = fit_temperature(bits(words, "bfloat16"), labels)
    shown = printed(capsys, "calibrate", "a-*.npy", "labels.npy", "--dtype", "bfloat16")
    assert shown == f"{expected}\n"


def test_printed_temperature_gives_the_saved_evaluation(rows, capsys):
    title = printed(capsys, *CALIBRATE, "--apply-json", "applied.json").splitlines()[0]
    options = ["--temperature", title.split()[1], "--json", "saved.json"]
    printed(capsys, "evaluate", *FILES, *options)
    assert Path("applied.json").read_bytes() == Path("saved.json").read_bytes()
    assert printed(capsys, "merge", "applied.json") == f"{fit_temperature(*rows).evaluation}\n"


def test_saved_temperature_is_taken_by_other_commands(rows, capsys):
    value = fit_temperature(*rows).value
    printed(capsys, *CALIBRATE, "--json", "fitted.json", "--apply-json", "applied.json")
    compared = ["compare", "logits.npy", *FILES]
    for command in (["evaluate", *FILES], compared):
        shown, expected = (
            printed(capsys, *command, "--temperature", given)
            for given in ("fitted.json", str(value))
        )
        assert shown == expected
        assert "temperature" in shown
    assert printed(capsys, *compared, "--temperature", "1,1") != shown
    # an evaluation, not a temperature
    found = misuse(capsys, "evaluate", *FILES, "--temperature", "applied.json")
    assert "got 'applied.json'" in found


def test_quiet_saves_and_prints_nothing(rows, capsys):
    options = ("--quiet", "--json", "saved.json", "--apply-json", "applied.json")
    assert printed(capsys, *CALIBRATE, *options) == ""
    expected = fit_temperature(*rows)
    assert json.loads(Path("saved.json").read_text()) == expected.to_dict()
    assert json.loads(Path("applied.json").read_text()) == expected.evaluation.to_dict()


def test_csv_has_every_number_of_both_evaluations(rows, capsys):
    expected = fit_temperature(*rows)
    (row,) = csv.DictReader(printed(capsys, *CALIBRATE, "--format", "csv").splitlines())
    assert float(row["value"]) == expected.value
    assert (row["iterations"], row["bound"]) == (str(expected.iterations), "")
    assert float(row["before_nll"]) == float(row["nll_before"]) == expected.nll_before
    assert float(row["after_calibration_error"]) == expected.evaluation.calibration_error
    assert float(row["after_top_k_5"]) == expected.evaluation.top_k[5]


@pytest.mark.slow
def test_picture_is_saved(rows, capsys):
    pytest.importorskip("matplotlib")
    printed(capsys, *CALIBRATE, "--quiet", "--plot", "saved.png")
    assert Path("saved.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.fault("cli-files")
@pytest.mark.parametrize(
    "change, error_text",
    [
        (lambda labels: labels - 100, "labels in labels.npy must lie in [0, 7), got labels[0] = "),
        (lambda labels: labels[1:], "labels file labels.npy must have shape (120,), "),
    ],
)
def test_fault_is_one_line_that_names_the_file(rows, capsys, change, error_text):
    np.save("labels.npy", change(rows[1]))
    assert error_line(capsys, *FILES, command="calibrate").startswith(error_text)


@pytest.mark.fault("temperature-data")
def test_data_without_a_minimum_is_one_line_and_nothing_is_saved(rows, capsys):
    np.save("labels.npy", rows[0].argmax(axis=1))
    line = error_line(capsys, *FILES, "--apply-json", "applied.json", command="calibrate")
    rule = "labels must not have the largest logit in every row, got "
    assert line.startswith(f"labels.npy: {rule}")
    assert not Path("applied.json").exists()


@pytest.mark.fault("cli-usage")
@pytest.mark.parametrize("bounds, found", [("1,2", "(1.0, 2.0)"), ("0.5", "(0.5,)")])
def test_bounds_out_of_range_are_the_error_of_the_library(rows, capsys, bounds, found):
    line = error_line(capsys, *FILES, "--bounds", bounds, command="calibrate")
    rule = "bounds must be two temperatures low < 1 < high in [1e-30, 1e+30]"
    assert line == f"{rule}, got {found}"


DIFFER = "--apply-json: must differ from all other input and "


@pytest.mark.fault("cli-usage", "cli-outputs")
@pytest.mark.parametrize(
    "options, error_text",
    [
        (["--bounds", "a,2"], "--bounds: must be a number, got 'a'"),
        (["--apply-json", "-"], "--apply-json: must be the name of a file, got '-'"),
        (["--apply-json", "labels.npy"], DIFFER),
        (["--apply-json", "a.json", "--json", "./a.json"], DIFFER),
    ],
)
def test_wrong_usage_is_one_line(rows, capsys, options, error_text):
    line = misuse(capsys, *CALIBRATE, *options)
    assert line.startswith(f"smoothxent calibrate: error: argument {error_text}")
