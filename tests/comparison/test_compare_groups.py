"""compare with groups: clustered errors by the formula; equal bits for any split and order."""

import dataclasses
import functools
import math
import operator

import numpy as np
import pytest

from assertions import error_text
from evaluations import attributes, clustered_error
from smoothxent import compare
from smoothxent._comparison import pairs
from smoothxent._comparison.groups.totals import PairGroupTotals
from smoothxent._evaluation.groups import accumulator
from test_compare_formulas import PAIRED, draw, expected_pairs, metric

NAMES = np.array(["b", "", "a longer id", "漢字", *map(str, range(40))])


@pytest.mark.parametrize("num_groups", [2, 7, 100])
@pytest.mark.parametrize("weighted", [False, True])
def test_errors_are_those_of_the_formula(rng, any_dtype, num_groups, weighted):
    a, b, labels = draw(rng, 200, 12, any_dtype)
    ids = rng.integers(0, num_groups, 200)
    weights = rng.exponential(size=200) if weighted else np.ones(200)
    options = {"sample_weight": weights} if weighted else {}
    comparison = compare(a, b, labels, groups=ids, **options)
    expected = expected_pairs(a, b, labels)
    for name in PAIRED:
        error = clustered_error(expected[name].tolist(), weights.tolist(), ids.tolist())
        # The formulas and the kernel differ by some ulps of log-probabilities of up to 40.
        found = metric(comparison.groups, f"{name}_stderr")
        assert found == pytest.approx(error, rel=1e-9, abs=1e-13), name
    ids, counts = np.unique(ids, return_counts=True)
    assert comparison.groups.ids.tolist() == ids.tolist()
    assert comparison.groups.count.tolist() == counts.tolist()


def test_all_other_results_are_those_without_groups(rng):
    a, b, labels = draw(rng, 100, 12)
    comparison = compare(a, b, labels, groups=labels)
    plain = compare(a, b, labels)
    assert plain.groups is None
    assert comparison != plain
    changed = {
        name for name, value in attributes(comparison).items() if value != attributes(plain)[name]
    }
    assert changed == {"groups"}


def test_groups_of_one_row_have_the_errors_of_independent_rows(rng):
    a, b, labels = draw(rng, 300, 12)
    comparison = compare(a, b, labels, groups=rng.permutation(300))
    for name in PAIRED:
        expected = metric(comparison, f"{name}_stderr")
        assert metric(comparison.groups, f"{name}_stderr") == pytest.approx(expected, rel=1e-12)


def test_copies_of_a_row_do_not_lower_the_errors(rng):
    a, b, labels = draw(rng, 50, 12)
    once = compare(a, b, labels, groups=np.arange(50))
    copies = np.repeat(np.arange(50), 9)
    many = compare(a[copies], b[copies], labels[copies], groups=copies)
    for name in PAIRED:
        expected = metric(once.groups, f"{name}_stderr")
        assert metric(many.groups, f"{name}_stderr") == pytest.approx(expected, rel=1e-12)
    assert many.nll_difference_stderr < 0.4 * many.groups.nll_difference_stderr


@pytest.fixture
def rows(rng):
    """Return logits of two classifiers, labels, weights and ids; some rows are special."""
    a = rng.normal(0, 3, (200, 9))
    b = a + rng.normal(0, 1, a.shape) * rng.choice([1e-9, 0.1, 3], (200, 1))
    labels = rng.integers(0, 9, 200)
    labels[::11] = -1
    weights = rng.exponential(size=200) * rng.choice([0, 1e-9, 1, 1e9], 200)
    return a, b, labels, weights, rng.integers(0, 40, 200)


def compared(rows, chosen, weighted, **settings):
    a, b, labels, weights, ids = (each[chosen] for each in rows)
    if weighted:
        settings["sample_weight"] = weights
    return compare(a, b, labels, ignore_index=-1, groups=ids, top_k=(3,), **settings)


def assert_same(one, other):
    assert one == other
    assert hash(one) == hash(other)
    for pair in ((one, other), (one.groups, other.groups)):
        first, second = map(attributes, pair)
        assert first == second
    assert one.to_dict() == other.to_dict()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("special", [None, np.nan, -np.inf])
def test_any_split_in_any_order_gives_the_same_bits(rng, rows, weighted, named, special):
    if named:
        rows = (*rows[:-1], NAMES[rows[-1]])
    if special is not None:
        rows[0][7, 2] = rows[1][50, rows[2][50]] = special
    whole = compared(rows, slice(None), weighted)
    part_of = rng.integers(0, 5, 200)  # parts share groups
    parts = [compared(rows, part_of == part, weighted) for part in (3, 0, 4, 1, 2)]
    parts.append(compared(rows, slice(0), weighted))
    pairwise = (parts[0] + parts[1]) + (parts[2] + (parts[3] + parts[4]))
    backwards = compared(rows, slice(None, None, -1), weighted)
    for comparison in (functools.reduce(operator.add, parts), pairwise, backwards, sum(parts)):
        assert_same(comparison, whole)


@pytest.mark.thread_unsafe(reason="changes the sizes of blocks and parts for all threads")
@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("least", [0, 50, 1 << 16])
def test_same_bits_for_any_threads_and_sizes(rng, monkeypatch, num_threads, least):
    a, b, labels = draw(rng, 300, 700)  # enough logits for several threads
    labels[::7] = -1
    ids = rng.integers(0, 90, 300)
    options = {"ignore_index": -1, "sample_weight": rng.integers(0, 3, 300) / 7, "groups": ids}
    expected = compare(a, b, labels, **options)
    monkeypatch.setattr(pairs, "BLOCK", 5 * 700)
    monkeypatch.setattr(accumulator, "LEAST_WAITING", least)
    for size in (1, 23):
        monkeypatch.setattr(pairs, "PART", size)
        assert_same(compare(a, b, labels, num_threads=num_threads, **options), expected)


@pytest.mark.thread_unsafe(reason="changes the sizes of parts and counts merges for all threads")
def test_time_to_merge_many_parts_with_many_groups_is_not_quadratic(rng, monkeypatch):
    merged, sizes = PairGroupTotals.merged, []

    def counted(parts):
        sizes.append(sum(map(len, parts)))
        return merged(parts)

    monkeypatch.setattr(PairGroupTotals, "merged", counted)
    monkeypatch.setattr(accumulator, "LEAST_WAITING", 0)
    monkeypatch.setattr(accumulator, "LEAST_OF_BATCH", 1)
    monkeypatch.setattr(pairs, "BLOCK", 4)
    monkeypatch.setattr(pairs, "PART", 4)
    a, b, labels = draw(rng, 400, 3)
    comparison = compare(a, b, labels, groups=np.arange(400), num_threads=1)
    assert len(comparison.groups) == 400
    # Each merge has at most twice as many groups as the one before left: 400 (2 + 1 + 1/2 ...).
    assert sum(sizes) <= 4 * 400


def test_groups_with_only_ignored_rows_are_left_out(rows):
    a, b, labels, weights, ids = rows
    labels[ids == 3] = -1
    weights[ids == 5] = 0
    weights[ids != 5] += 1
    comparison = compare(a, b, labels, ignore_index=-1, sample_weight=weights, groups=ids)
    kept = (labels != -1) & (ids != 3)
    found, counts = np.unique(ids[kept], return_counts=True)
    assert comparison.groups.ids.tolist() == found.tolist()
    assert comparison.groups.count.tolist() == counts.tolist()
    assert len(comparison.groups) == len(found)
    # Rows of weight 0 have no part in the errors, nor does their group in the number of groups.
    kept &= ids != 5
    options = {"sample_weight": weights[kept], "groups": ids[kept]}
    other = compare(a[kept], b[kept], labels[kept], **options)
    for name in PAIRED:
        expected = metric(other.groups, f"{name}_stderr")
        assert metric(comparison.groups, f"{name}_stderr") == expected


@pytest.mark.parametrize("num_rows", [0, 1, 5])
@pytest.mark.parametrize("ids", [np.zeros(5, int), np.zeros(5, "U1")])
def test_errors_of_fewer_than_two_groups_are_nan(rng, num_rows, ids):
    a, b, labels = draw(rng, num_rows, 4)
    comparison = compare(a, b, labels, groups=ids[:num_rows])
    assert len(comparison.groups) == min(1, num_rows)
    for name in PAIRED:
        assert math.isnan(metric(comparison.groups, f"{name}_stderr"))
    assert str(comparison)
    assert type(comparison).from_dict(comparison.to_dict()) == comparison


def test_errors_of_differences_that_are_no_numbers_are_nan(rng):
    a, b, labels = draw(rng, 20, 4, np.float64)
    b[3, labels[3]] = -np.inf
    groups = compare(a, b, labels, groups=np.arange(20) % 7).groups
    assert math.isnan(groups.nll_difference_stderr)
    assert math.isnan(groups.kl_stderr)
    assert math.isfinite(groups.accuracy_difference_stderr)
    assert math.isfinite(groups.probability_change_stderr)


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
    plain = compare(a, b, labels)
    numbers, names = (compare(a, b, labels, groups=ids) for ids in (labels, NAMES[labels]))
    for one, other in ((plain, numbers), (names, plain)):
        assert error_text(ValueError, operator.add, one, other) == (
            "groups must be in all parts or in none, got some of each"
        )
    assert error_text(ValueError, operator.add, names, numbers) == (
        "groups must be all integers or all strings, got some of each"
    )


def test_comparisons_that_differ_in_one_total_of_a_group_are_unequal(rng):
    comparison = compare(*draw(rng, 20, 4), groups=np.arange(20) % 5)
    totals = comparison._totals
    groups = totals.groups
    changes = {
        "ids": groups.ids + 1,
        "count": groups.count[::-1] + np.arange(5),
        "weight": groups.sums["kl"],
        "sums": groups.sums | {"kl": groups.weight},
        "hit_differences": groups.hit_differences[::-1],
    }
    for name, change in changes.items():
        other = dataclasses.replace(groups, **{name: change})
        assert other != groups, name
        assert dataclasses.replace(totals, groups=other) != totals
    assert dataclasses.replace(groups, ids=groups.ids.copy()) == groups
    assert groups != "groups"


def test_arrays_are_the_callers_own(rng):
    a, b, labels = draw(rng, 20, 4)
    comparison = compare(a, b, labels, groups=np.arange(20) % 5)
    for name in ("ids", "count"):
        before = getattr(comparison.groups, name)
        getattr(comparison.groups, name)[:] = 0
        np.testing.assert_array_equal(getattr(comparison.groups, name), before)
    assert repr(comparison.groups) == "ComparedGroups(5 groups)"


def test_tables_show_the_clustered_errors_and_say_so():
    a = np.array([[2.0, 1, 0], [0, 3, 0], [0, 0, 0], [2, 1, 0]])
    b = np.array([[1.0, 2, 0], [0, 2, 0], [0.5, 0, 0], [1, 2, 0]])
    options = {"names": ("base", "int8"), "top_k": (1, 2)}
    comparison = compare(a, b, [0, 1, 2, 0], groups=["x", "y", "y", "x"], **options)
    # Accuracy: the hits of both rows of x are lost, so that the groups deviate by -1 and 1 from
    # their share of the mean: sqrt(2 / 1 * (1 + 1)) / 4.
    assert comparison.groups.accuracy_difference_stderr == 0.5
    lines = str(comparison).splitlines()
    assert lines[:4] == [
        "Comparison of A and B on 4 rows; losses in nats",
        "A  base",
        "B  int8",
        "standard errors by 2 groups",
    ]
    assert "accuracy                0.7500      0.2500     -0.5000 ± 0.5" in lines
    assert "top 2                   0.7500      0.7500     +0.0000 ± 0" in lines
    assert "same top class                      0.5000 ± 0.5" in lines
    markdown = comparison.to_markdown().splitlines()
    assert markdown[1:4] == ["", "standard errors by 2 groups", ""]
    assert "| accuracy | 0.7500 | 0.2500 | -0.5000 ± 0.5 |" in markdown
    html = comparison._repr_html_()
    assert "</strong><p>standard errors by 2 groups</p><table>" in html
    assert "<td>-0.5000</td><td> ± 0.5</td>" in html
    for name, line in (
        ("nll_difference", "nll "),
        ("entropy_difference", "entropy"),
        ("confidence_difference", "confidence"),
        ("brier_difference", "brier"),
        ("kl", "KL of B from A   "),
        ("probability_change", "label's probability"),
    ):
        (shown,) = (each for each in lines if each.startswith(line))
        error = getattr(comparison.groups, f"{name}_stderr")
        assert error != pytest.approx(getattr(comparison, f"{name}_stderr"), rel=0.1)
        assert shown.endswith(f" ± {error:.2g}"), name
    one = compare(a, b, [0, 1, 2, 0], groups=[7] * 4)
    assert "standard errors by 1 group\n" in str(one)
    assert "standard errors" not in str(compare(a, b, [0, 1, 2, 0]))
