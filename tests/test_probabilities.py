"""Probabilities handed over as logits: a warning, and none for anything else."""

import warnings

import ml_dtypes
import numpy as np
import pytest

from smoothxent import compare, evaluate, evaluate_file, row_statistics, softmax

TEXT = (
    "logits look like probabilities: no row looked at is negative anywhere and each sums to 1; "
    "use their logarithm, np.log(p), or the classifier's decision_function"
)


def found(call, *arguments, **options):
    """Return what the call warns of, and where."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*arguments, **options)
    return [(each.category, str(each.message)) for each in caught], caught


def probabilities(rng, shape, dtype, axis=-1):
    return np.moveaxis(softmax(rng.normal(0, 3, shape).astype(dtype)), -1, axis)


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
@pytest.mark.parametrize("num_classes", [2, 3, 1000, 40_000])
def test_probabilities_for_logits_are_a_warning_that_names_the_remedy(any_dtype, rng, num_classes):
    p = probabilities(rng, (30, num_classes), any_dtype)
    messages, caught = found(evaluate, p, np.zeros(30, int))
    assert messages == [(UserWarning, TEXT)]
    assert caught[0].filename == __file__  # the call, not what it calls
    half = np.dtype(any_dtype).itemsize == 2
    if half:
        bits = p.view(np.uint16)
        messages, _ = found(evaluate, bits, np.zeros(30, int), dtype=np.dtype(any_dtype).name)
        assert messages == [(UserWarning, TEXT)]


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
@pytest.mark.parametrize("shape, axis", [((5,), 0), ((4, 5), 0), ((4, 3, 5), 1), ((2, 3, 4, 5), 1)])
def test_probabilities_are_found_on_any_class_axis(rng, shape, axis):
    p = probabilities(rng, shape, np.float64, axis)
    labels = np.zeros(shape[:-1], int)
    assert found(evaluate, p, labels, axis=axis)[0] == [(UserWarning, TEXT)]


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_comparison_of_probabilities_is_a_warning(rng):
    p = probabilities(rng, (30, 4), np.float32)
    assert found(compare, np.log(p), p, np.zeros(30, int))[0] == [(UserWarning, TEXT)]


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_file_of_probabilities_is_a_warning(rng, tmp_path):
    p = probabilities(rng, (30, 4), np.float32)
    np.save(tmp_path / "labels.npy", np.zeros(30, int))
    for name, logits, expected in (("p", p, [(UserWarning, TEXT)]), ("log_p", np.log(p), [])):
        np.save(tmp_path / f"{name}.npy", logits)
        paths = tmp_path / f"{name}.npy", tmp_path / "labels.npy"
        assert found(evaluate_file, *paths)[0] == expected


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_logits_are_no_warning(any_dtype, rng):
    p = probabilities(rng, (30, 4), any_dtype)
    negative, larger, special = p.copy(), p.copy(), p.copy()
    negative[7] = -1, 1, 1, 0  # sums to 1
    larger[29, 0] += np.asarray(0.25, any_dtype)
    special[3, 2] = np.nan
    one_class = np.ones((30, 1), any_dtype)
    for logits in (negative, larger, special, one_class, p[:0], rng.normal(0, 1, (30, 4))):
        assert found(evaluate, logits, np.zeros(len(logits), int))[0] == []


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_statistics_of_probabilities_are_no_warning(rng):
    p = probabilities(rng, (30, 4), ml_dtypes.bfloat16)
    assert found(row_statistics, p, np.zeros(30, int))[0] == []


@pytest.mark.thread_unsafe(reason="warnings are caught for the whole process")
def test_warning_is_off_where_it_is_filtered(rng):
    p = probabilities(rng, (30, 4), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "logits look like probabilities")
        evaluate(p, np.zeros(30, int))
