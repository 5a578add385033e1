"""The warning for probabilities that are passed as logits; other inputs have no warning."""

import warnings

import ml_dtypes
import numpy as np
import pytest

from smoothxent import (
    bits,
    compare,
    compare_files,
    evaluate,
    evaluate_chunks,
    evaluate_file,
    row_statistics,
    softmax,
)


def text(name="logits"):
    return (
        f"{name} must not be probabilities, got rows without negative numbers that sum to 1; "
        "use their logarithm, np.log(p), or the classifier's decision_function"
    )


def warnings_of(call, *arguments, **options):
    """Return the texts of the call's warnings, which must point to the caller's file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*arguments, **options)
    assert {(each.category, each.filename) for each in caught} <= {(UserWarning, __file__)}
    return [str(each.message) for each in caught]


def probabilities(rng, shape, dtype, axis=-1):
    return np.moveaxis(softmax(rng.normal(0, 3, shape).astype(dtype)), -1, axis)


@pytest.mark.fault("probabilities-for-logits")
@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
@pytest.mark.parametrize("num_classes", [2, 3, 1000, 40_000])
def test_probabilities_for_logits_are_a_warning_that_names_the_remedy(any_dtype, rng, num_classes):
    p = probabilities(rng, (30, num_classes), any_dtype)
    assert warnings_of(evaluate, p, np.zeros(30, int)) == [text()]
    if np.dtype(any_dtype).itemsize == 2:
        words = bits(p.view(np.uint16), any_dtype)
        assert warnings_of(evaluate, words, np.zeros(30, int)) == [text()]


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
@pytest.mark.parametrize("shape, axis", [((5,), 0), ((4, 5), 0), ((4, 3, 5), 1), ((2, 3, 4, 5), 1)])
def test_probabilities_are_found_on_any_class_axis(rng, shape, axis):
    p = probabilities(rng, shape, np.float64, axis)
    labels = np.zeros(shape[:-1], int)
    assert warnings_of(evaluate, p, labels, axis=axis) == [text()]


@pytest.mark.fault("probabilities-for-logits")
@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_rows_that_do_not_count_hide_no_probabilities(any_dtype, rng):
    p, labels = probabilities(rng, (30, 4), any_dtype), np.zeros(30, int)
    labels[[0, 7]] = -1
    for row in (np.full(4, np.nan), [0.5, np.nan, 0, 0]):
        p[[0, 7]] = np.asarray(row, any_dtype)
        assert warnings_of(evaluate, p, abs(labels), ignore_index=1) == [text()]
        assert warnings_of(evaluate, p, np.zeros(30, int)) == [text()]
    for row in (np.zeros(4), np.full(4, -9.0), np.full(4, np.inf)):
        p[[0, 7]] = np.asarray(row, any_dtype)
        assert warnings_of(evaluate, p, labels, ignore_index=-1) == [text()]
        assert warnings_of(evaluate, p, np.zeros(30, int)) == []
    assert warnings_of(evaluate, p[[0, 7]], labels[[0, 7]], ignore_index=-1) == []


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_ignored_rows_are_known_on_any_class_axis(rng):
    p, labels = probabilities(rng, (2, 4, 5), np.float64, axis=1), np.zeros((2, 4), int)
    p[0, :, 0], labels[0, 0] = 7, -1
    assert warnings_of(evaluate, p, labels, axis=1, ignore_index=-1) == [text()]
    assert warnings_of(evaluate, p, labels + 1, axis=1, ignore_index=4) == []
    assert warnings_of(evaluate, p[0, :, 0], -1, ignore_index=-1) == []
    assert warnings_of(evaluate, p[1, :, 0], 2, ignore_index=-1) == [text()]


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
@pytest.mark.parametrize("bad_row, is_warned_of", [(0, False), (1, False), (3, False), (4, True)])
def test_four_rows_are_looked_at_however_long_they_are(rng, bad_row, is_warned_of):
    p = probabilities(rng, (6, 20_000), np.float32)
    p[bad_row, -1] -= 1
    assert warnings_of(evaluate, p, np.zeros(6, int)) == [text()] * is_warned_of


@pytest.mark.fault("probabilities-for-logits")
@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_comparison_names_the_classifier_that_gives_probabilities(rng):
    p, labels = probabilities(rng, (30, 4), np.float32), np.zeros(30, int)
    assert warnings_of(compare, np.log(p), p, labels) == [text("logits_b")]
    assert warnings_of(compare, p, np.log(p), labels) == [text("logits_a")]
    assert warnings_of(compare, p, p, labels) == [text("logits_a"), text("logits_b")]


@pytest.mark.fault("probabilities-for-logits")
@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_only_the_first_of_several_chunks_is_checked(rng):
    p, labels = probabilities(rng, (30, 4), np.float32), np.zeros(30, int)
    chunk = text("logits of chunks[0]")
    assert warnings_of(evaluate_chunks, [(p, labels), (p, labels)]) == [chunk]
    assert warnings_of(evaluate_chunks, [(p, labels)], ignore_index=0) == []
    assert warnings_of(evaluate_chunks, [(np.log(p), labels), (p, labels)]) == []


@pytest.mark.filterwarnings("ignore:logits must not be probabilities")
def test_table_says_that_the_first_rows_are_probabilities(rng):
    p, labels = probabilities(rng, (30, 4), np.float32), np.zeros(30, int)
    line = "logits look like probabilities; use np.log(p)"
    of_p, of_logs = evaluate(p, labels), evaluate(np.log(p), labels)
    nothing = evaluate(p[:0], labels[:0])
    for whole in (of_p, of_p + of_logs, nothing + of_p, evaluate(p, labels, groups=labels)):
        assert line in " ".join(str(whole).split())
    for whole in (of_logs, of_logs + of_p, nothing):
        assert "warning" not in str(whole)
    assert of_logs + of_p == of_p + of_logs


@pytest.fixture
def files(rng, tmp_path, monkeypatch):
    """Write files of probabilities, their logarithms and labels to the current folder."""
    monkeypatch.chdir(tmp_path)
    p = probabilities(rng, (200, 4), np.float32)
    for name, array in (("p", p), ("log_p", np.log(p)), ("labels", np.zeros(200, int))):
        np.save(f"{name}.npy", array)
    for name, rows in (("part-1", p[:50]), ("part-2", p[50:])):
        np.save(f"{name}.npy", rows)


@pytest.mark.fault("probabilities-for-logits")
@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
@pytest.mark.usefixtures("files", "small_chunks")
def test_file_of_probabilities_is_named_once():
    assert warnings_of(evaluate_file, "p.npy", "labels.npy") == [text("logits file p.npy")]
    parts = text("logits files part-1.npy to part-2.npy")
    assert warnings_of(evaluate_file, "part-*.npy", "labels.npy") == [parts]
    assert warnings_of(evaluate_file, "log_p.npy", "labels.npy") == []


@pytest.mark.fault("probabilities-for-logits")
@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
@pytest.mark.usefixtures("files", "small_chunks")
def test_comparison_of_files_names_each_file_of_probabilities():
    a, b = text("logits file p.npy"), text("logits files part-1.npy to part-2.npy")
    assert warnings_of(compare_files, "p.npy", "part-*.npy", "labels.npy") == [a, b]
    assert warnings_of(compare_files, "log_p.npy", "p.npy", "labels.npy") == [a]
    assert warnings_of(compare_files, "log_p.npy", "log_p.npy", "labels.npy") == []


@pytest.mark.fault("probabilities-for-logits")
@pytest.mark.usefixtures("files")
def test_warning_of_the_command_line_is_one_line_on_stderr(run_child):
    source = """
import sys
from smoothxent.cli import main
sys.stderr = sys.stdout
sys.exit(main(sys.argv[1:]))
"""
    options = {"flags": (), "silent": True}
    command = ["compare", "p.npy", "part-*.npy", "labels.npy", "--quiet"]
    a, b = text("logits file p.npy"), text("logits files part-1.npy to part-2.npy")
    assert run_child(source, *command, **options) == "".join(
        f"smoothxent: warning: {each}\n" for each in (a, b)
    )


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_logits_are_no_warning(any_dtype, rng):
    p = probabilities(rng, (30, 4), any_dtype)
    negative, larger, infinite = p.copy(), p.copy(), p.copy()
    negative[7] = -1, 1, 1, 0  # sums to 1
    larger[29, 0] += np.asarray(0.25, any_dtype)
    infinite[3, 2] = np.inf
    one_class, nothing = np.ones((30, 1), any_dtype), np.full((30, 4), np.nan, any_dtype)
    others = (one_class, nothing, p[:0], rng.normal(0, 1, (30, 4)))
    for logits in (negative, larger, infinite, *others):
        assert warnings_of(evaluate, logits, np.zeros(len(logits), int)) == []


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_statistics_of_probabilities_are_no_warning(rng):
    p = probabilities(rng, (30, 4), ml_dtypes.bfloat16)
    assert warnings_of(row_statistics, p, np.zeros(30, int)) == []


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_warning_is_off_where_it_is_filtered(rng):
    p = probabilities(rng, (30, 4), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "logits.* must not be probabilities")
        evaluate(p, np.zeros(30, int))
