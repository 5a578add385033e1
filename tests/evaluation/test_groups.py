"""Groups of an evaluation: each number by a loop over the rows of each group."""

import dataclasses
import math
from fractions import Fraction
from operator import attrgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from evaluations import by_group, clustered_error
from inventory import INTEGERS
from metric_checks import draw
from smoothxent import Evaluation, compare, cross_entropy, evaluate

TOLERANCE = {np.float32: 2e-6, np.float64: 1e-12}


def mean_of(terms, weights):
    divisor = sum(map(Fraction, weights))
    if not divisor:
        return math.nan
    total = sum(Fraction(s) * Fraction(x) for x, s in zip(terms, weights, strict=True))
    return float(total / divisor)


@pytest.mark.parametrize("num_groups", [1, 3, 16, 17, 60])
@pytest.mark.parametrize("weighted", [False, True])
def test_each_group_is_a_loop_over_its_rows(rng, dtype, num_groups, weighted):
    logits, labels = draw(rng, 200, 10, dtype)
    groups = rng.integers(0, num_groups, 200)
    # Quarters, so that sums of weights are exact in float64.
    s = rng.integers(0, 9, 200) / 4 if weighted else np.ones(200)
    grouped = evaluate(logits, labels, groups=groups, sample_weight=s if weighted else None)
    row = oracle.measures(logits, labels)
    hit = (row["rank"] == 0).astype(float)
    expected = by_group(groups, row["nll"], hit, row["brier"], s)
    assert len(grouped.groups) == len(expected)
    assert grouped.groups.ids.tolist() == [*expected]
    near = {"rel": TOLERANCE[dtype], "abs": TOLERANCE[dtype], "nan_ok": True}
    means = {name: [] for name in ("nll", "accuracy", "brier")}
    for g, rows in enumerate(expected.values()):
        nll, hits, brier, weights = zip(*rows, strict=True)
        assert grouped.groups.count[g] == len(rows)
        assert grouped.groups.weight[g] == sum(weights)
        assert grouped.groups.hits[g] == sum(s for h, s in zip(hits, weights, strict=True) if h)
        assert grouped.groups.nll_sum[g] == pytest.approx(np.dot(nll, weights), **near)
        assert grouped.groups.all_greedy[g] == all(hits)
        for name, values in (("nll", nll), ("accuracy", hits), ("brier", brier)):
            mean = mean_of(values, weights)
            assert getattr(grouped.groups, name)[g] == pytest.approx(mean, **near)
            means[name].append(mean)
    for name, values in means.items():
        counted = [mean for mean in values if not math.isnan(mean)]
        assert getattr(grouped.groups, f"macro_{name}") == pytest.approx(np.mean(counted), **near)
    if num_groups > 1:
        for name, values in (("nll", row["nll"]), ("accuracy", hit), ("brier", row["brier"])):
            error = clustered_error(values.tolist(), s.tolist(), groups.tolist())
            assert getattr(grouped, f"{name}_stderr") == pytest.approx(error, **near)


def test_sums_of_groups_are_the_exact_sums_of_the_rows_rounded_once(rng, any_dtype):
    logits, labels = draw(rng, 300, 7, any_dtype)
    groups = rng.integers(0, 20, 300)
    s = rng.uniform(0, 2, 300)
    nll = cross_entropy(logits, labels, reduction="none").astype(float)
    plain = evaluate(logits, labels, groups=groups)
    weighted = evaluate(logits, labels, groups=groups, sample_weight=s)
    for g, rows in enumerate(by_group(groups, nll, s).values()):
        assert plain.groups.nll_sum[g] == float(sum(Fraction(x) for x, _ in rows))
        assert weighted.groups.nll_sum[g] == float(sum(Fraction(x * s) for x, s in rows))
        assert weighted.groups.weight[g] == float(sum(Fraction(s) for _, s in rows))


def test_brier_of_a_group_of_one_row_is_that_of_the_row(rng, any_dtype):
    logits, labels = draw(rng, 30, 7, any_dtype)
    grouped = evaluate(logits, labels, groups=np.arange(30))
    assert grouped.groups.brier.tolist() == [
        evaluate(logits[n], labels[n]).brier for n in range(30)
    ]


def without_groups(evaluation):
    return Evaluation(dataclasses.replace(evaluation._totals, groups=None))


@pytest.mark.parametrize("weighted", [False, True])
def test_evaluation_has_the_totals_of_one_without_groups(rng, any_dtype, weighted):
    logits, labels = draw(rng, 200, 10, any_dtype)
    options = {
        "label_smoothing": 0.1,
        "top_k": (1, 3),
        "num_bins": 7,
        "ignore_index": 4,
        "class_weight": rng.uniform(0, 2, 10),
        "sample_weight": rng.uniform(0, 2, 200) if weighted else None,
    }
    expected = evaluate(logits, labels, **options)
    for num_groups in (1, 16, 17, 200):
        groups = np.arange(200) % num_groups
        assert without_groups(evaluate(logits, labels, groups=groups, **options)) == expected
        with_classes = evaluate(logits, labels, groups=groups, per_class=True, **options)
        assert without_groups(with_classes) == evaluate(logits, labels, per_class=True, **options)


def test_groups_of_one_row_have_the_standard_error_of_independent_rows(rng, dtype):
    logits, labels = draw(rng, 500, 10, dtype)
    grouped = evaluate(logits, labels, groups=rng.permutation(500))
    independent = evaluate(logits, labels)
    assert grouped.nll_stderr == pytest.approx(independent.nll_stderr, rel=1e-12)
    for name in ("entropy_stderr", "confidence_stderr"):  # which have no sums by group
        assert math.isnan(getattr(grouped, name))
    assert (grouped.top_k_stderr[1], grouped.interval("top_5")[0]) == (
        grouped.accuracy_stderr,
        pytest.approx(math.nan, nan_ok=True),
    )
    # That of a share p of n independent rows is sqrt(p (1 - p) / (n - 1)).
    p = grouped.accuracy
    assert grouped.accuracy_stderr == pytest.approx(math.sqrt(p * (1 - p) / 499), rel=1e-12)
    assert grouped.groups.macro_nll == pytest.approx(grouped.nll, rel=1e-15)


def test_copies_of_a_row_do_not_lower_the_error_of_their_group(rng):
    logits, labels = draw(rng, 50, 10)
    once = evaluate(logits, labels, groups=np.arange(50))
    copies = np.repeat(np.arange(50), 9)
    many = evaluate(logits[copies], labels[copies], groups=copies)
    for name in ("nll_stderr", "accuracy_stderr", "brier_stderr"):
        assert getattr(many, name) == pytest.approx(getattr(once, name), rel=1e-12)
    assert many.groups.macro_nll == pytest.approx(once.groups.macro_nll, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_clustered_error_is_that_of_statsmodels(rng, weighted):
    linear_model = pytest.importorskip("statsmodels.regression.linear_model")
    logits, labels = draw(rng, 300, 10, np.float64)
    groups = rng.integers(0, 25, 300)
    s = rng.uniform(0.1, 2, 300) if weighted else np.ones(300)
    grouped = evaluate(logits, labels, groups=groups, sample_weight=s if weighted else None)
    row = oracle.measures(logits, labels)
    for name, values in (("nll", row["nll"]), ("brier", row["brier"])):
        fitted = linear_model.WLS(values, np.ones(300), weights=s).fit(
            cov_type="cluster", cov_kwds={"groups": groups, "use_correction": True}
        )
        assert getattr(grouped, f"{name}_stderr") == pytest.approx(fitted.bse[0], rel=1e-9)
        assert getattr(grouped, name) == pytest.approx(fitted.params[0], rel=1e-12)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 3)), min_size=2),
)
def test_clustered_error_is_that_of_the_fractions(rows):
    # Two classes: the nll of logits (0, x) for label 0 is log(1 + exp(x)).
    groups, x, s = (np.array(column) for column in zip(*rows, strict=True))
    logits = np.stack([np.zeros(len(x)), x / 4], axis=1)
    grouped = evaluate(logits, np.zeros(len(x), int), groups=groups, sample_weight=s)
    if len(set(groups[s > 0].tolist())) < 2:
        assert math.isnan(grouped.nll_stderr)
        return
    nll = cross_entropy(logits, np.zeros(len(x), int), reduction="none")
    error = clustered_error(nll.tolist(), s.tolist(), groups.tolist())
    assert grouped.nll_stderr == pytest.approx(error, rel=1e-12, abs=1e-14)


def encoded(ids):
    """Return ids as rows get them: each of four ids for some of 60 rows."""
    return [ids[n * (n + 1) // 2 % 4] for n in range(60)]


OBJECTS = np.empty(60, object)
OBJECTS[:] = encoded(["b", "", "a longer id", "a"])
IDS = {
    **{dtype.name: np.array(encoded([0, 3, 100, 7]), dtype) for dtype in INTEGERS},
    "negative": np.array(encoded([-5, 3, 0, -100])),
    "beyond 2**40": np.array(encoded([2**41, 3, -(2**62), 2**41 + 1])),
    "extremes": np.array(encoded([-(2**63), 2**63 - 1, 0, 5])),
    "list of int": encoded([4, 3, 2, 1]),
    "list of str": encoded(["b", "", "a longer id", "a"]),
    "str": np.array(encoded(["b", "ä", "漢字", "🂡"])),
    "objects": OBJECTS,
    "big-endian integers": np.array(encoded([4, 3, 2**40, 1]), ">i8"),
    "big-endian str": np.array(encoded(["b", "c", "a", "ab"]), ">U3"),
    "every second": np.repeat(np.array(encoded([4, 3, 2, 1])), 2)[::2],
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
def test_ids_of_any_kind_are_in_ascending_order(rng, ids):
    logits, labels = draw(rng, 60, 5)
    grouped = evaluate(logits, labels, groups=ids)
    expected = by_group(np.array(ids).tolist(), range(60))
    assert grouped.groups.ids.tolist() == [*expected]
    assert grouped.groups.ids.dtype in (np.int64, object)
    assert grouped.groups.count.tolist() == [len(rows) for rows in expected.values()]
    nll = cross_entropy(logits, labels, reduction="none")
    for total, rows in zip(grouped.groups.nll_sum, expected.values(), strict=True):
        assert total == math.fsum(nll[n] for (n,) in rows)


def test_strings_of_numpy_2_are_ids(rng):
    logits, labels = draw(rng, 60, 5)
    ids = encoded(["b", "", "a longer id", "a"])
    grouped = evaluate(logits, labels, groups=np.array(ids, np.dtypes.StringDType()))
    assert grouped == evaluate(logits, labels, groups=ids)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_groups_have_the_shape_of_labels_wherever_the_class_axis_is(rng, axis):
    logits, labels = draw(rng, 60, 5)
    groups = rng.integers(0, 9, (12, 5))
    shaped = np.moveaxis(logits.reshape(12, 5, 5), -1, axis)
    grouped = evaluate(shaped, labels.reshape(12, 5), groups=groups, axis=axis, per_class=True)
    assert grouped == evaluate(logits, labels, groups=groups.ravel(), per_class=True)


def test_one_row_is_a_group():
    grouped = evaluate(np.array([1.0, 2.0, 4.0]), 2, groups="only")
    assert grouped.groups.ids.tolist() == ["only"]
    assert grouped.groups.nll == grouped.nll
    assert math.isnan(grouped.nll_stderr)


@pytest.mark.parametrize("ids", [np.zeros(0, int), np.zeros(0, "U1")])
def test_no_rows_have_no_groups(ids):
    logits, labels = np.zeros((0, 3)), np.zeros(0, int)
    grouped = evaluate(logits, labels, groups=ids, per_class=True)
    assert (len(grouped.groups), grouped.groups.ids.tolist(), grouped.groups.nll.tolist()) == (
        0,
        [],
        [],
    )
    assert without_groups(grouped) == evaluate(logits, labels, per_class=True)
    assert math.isnan(grouped.nll_stderr)
    assert math.isnan(grouped.groups.macro_nll)
    some = evaluate(3 * np.eye(3), [0, 1, 1], groups=["a", "b", "a"], per_class=True)
    assert grouped + some == some + grouped == some


def test_arrays_are_the_callers_own(rng):
    logits, labels = draw(rng, 20, 5)
    options = {"groups": np.arange(20) % 5}
    evaluation = evaluate(logits, labels, per_class=True, **options)
    comparison = compare(logits, logits, labels, **options)
    for result, part, names in (
        (evaluation, "groups", "ids count weight hits nll nll_sum all_greedy"),
        (evaluation, "classes", "count support predicted hits nll recall precision f1"),
        (comparison, "groups", "ids count"),
    ):
        for name in names.split():
            read = attrgetter(f"{part}.{name}")
            before = read(result).copy()
            read(result)[:] = 0
            np.testing.assert_array_equal(read(result), before)
