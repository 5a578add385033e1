"""The sketch of numbers: quantiles within 2**-11 of those of all numbers, for any split."""

import functools
import math
import operator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothxent._comparison.pair_metrics import SHARES
from smoothxent._comparison.sketch import Sketch, keys_of

NORMAL = st.floats(2.0**-1022, 1e300).flatmap(lambda x: st.sampled_from([x, -x]))
NUMBERS = NORMAL | st.sampled_from([0.0, -0.0, 1.0, math.inf, -math.inf])
WEIGHTS = st.floats(0, 1e6, exclude_min=True) | st.sampled_from([0.5, 1.0, 3.0, 2.0**-1074])
ROWS = st.lists(st.tuples(NUMBERS, WEIGHTS, st.integers(0, 3)), min_size=1, max_size=12)
ERROR = 2.0**-11


def exact_quantile(values, weights, share):
    """Return the smallest value with this share of the weight up to it."""
    weight = {}
    for value, each in zip(values, weights, strict=True):
        weight[value] = weight.get(value, Fraction()) + Fraction(each)
    wanted, below = Fraction(str(share)) * sum(weight.values()), Fraction()
    for value in sorted(weight):
        below += weight[value]
        if below >= wanted:
            return value
    raise AssertionError


@given(ROWS)
def test_quantiles_are_those_of_the_numbers_to_half_a_thousandth(rows):
    values, weights, _ = map(np.array, zip(*rows, strict=True))
    for given_weights in (None, weights):
        masses = np.ones(len(rows)) if given_weights is None else weights
        found = Sketch.of(values, given_weights).quantiles(SHARES)
        for share, quantile in zip(SHARES, found, strict=True):
            expected = exact_quantile(values.tolist(), masses.tolist(), share)
            assert quantile == pytest.approx(expected, rel=ERROR, abs=0)
        assert (found[0], found[-1]) == (values.min(), values.max())
        assert list(found) == sorted(found)


def test_share_is_the_decimal_number():
    # 0.9 in float64 is above nine tenths, of which the ninth of ten numbers is the quantile.
    values = np.arange(1.0, 11)
    assert Sketch.of(values, None).quantiles([0.9]) == pytest.approx([9.0], rel=ERROR)


@given(ROWS, st.permutations(range(4)), st.booleans())
def test_merging_any_split_in_any_order_gives_the_same_sketch(rows, order, weighted):
    values, weights, part_of = map(np.array, zip(*rows, strict=True))

    def sketch(chosen):
        return Sketch.of(values[chosen], weights[chosen] if weighted else None)

    whole = sketch(slice(None))
    merged = functools.reduce(operator.add, (sketch(part_of == part) for part in order))
    assert merged == whole
    assert hash(merged) == hash(whole)
    assert repr(merged.quantiles(SHARES)) == repr(whole.quantiles(SHARES))
    assert math.copysign(1, merged.least) == math.copysign(1, whole.least)
    assert whole + Sketch.empty() == Sketch.empty() + whole == whole


def test_zeros_of_either_sign_are_the_same_number():
    a, b = (Sketch.of(np.array([zero]), None) for zero in (0.0, -0.0))
    assert repr(a) == repr(b)
    assert repr((a + b).quantiles([0, 0.5, 1])) == "(0.0, 0.0, 0.0)"


def test_addition_changes_neither_sketch(rng):
    a, b = (Sketch.of(rng.normal(size=5), rng.uniform(1, 2, 5)) for _ in range(2))
    before = repr(a), repr(b)
    assert (a + b) + a != a + b
    assert (repr(a), repr(b)) == before


@pytest.mark.parametrize("values", [[], [math.nan], [1.0, math.nan, 2.0], [-math.nan, 1.0]])
def test_quantiles_of_nothing_and_of_nan_are_nan(values):
    assert all(map(math.isnan, Sketch.of(np.array(values, float), None).quantiles(SHARES)))


def test_size_is_bounded_by_the_range_of_the_numbers(rng):
    values = np.exp2(rng.uniform(-3, 2, 200_000))
    assert len(Sketch.of(values, None).weights) == 5 * 1024


def test_keys_have_the_order_of_the_numbers(rng):
    values = np.sort(rng.normal(size=1000) * np.exp(rng.uniform(-700, 700, 1000)))
    assert (np.diff(keys_of(values)) >= 0).all()
    assert (keys_of(-values) == -keys_of(values)).all()
