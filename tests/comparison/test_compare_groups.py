"""compare with groups: clustered errors by the formula, and what has no error."""

import math
import operator

import numpy as np
import pytest

from assertions import error_text
from evaluations import clustered_error
from smoothxent import compare, evaluate
from test_compare_formulas import PAIRED, draw, expected_pairs, metric


@pytest.mark.parametrize("num_groups", [2, 7, 100])
@pytest.mark.parametrize("weighted", [False, True])
def test_errors_are_those_of_the_formula(rng, any_dtype, num_groups, weighted):
    a, b, labels = draw(rng, 200, 12, any_dtype)
    ids = rng.integers(0, num_groups, 200)
    weights = rng.exponential(size=200) if weighted else np.ones(200)
    options = {"sample_weight": weights} if weighted else {}
    comparison = compare(a, b, labels, groups=ids, **options)
    expected = expected_pairs(a, b, labels)
    for name in PAIRED:  # also of top_k_difference, for k = 5
        error = clustered_error(expected[name].tolist(), weights.tolist(), ids.tolist())
        # The formulas and the kernel differ by some ulps of log-probabilities of up to 40.
        found = metric(comparison, f"{name}_stderr")
        assert found == pytest.approx(error, rel=1e-9, abs=1e-13), name
    assert comparison.b == evaluate(b, labels, groups=ids, **options)
    ids, counts = np.unique(ids, return_counts=True)
    assert comparison.groups.ids.tolist() == ids.tolist()
    assert comparison.groups.count.tolist() == counts.tolist()


def test_groups_change_nothing_but_errors(rng):
    a, b, labels = draw(rng, 100, 12)
    grouped, alone = compare(a, b, labels, groups=labels), compare(a, b, labels)
    found, expected = (each.to_dict()["metrics"] for each in (grouped, alone))
    changed = {name for name in expected if found[name] != expected[name]}
    assert changed == {"a", "b", *(name for name in expected if name.endswith("_stderr"))}
    assert alone.groups is None


def test_groups_with_only_ignored_rows_are_left_out(rng):
    a, b, labels = draw(rng, 200, 9, np.float64)
    ids, weights = rng.integers(0, 40, 200), rng.exponential(size=200)
    labels[ids == 3] = -1
    weights[ids == 5] = 0
    comparison = compare(a, b, labels, ignore_index=-1, sample_weight=weights, groups=ids)
    assert comparison.groups.ids.tolist() == np.unique(ids[ids != 3]).tolist()
    # Rows of weight 0 have no part in the errors, nor does their group in the number of groups.
    kept = ~np.isin(ids, [3, 5])
    options = {"sample_weight": weights[kept], "groups": ids[kept]}
    other = compare(a[kept], b[kept], labels[kept], **options)
    for name in PAIRED:
        assert metric(comparison, f"{name}_stderr") == metric(other, f"{name}_stderr")


@pytest.mark.parametrize("num_rows", [0, 1, 5])
@pytest.mark.parametrize("ids", [np.zeros(5, int), np.zeros(5, "U1")])
def test_errors_of_fewer_than_two_groups_are_nan(rng, num_rows, ids):
    comparison = compare(*draw(rng, num_rows, 4), groups=ids[:num_rows])
    assert len(comparison.groups.ids) == min(1, num_rows)
    for name in PAIRED:
        assert math.isnan(metric(comparison, f"{name}_stderr"))


def test_errors_of_differences_that_are_no_numbers_are_nan(rng):
    a, b, labels = draw(rng, 20, 4, np.float64)
    b[3, labels[3]] = -np.inf
    comparison = compare(a, b, labels, groups=np.arange(20) % 7)
    assert math.isnan(comparison.nll_difference_stderr)
    assert math.isnan(comparison.kl_stderr)
    assert math.isfinite(comparison.accuracy_difference_stderr)
    assert math.isfinite(comparison.probability_change_stderr)


def test_groups_have_the_shape_of_labels(rng):
    a, b, labels = draw(rng, 24, 5)
    ids = rng.integers(0, 4, 24)
    shape = (2, 3, 4)
    arrays = (a.reshape(*shape, 5), b.reshape(*shape, 5), labels.reshape(shape))
    expected = compare(a, b, labels, groups=ids.tolist())
    assert compare(*arrays, groups=ids.reshape(shape)) == expected
    assert error_text(ValueError, compare, *arrays, groups=ids) == (
        "groups must have shape (2, 3, 4), got (24,); use groups.reshape((2, 3, 4))"
    )
    assert error_text(TypeError, compare, a, b, labels, groups=ids / 1) == (
        "groups must be integers or strings, got float64; convert with groups.astype(np.int64)"
    )


@pytest.mark.fault("unequal-settings")
def test_groups_are_in_all_parts_or_in_none(rng):
    a, b, labels = draw(rng, 20, 4)
    alone = compare(a, b, labels)
    numbers, names = (compare(a, b, labels, groups=ids) for ids in (labels, labels.astype(str)))
    for one, other in ((alone, numbers), (names, alone)):
        assert error_text(ValueError, operator.add, one, other) == (
            "groups must be in both evaluations that are added or in neither, got them in one; "
            "pass groups for both"
        )
    assert error_text(ValueError, operator.add, names, numbers) == (
        "groups must be all integers or all strings, got some of each"
    )
