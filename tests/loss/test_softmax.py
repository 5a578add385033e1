"""softmax, log_softmax and log_sum_exp against the exact values."""

import math

import mpmath
import numpy as np
import pytest

import oracle
import smoothxent
from inventory import SOFTMAXES
from quick import slow_but_first

QUICK = [1, 2, 7, 8, 17, 64, 129, 1025]
MORE = [3, *range(9, 17), *range(18, 34), 63, 65, 127, 128, 1000, 1023, 1024, 5000, 262144]
CLASS_COUNTS = [*QUICK, *MORE[:-1]]
QUICK_BUT_MORE = QUICK + [pytest.param(count, marks=pytest.mark.slow) for count in MORE]


def draw(rng, num_classes, dtype, num_rows=2, scale=6):
    return rng.normal(0, scale, (num_rows, num_classes)).astype(dtype)


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
def test_softmax_is_within_the_ulps_of_its_exponent(dtype, rng, num_classes):
    # The gradient's promise, 4 + |log2 p| ulp: rounding an exponent of size b costs b ulp.
    for row in draw(rng, num_classes, dtype):
        exact = oracle.exact_softmax(row)
        for actual, p in zip(smoothxent.softmax(row), exact, strict=True):
            assert oracle.ulps(actual, p, dtype) <= 4 + abs(float(mpmath.log(p, 2)))


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
def test_log_softmax_is_within_four_ulps_of_the_larger_of_its_two_terms(dtype, rng, num_classes):
    # x_k - lse: a difference of the two, of which neither is exact; only the difference from the
    # largest logit, not the logits' own size, may show.
    for row in draw(rng, num_classes, dtype):
        with mpmath.workdps(60):
            lse = oracle.exact_log_sum_exp(row)
            for actual, x in zip(smoothxent.log_softmax(row), row, strict=True):
                exact = float(x) - lse
                scale = max(abs(exact), abs(lse - float(row.max())), abs(float(x - row.max())))
                assert abs(float(actual) - exact) <= 4 * oracle.ulp_of(scale, dtype)


@pytest.mark.parametrize("num_classes", [17, 129, 1500])
def test_log_softmax_is_within_four_ulps_where_the_last_classes_lead(dtype, num_classes):
    # By up to 10, which is as far as they may lie above the reference that the first ones gave.
    for top in np.linspace(5, 9.99, 40):
        row = np.zeros(num_classes, dtype)
        row[-2:] = [top, top - 0.3]
        with mpmath.workdps(60):
            lse = oracle.exact_log_sum_exp(row)
            for k in (0, -2, -1):
                exact = float(row[k]) - lse
                assert oracle.ulps(smoothxent.log_softmax(row)[k], exact, dtype) <= 4


@pytest.mark.parametrize("num_classes", QUICK_BUT_MORE)
def test_log_sum_exp_is_within_four_ulps_of_the_larger_of_its_two_terms(dtype, rng, num_classes):
    # lse = max + log(sum of exp(x - max)): the two may cancel, so the larger sets the ulp.
    logits = (
        draw(rng, num_classes, dtype)
        if num_classes < 9999
        else (rng.integers(-4000, 4000, (1, num_classes)) / 256).astype(dtype)
    )
    for row in logits:
        exact = oracle.exact_log_sum_exp(row)
        scale = max(abs(exact), abs(float(row.max())))
        error = abs(float(smoothxent.log_sum_exp(row)) - exact)
        assert error <= 4 * oracle.ulp_of(scale, dtype)


@pytest.mark.parametrize("num_classes", [2, 3, 64, 128, 129, 1000, 1025, 2049])
@pytest.mark.parametrize("place", [0, -1])
def test_log_sum_exp_keeps_the_digits_of_all_classes_but_the_largest(dtype, num_classes, place):
    # With the largest logit at 0, log_sum_exp is what the others alone add, far below a roundoff.
    for depth in [1, 5, 16.7, 37, 80]:
        row = np.full(num_classes, -depth, dtype)
        row[place] = 0
        with mpmath.workdps(60):
            exact = oracle.exact_log_sum_exp(row)
        assert oracle.ulps(smoothxent.log_sum_exp(row), exact, dtype) <= 4


@pytest.mark.parametrize("num_classes", [1, 7, 128, 129, 1024, 2500])
def test_log_sum_exp_of_equal_logits_is_right_wherever_they_lie(dtype, num_classes):
    for value in [0.0, -0.0, -3.25, 2.0**-120]:
        row = np.full(num_classes, value, dtype)
        with mpmath.workdps(60):
            exact = oracle.exact_log_sum_exp(row)
            error = abs(float(smoothxent.log_sum_exp(row)) - exact)
        assert error <= 4 * oracle.ulp_of(max(abs(exact), abs(value)), dtype)


@pytest.mark.parametrize("num_classes", slow_but_first([3, 2, 100, 300, 3000]))
def test_no_probability_is_above_one(dtype, rng, num_classes):
    logits = rng.normal(0, 1, (4000, num_classes)).astype(dtype)
    rows = np.arange(len(logits))
    logits[rows, rng.integers(0, num_classes, len(logits))] += rng.uniform(10, 60, len(logits))
    if num_classes == 3:
        logits[0] = [46, 0, -3]  # for which an earlier kernel gave more
    assert smoothxent.softmax(logits).max() == 1
    assert smoothxent.row_statistics(logits).confidence.max() == 1


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("num_classes", [1, 17, 1000, 1025, 5000])
def test_result_in_place_of_the_logits_is_the_result_beside_them(dtype, rng, name, num_classes):
    function = getattr(smoothxent, name)
    logits = draw(rng, num_classes, dtype, 7)
    expected = function(logits)
    result = function(logits, out=logits)
    assert result is logits
    assert logits.tobytes() == expected.tobytes()


def test_log_sum_exp_of_one_row_has_no_axes(dtype):
    result = smoothxent.log_sum_exp(np.zeros(3, dtype))
    assert np.shape(result) == ()
    assert abs(float(result) - math.log(3)) <= 4 * oracle.ulp_of(math.log(3), dtype)


def test_minus_infinity_has_probability_zero(dtype):
    row = np.array([0, -np.inf, 0], dtype)
    assert smoothxent.softmax(row).tolist() == [0.5, 0.0, 0.5]
    assert smoothxent.log_softmax(row)[1] == -np.inf


@pytest.mark.parametrize("num_threads", [1, 2])
@pytest.mark.parametrize("places", [(5, 20_000), (20_000, 39_999), (5, 16_384, 39_999)], ids=str)
@pytest.mark.parametrize("top", range(3))
def test_masked_classes_between_a_few_far_apart_change_nothing(dtype, places, top, num_threads):
    # Each segment has one class that is not masked, or none.
    few = np.array([1, 2, -3][top:] + [1, 2, -3][:top], dtype)[: len(places)]
    row = np.full(40_000, -np.inf, dtype)
    row[list(places)] = few
    close = {"rtol": 4 * np.finfo(dtype).eps, "strict": True}
    masked = np.delete(np.arange(len(row)), places)
    p = smoothxent.softmax(row, num_threads=num_threads)
    np.testing.assert_allclose(p[list(places)], smoothxent.softmax(few), **close)
    assert not p[masked].any()
    log_p = smoothxent.log_softmax(row, num_threads=num_threads)
    np.testing.assert_allclose(log_p[list(places)], smoothxent.log_softmax(few), **close)
    assert np.all(log_p[masked] == -np.inf)
    log_sum = smoothxent.log_sum_exp(row, num_threads=num_threads)
    np.testing.assert_allclose(log_sum, smoothxent.log_sum_exp(few), rtol=close["rtol"])


@pytest.mark.parametrize("row", [[0, np.nan, 1], [np.inf, 0, 1], [-np.inf, -np.inf, -np.inf]])
def test_row_without_a_softmax_is_nan_and_no_other_row_is(dtype, row):
    logits = np.array([[0, 0, 0], row, [1, 1, 1]], dtype)
    p = smoothxent.softmax(logits)
    assert np.all(np.isnan(p[1]))
    assert np.all(np.isfinite(p[[0, 2]]))


@pytest.mark.parametrize("name", SOFTMAXES)
def test_nothing_gives_nothing(dtype, name):
    result = getattr(smoothxent, name)(np.zeros((0, 5), dtype))
    assert result.shape == ((0,) if name == "log_sum_exp" else (0, 5))
    assert result.dtype == dtype


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0, math.nan, math.inf], math.nan),
        ([math.inf, 0, 1], math.inf),
        ([math.inf, math.inf, -math.inf], math.inf),
        ([-math.inf] * 3, -math.inf),
        ([-math.inf, 7, -math.inf], 7.0),
    ],
)
def test_log_sum_exp_of_special_values_is_the_limit(dtype, row, expected):
    result = smoothxent.log_sum_exp(np.array([row, [0, 0, 0]], dtype))
    assert result[0] == expected or (math.isnan(result[0]) and math.isnan(expected))
    assert math.isfinite(result[1])
