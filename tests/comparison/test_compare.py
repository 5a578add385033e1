"""compare: both evaluations, and the metrics of pairs of rows by the formulas."""

import math
from fractions import Fraction
from functools import partial

import ml_dtypes
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import smoothxent
from assertions import error_text
from inventory import DTYPES
from peaks import peak_of
from smoothxent import bits, compare, evaluate
from smoothxent._comparison import pairs
from test_compare_formulas import METRICS, PAIRED, QUANTILES, draw, metric
from ways import instruction_set


def test_both_evaluations_are_those_of_evaluate(rng):
    a, b, labels = draw(rng, 200, 12)
    options = {"label_smoothing": 0.1, "ignore_index": 3, "top_k": (2, 4), "num_bins": 7}
    comparison = compare(a, b, labels, **options)
    assert comparison.a == evaluate(a, labels, **options)
    assert comparison.b == evaluate(b, labels, **options)


def test_quantiles_are_those_that_are_promised(rng):
    shares = [0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1]
    comparison = compare(*draw(rng, 30, 4))
    for name in QUANTILES:
        assert list(getattr(comparison, name)) == shares


def test_differences_of_hits_are_those_of_the_evaluations(rng, any_dtype):
    # In a narrow dtype many logits are equal: ranks must be those of the evaluated logits.
    a, b, labels = draw(rng, 400, 50, any_dtype)
    a, b = (np.round(each.astype(np.float32)).astype(any_dtype) for each in (a, b))
    comparison = compare(a, b, labels, top_k=(2, 5, 60), temperature=0.7)
    weight = Fraction(comparison.a.count)
    for k, difference in comparison.top_k_difference.items():
        hits = [round(Fraction(each.top_k[k]) * weight) for each in (comparison.a, comparison.b)]
        assert difference == float((hits[1] - hits[0]) / weight)
    assert comparison.accuracy_difference == comparison.top_k_difference[1]
    assert comparison.accuracy_difference_stderr == comparison.top_k_difference_stderr[1]
    assert comparison.top_k_difference_stderr[60] == 0


def test_equal_differences_have_no_standard_error(rng):
    # The mean of the squares is the square of the mean: one rounding would show.
    a = np.tile(rng.normal(size=(1, 7)), (1000, 1))
    comparison = compare(a, a[::-1] * 1.7, np.full(1000, 3))
    assert comparison.nll_difference != 0
    assert {metric(comparison, f"{name}_stderr") for name in PAIRED} == {0.0}


@pytest.mark.parametrize("noise", [1e-7, 1e-3, 1, 100])
def test_divergence_is_exact_to_some_ulps_of_the_terms(rng, noise):
    a, b, labels = draw(rng, 5, 30, np.float64, noise)
    with mpmath.workdps(60):
        for n in range(5):
            x, y = (list(map(mpmath.mpf, table[n].tolist())) for table in (a, b))
            lse_x, lse_y = (mpmath.log(mpmath.fsum(map(mpmath.exp, row))) for row in (x, y))
            terms = [
                (mpmath.exp(u - lse_x), abs(u - lse_x) + abs(v - lse_y), u - lse_x - v + lse_y)
                for u, v in zip(x, y, strict=True)
            ]
            exact = mpmath.fsum(p * gap for p, _, gap in terms)
            # 4 ulp of each log-probability, 4 + |log2 p| of each p, one of each product and sum.
            slack = mpmath.fsum(p * (4 * size + (6 + size) * abs(gap)) for p, size, gap in terms)
            found = compare(a[n], b[n], labels[n]).kl
            assert abs(found - exact) <= slack * 2**-51
            assert found >= 0


def test_same_logits_do_not_differ_at_all(rng):
    a, _, labels = draw(rng, 50, 100)
    comparison = compare(a, a, labels)
    found = comparison.nll_difference, comparison.agreement, comparison.kl, comparison.kl_stderr
    assert found == (0, 1, 0, 0)
    assert set(comparison.kl_quantiles.values()) == {0}


def test_ignored_rows_count_nowhere_whatever_they_hold(rng):
    a, b, labels = draw(rng, 60, 9)
    labels[::4] = -100
    kept = labels >= 0
    a[::4], b[::8] = np.nan, np.inf
    comparison = compare(a, b, labels, ignore_index=-100)
    alone = compare(a[kept], b[kept], labels[kept])
    assert (comparison.a.count, comparison.a.ignored) == (45, 15)
    for name in METRICS:
        assert metric(comparison, name) == metric(alone, name)


INF = np.inf


@pytest.mark.fault("compared-logits")
@pytest.mark.parametrize(
    "a, b, kl",
    [
        ([0, 0, -INF], [0, 0, -INF], 0),
        ([0, 0, -INF], [0, 0, 0], math.log(1.5)),
        ([0, 0, 0], [0, 0, -INF], INF),
        ([0, 0, -INF], [0, -INF, -INF], INF),
        ([0, 0, -800], [0, 0, -INF], INF),  # a probability that float64 has no number for
        ([0, 0, -INF], [0, 0, -800], 0),
    ],
)
def test_class_that_one_rules_out(a, b, kl):
    found = compare(np.array([a], float), np.array([b], float), [0]).kl
    assert found == pytest.approx(kl, rel=1e-15)


LOGITS = st.sampled_from([-INF, -800.0, -745.0, -1.0, 0.0, 0.5, 700.0])


@given(
    st.integers(1, 5).flatmap(lambda n: st.tuples(*[st.lists(LOGITS, min_size=n, max_size=n)] * 2))
)
def test_divergence_of_any_two_distributions(rows):
    # A logit that is a distribution's only one is no matter; a row of nothing but -inf is none.
    a, b = (np.array([row]) for row in rows)
    found = compare(a, b, [0]).kl
    p, q = (oracle.exact_softmax(row[0]) for row in (a, b))
    if max(a[0]) == -INF or max(b[0]) == -INF:  # no distribution
        assert math.isnan(found)
    elif any(x > 0 and y == 0 for x, y in zip(p, q, strict=True)):
        assert found == INF
    else:
        with mpmath.workdps(50):
            exact = sum(x * mpmath.log(x / y) for x, y in zip(p, q, strict=True) if x > 0)
        assert found == pytest.approx(float(exact), rel=1e-13, abs=1e-13)


@pytest.mark.fault("compared-logits")
@pytest.mark.parametrize("row", [[0, np.nan, 1], [0, INF, 1], [-INF, -INF, -INF]])
@pytest.mark.parametrize("swapped", [False, True])
def test_row_that_is_no_distribution_makes_the_means_nan_and_agrees_with_nothing(row, swapped):
    a, b = np.array([row, [1, 0, 0]]), np.array([[0.0, 1, 1], [1, 0, 0]])
    comparison = compare(b, a, [1, 0]) if swapped else compare(a, b, [1, 0])
    for name in PAIRED:
        if name not in ("agreement", "accuracy_difference", "top_k_difference"):
            assert math.isnan(metric(comparison, name)), name
            assert math.isnan(metric(comparison, f"{name}_stderr")), name
    for name in QUANTILES:
        assert all(map(math.isnan, getattr(comparison, name).values()))
    assert math.isnan(comparison.probability_change_rms)
    assert comparison.agreement == 0.5
    assert comparison.accuracy_difference == (-0.5 if swapped else 0.5)  # it is a miss
    assert compare(a, a, [0, 0]).agreement == 0.5


def test_agreement_takes_the_lower_of_equal_classes():
    tied, lower, upper = np.array([[0.0, 1, 1]]), np.array([[0.0, 1, 0]]), np.array([[0.0, 0, 1]])
    assert compare(tied, lower, [0]).agreement == 1
    assert compare(tied, upper, [0]).agreement == 0


def test_close_float64_logits_are_told_apart():
    # Their log-probabilities are the same number.
    a, b = np.array([[1e-17, 0.0]]), np.array([[0.0, 1e-17]])
    assert compare(a, b, [0]).agreement == 0


@pytest.mark.parametrize("first", DTYPES)
@pytest.mark.parametrize("second", DTYPES)
def test_dtypes_may_differ(rng, first, second):
    a, b, labels = draw(rng, 20, 30)
    a, b = a.astype(first), b.astype(second)
    comparison = compare(a, b, labels)
    wide = compare(a.astype(np.float64), b.astype(np.float64), labels)
    for name in METRICS:
        assert metric(comparison, name) == metric(wide, name)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_bits_of_halves_are_told_by_dtype_and_stand_beside_other_logits(rng, dtype):
    a, b, labels = draw(rng, 20, 30)
    b = b.astype(dtype)
    comparison = compare(a, bits(b.view(np.uint16), dtype), labels)
    assert comparison == compare(a, b, labels)


def test_any_layout_gives_the_bits_of_the_contiguous_copy(rng):
    a, b, labels = draw(rng, 24, 30)
    expected = compare(a, b, labels)
    padded = np.full((24, 40), np.nan, np.float32)
    padded[:, :30] = a
    swapped = b.astype(">f4")
    assert compare(padded[:, :30], np.asfortranarray(b), labels) == expected
    assert compare(a[::-1], swapped[::-1], labels[::-1]).kl_quantiles == expected.kl_quantiles
    shape = (2, 3, 4)
    assert compare(a.reshape(*shape, 30), b.reshape(*shape, 30), labels.reshape(shape)) == expected
    assert compare(a.tolist(), b.tolist(), labels.tolist()).agreement == expected.agreement


def test_each_classifier_may_have_transforms_of_its_own(rng):
    a, b, labels = draw(rng, 200, 30, np.float64)
    comparison = compare(a, b, labels, temperature=(2.0, 0.5), softcap=(None, 6.0))
    assert comparison.a == evaluate(a, labels, temperature=2.0)
    assert comparison.b == evaluate(b, labels, temperature=0.5, softcap=6.0)
    lines = comparison.to_markdown().splitlines()
    assert "| softcap | none | 6 |  |  |" in lines
    assert "| temperature | 2 | 0.5 |  |  |" in lines
    other = compare(a / 2, 6 * np.tanh(b / 6) / 0.5, labels)
    np.testing.assert_allclose(comparison.nll_difference, other.nll_difference, rtol=1e-12)
    np.testing.assert_allclose(comparison.kl, other.kl, rtol=1e-12)
    assert comparison.agreement == other.agreement
    both = compare(a, b, labels, temperature=3.0, softcap=7.0)
    assert both == compare(a, b, labels, temperature=(3.0, 3.0), softcap=(7.0, 7.0))


def test_pairs_are_those_of_the_evaluated_logits():
    # A quotient that overflows in float32 is infinite for the pairs too; equal capped logits are.
    logits = np.array([[100, 0, 50], [1, 2, 3]], np.float32)
    comparison = compare(logits, 2 * logits, [0, 2], temperature=1e-37)
    assert comparison.a.nan_rows == 1
    assert math.isnan(comparison.kl)
    assert comparison.agreement == 0.5
    a = np.array([[10, 11]], np.float32)
    assert compare(a, a.astype(np.float64), [0], softcap=1.0).agreement == 0


@pytest.mark.parametrize(
    "options, text",
    [
        ({"temperature": (1.0, 2.0, 3.0)}, "temperature must be a number or a pair of numbers, "),
        ({"temperature": (1.0, 0.0)}, "temperature must lie in [1e-37, 1e+37], got 0.0"),
        ({"softcap": (None, -1.0)}, "softcap must lie in [1e-37, 1e+37], got -1.0"),
    ],
)
def test_transforms_outside_their_range_are_named(rng, options, text):
    assert error_text(ValueError, compare, *draw(rng, 2, 3), **options).startswith(text)


@pytest.mark.slow
def test_same_bits_for_any_number_of_threads_and_every_instruction_set(rng):
    a, b, labels = draw(rng, 300, 700)
    expected = compare(a, b, labels)
    for num_threads in (1, 3, 16):
        assert compare(a, b, labels, num_threads=num_threads) == expected
    for isa in smoothxent.available_isas():
        with instruction_set(isa, "evaluate", "softmax", "log_softmax", "row_statistics"):
            assert compare(a, b, labels) == expected
    options = {"softcap": 5.0, "temperature": (0.7, 1.3)}
    expected = compare(a, b, labels, **options)
    for isa in smoothxent.available_isas():
        with instruction_set(isa, "evaluate", "transform"):
            assert compare(a, b, labels, **options) == expected


@pytest.mark.thread_unsafe(reason="changes the sizes of blocks and parts for all threads")
@pytest.mark.parametrize("num_threads", [1, 3])
def test_same_bits_for_any_size_of_blocks_and_parts(rng, monkeypatch, num_threads):
    a, b, labels = draw(rng, 300, 700)  # enough logits for several threads
    labels[::7] = -1
    options = {"ignore_index": -1, "sample_weight": rng.integers(0, 3, 300) / 7}
    options["groups"] = rng.integers(0, 90, 300)
    expected = compare(a, b, labels, **options)
    monkeypatch.setattr(pairs, "BLOCK", 5 * 700)
    for size in (1, 16, 23):
        monkeypatch.setattr(pairs, "PART", size)
        assert compare(a, b, labels, num_threads=num_threads, **options) == expected


@pytest.mark.slow
@pytest.mark.thread_unsafe(reason="tracemalloc counts what every thread holds")
@pytest.mark.parametrize("weighted", [False, True])
def test_memory_does_not_grow_with_the_rows(rng, weighted):
    a, b, labels = draw(rng, 1000, 16)
    weights = rng.uniform(1, 2, 1000)
    peaks = []
    for times in (80, 320):  # the same rows, so that the same counts are kept for quantiles
        rows = [np.tile(a, (times, 1)), np.tile(b, (times, 1)), np.tile(labels, times)]
        options = {"sample_weight": np.tile(weights, times)} if weighted else {}
        peaks.append(peak_of(partial(compare, *rows, num_threads=1, **options))[1])
    assert peaks[1] < 1.1 * peaks[0]
    # Buffers of a block, and the measures of a part: those that are kept, and copies of some.
    assert peaks[0] < 6 * 8 * pairs.BLOCK + (400 if weighted else 200) * pairs.PART


def test_quantiles_are_the_callers_own(rng):
    comparison = compare(*draw(rng, 9, 4))
    before = dict(comparison.kl_quantiles)
    comparison.kl_quantiles[0.5] = 7.0
    assert comparison.kl_quantiles == before


@pytest.mark.parametrize("shape", [(0, 5), (0, 0)])
def test_comparison_of_no_rows_is_nan(shape):
    comparison = compare(np.empty(shape), np.empty(shape), np.empty(0, int))
    assert comparison.a.count == 0
    for name in METRICS:
        values = getattr(comparison, name)
        assert all(map(math.isnan, values.values() if isinstance(values, dict) else [values]))


def test_standard_errors_of_one_row_are_nan(rng):
    comparison = compare(*draw(rng, 1, 5))
    assert math.isfinite(comparison.kl)
    for name in PAIRED:
        assert math.isnan(metric(comparison, f"{name}_stderr"))


@pytest.mark.fault("compared-logits")
def test_logits_of_unequal_shapes_are_errors(rng):
    a, b, labels = draw(rng, 4, 5)
    found = error_text(ValueError, compare, a, b[:, :4], labels)
    assert found == "logits_b must have the shape of logits_a, (4, 5), got (4, 4)"
    found = error_text(ValueError, compare, a, b[:3], labels)
    assert found == "logits_b must have the shape of logits_a, (4, 5), got (3, 5)"


@pytest.mark.fault("compared-logits")
def test_logits_without_an_axis_or_a_class_are_named_as_the_argument():
    found = error_text(ValueError, compare, np.zeros(()), np.zeros(()), 0)
    assert found == "logits_a must have at least one axis, got shape ()"
    nothing = np.zeros((2, 0))
    found = error_text(ValueError, compare, nothing, nothing, [0, 0])
    assert found == "logits_a must have at least one class on axis 1, got shape (2, 0)"


def test_labels_are_errors_as_by_evaluate(rng):
    a, b, labels = draw(rng, 4, 5)
    labels[2] = 5
    found = error_text(IndexError, compare, a, b, labels)
    assert found == "labels must lie in [0, 5), got labels[2] = 5"
    found = error_text(ValueError, compare, a, b, np.eye(4, 5))
    assert found == error_text(ValueError, evaluate, a, np.eye(4, 5))


def test_masked_logits_are_errors(rng):
    a, b, labels = draw(rng, 4, 5)
    found = error_text(TypeError, compare, a, np.ma.masked_array(b), labels)
    rule = "logits_b must be a plain array, got a masked array"
    assert found == f"{rule}; fill it with logits_b.filled(value)"
