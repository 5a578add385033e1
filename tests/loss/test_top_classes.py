"""row_statistics(top_k=...): the top classes of each row and their log-probabilities."""

import mpmath
import numpy as np
import pytest

import oracle
from assertions import error_text, losses_dtype
from quick import slow_but_first
from smoothxent import log_softmax, row_statistics
from smoothxent._kernel import builds

# A lane's; around 64, the longest list; around rows of one lane; around a tile; two segments, of
# which the second has fewer classes than a list; four segments.
CLASS_COUNTS = [1, 2, 3, 63, 64, 65, 100, 128, 129, 1000, 1024, 1025, 16_390, 50_000]
ORDERS = {
    "random": lambda rng, x: x,
    "ascending": lambda rng, x: np.sort(x, axis=1),  # each logit enters the list
    "descending": lambda rng, x: -np.sort(-x, axis=1),
    "few values": lambda rng, x: np.round(x / 4),
    "all equal": lambda rng, x: np.full_like(x, 1.5),
    "mostly absent": lambda rng, x: np.where(
        (rng.uniform(0, 1, x.shape) < 0.97) & (np.arange(x.shape[1]) != x.shape[1] // 2), -np.inf, x
    ),
}


def top_classes_of(logits, top_k):
    """Return the classes of the largest logits, the lower class first among equals."""
    return np.argsort(-logits.astype(float), axis=1, kind="stable")[:, :top_k]


def list_lengths(num_classes):
    """Return lengths below, at and above the number of lanes, up to the longest, for top_k."""
    return sorted({min(num_classes, size) for size in (1, 2, 15, 16, 17, 64)})


def bits(statistics):
    return [array.tobytes() for array in statistics if array is not None]


@pytest.mark.parametrize("order", slow_but_first(ORDERS))
@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
def test_top_classes_are_the_first_of_a_stable_sort(any_dtype, rng, num_classes, order):
    num_rows = 19 if num_classes <= 128 else 3
    logits = ORDERS[order](rng, rng.normal(0, 4, (num_rows, num_classes))).astype(any_dtype)
    for top_k in list_lengths(num_classes):
        statistics = row_statistics(logits, top_k=top_k)
        expected = top_classes_of(logits, top_k)
        np.testing.assert_array_equal(statistics.top_classes, expected)
        assert statistics.top_classes.dtype == np.int64
        log_p = log_softmax(logits.astype(losses_dtype(any_dtype)))
        log_p = np.take_along_axis(log_p, expected, axis=1)
        assert statistics.top_log_probs.dtype == log_p.dtype
        assert statistics.top_log_probs.tobytes() == log_p.tobytes()


@pytest.mark.parametrize("gap", [0.0, 1.0, 17.0, 40.0, 100.0])
@pytest.mark.parametrize("num_classes", slow_but_first([20, 1, 2, 128, 129, 1100, 17_000]))
def test_log_probabilities_are_within_four_ulps_also_of_confident_rows(dtype, num_classes, gap):
    row = np.linspace(-1, 0, num_classes).astype(dtype)
    row[num_classes // 2] = gap
    statistics = row_statistics(row, top_k=min(num_classes, 5))
    with mpmath.workdps(120):
        lse = oracle.exact_log_sum_exp(row)
        for log_p, k in zip(statistics.top_log_probs, statistics.top_classes, strict=True):
            assert oracle.ulps(log_p, float(row[k]) - lse, dtype) <= 4


@pytest.mark.parametrize("num_classes", [3, 129, 20_000])
def test_largest_log_probability_is_the_loss_of_the_top_class(any_dtype, rng, num_classes):
    logits = rng.normal(0, 6, (21, num_classes)).astype(any_dtype)
    argmax = logits.astype(float).argmax(axis=1)
    statistics = row_statistics(logits, argmax, top_k=2)
    np.testing.assert_array_equal(statistics.top_classes[:, 0], argmax)
    assert statistics.top_log_probs[:, 0].tobytes() == (-statistics.nll).tobytes()


@pytest.mark.parametrize("num_classes", [5, 300, 3000, 40_000])
def test_other_statistics_do_not_depend_on_top_k(any_dtype, rng, num_classes):
    logits = rng.normal(0, 4, (3, num_classes)).astype(any_dtype)
    labels = rng.integers(0, num_classes, 3)
    bare = row_statistics(logits, labels)
    assert bare.top_log_probs is None
    assert bare.top_classes is None
    assert bits(row_statistics(logits, labels, top_k=3))[:8] == bits(bare)


@pytest.mark.parametrize("order", slow_but_first(ORDERS))
# Whole rows for each thread, segments of all rows at once, and of 16 (float64: 8) rows at a time.
@pytest.mark.parametrize("num_rows, num_classes", [(40, 1500), (3, 50_000), (18, 17_000)])
def test_number_of_threads_does_not_change_a_bit(any_dtype, rng, num_rows, num_classes, order):
    logits = ORDERS[order](rng, rng.normal(0, 4, (num_rows, num_classes))).astype(any_dtype)
    alone = bits(row_statistics(logits, top_k=64, num_threads=1))
    for num_threads in (2, 3, 5):
        assert bits(row_statistics(logits, top_k=64, num_threads=num_threads)) == alone


@pytest.mark.fault("special-values")
@pytest.mark.parametrize("num_classes", [6, 128, 129, 2000, 20_000])
def test_row_with_nan_has_no_top_classes_and_touches_no_other_row(dtype, rng, num_classes):
    logits = rng.normal(0, 4, (20, num_classes)).astype(dtype)
    expected = row_statistics(logits, top_k=6)
    spoiled = logits.copy()
    spoiled[3, rng.integers(num_classes)] = np.nan
    spoiled[7, -1] = np.nan
    spoiled[11, [0, -1]] = np.inf, np.nan
    spoiled[15] = np.nan
    statistics = row_statistics(spoiled, top_k=6)
    has_nan = np.isnan(spoiled).any(axis=1)
    assert has_nan.sum() == 4
    assert np.isnan(statistics.top_log_probs[has_nan]).all()
    assert (statistics.top_classes[has_nan] == -1).all()
    for name, values in expected._asdict().items():
        if values is not None:
            np.testing.assert_array_equal(getattr(statistics, name)[~has_nan], values[~has_nan])


@pytest.mark.fault("special-values")
@pytest.mark.parametrize("num_classes", [6, 128, 129, 2000, 20_000])
def test_row_without_a_softmax_has_top_classes_but_no_log_probabilities(dtype, num_classes):
    logits = np.zeros((3, num_classes), dtype)
    logits[0, [2, num_classes - 1]] = np.inf
    logits[1] = -np.inf
    logits[2] = np.where(np.arange(num_classes) == 4, 0, -np.inf)
    statistics = row_statistics(logits, top_k=3)
    assert statistics.top_classes.tolist() == [[2, num_classes - 1, 0], [0, 1, 2], [4, 0, 1]]
    assert np.isnan(statistics.top_log_probs[:2]).all()
    assert statistics.top_log_probs[2].tolist() == [0, -np.inf, -np.inf]


@pytest.mark.parametrize("num_classes", [3, 128, 1000, 20_000])
def test_top_classes_are_those_of_the_transformed_logits(any_dtype, rng, num_classes):
    logits = rng.normal(0, 9, (20, num_classes)).astype(any_dtype)
    capped = logits.astype(losses_dtype(any_dtype))  # of which many are equal
    builds.kernel(capped.dtype.name).transform(capped, (2.0, 0.75, 0.0))
    statistics = row_statistics(logits, softcap=2.0, temperature=0.75, top_k=3)
    assert bits(statistics) == bits(row_statistics(capped, top_k=3))


@pytest.mark.parametrize(
    "top_k, error, text",
    [
        (0, ValueError, "top_k must be at least 1, got 0"),
        (65, ValueError, "top_k must be at most 64, got 65"),
        (8, ValueError, "top_k must be at most the number of classes (7), got 8"),
        (2.0, TypeError, "top_k must be an integer, got 2.0"),
        ((1, 5), TypeError, "top_k must be an integer, got (1, 5)"),
    ],
)
def test_number_of_top_classes_is_checked(top_k, error, text):
    logits = np.zeros((2, 7), np.float32)
    assert error_text(error, row_statistics, logits, top_k=top_k) == text
