"""GroupSums: the exact sum of each group, in as few digits as all groups need."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothxent._kernel import digits
from smoothxent._totals.exact import Exact
from smoothxent._totals.group_sums import GroupSums

FINITE = st.floats(allow_nan=False, allow_infinity=False)
# Neighbours of powers of two of all sizes, which carry through many digits.
EDGES = st.builds(
    lambda sign, exponent, step: sign * (2.0**exponent + step * 2.0 ** (exponent - 52)),
    st.sampled_from([-1, 1]),
    st.integers(-1022, 1022),
    st.integers(-2, 2),
)
NUMBERS = FINITE | EDGES | st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 2.0**31, -(2.0**31)])
NUM_GROUPS = 4
TERMS = st.lists(st.tuples(st.integers(0, NUM_GROUPS - 1), NUMBERS), max_size=30)


def sums_of(terms, num_groups=NUM_GROUPS):
    """Return the sums of (group, value) pairs."""
    groups = np.array([group for group, _ in terms], np.int64)
    return GroupSums.of(np.array([value for _, value in terms], float), groups, num_groups)


def exacts(sums):
    """Return the sum of each group."""
    rows = zip(sums.digits, sums.special.tolist(), strict=True)
    return [Exact.of(digits.integer_of(row), -sums.lowest, special) for row, special in rows]


def fractions_of(terms, num_groups=NUM_GROUPS):
    totals = [Fraction()] * num_groups
    for group, value in terms:
        totals[group] += Fraction(value)
    return totals


def rounded(number):
    """Return the float64 nearest to a Fraction."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def assert_same(one, other):
    """Assert that both hold the same arrays, not only the same numbers."""
    assert one == other
    assert hash(one) == hash(other)
    assert (one.lowest, one.digits.tolist()) == (other.lowest, other.digits.tolist())


@given(TERMS)
def test_sum_of_each_group_is_that_of_its_fractions(terms):
    sums, expected = sums_of(terms), fractions_of(terms)
    assert [each.fraction() for each in exacts(sums)] == expected
    assert sums.total().fraction() == sum(expected)


@given(TERMS)
def test_floats_are_correctly_rounded(terms):
    assert sums_of(terms).floats().tolist() == [rounded(each) for each in fractions_of(terms)]


HALF = 2.0**-53  # of the last place of 1
TINY = 2.0**-200


@pytest.mark.parametrize("scale", [1.0, -1.0, 2.0**900, -(2.0**900), 2.0**-600])
@pytest.mark.parametrize(
    "terms",
    [
        [1.0, HALF],  # a tie, to even
        [1.0 + 2 * HALF, HALF],
        [1.0, HALF, TINY],  # a hair to either side of the tie
        [1.0, HALF, -TINY],
        [1.0 + 2 * HALF, HALF, -TINY],
        [1.0 + 2 * HALF, HALF * (1 - HALF), TINY],  # below the tie by less than the rest can hold
        [1.0 + 2 * HALF, HALF * (1 - HALF), -TINY],
        [1.0 + 2 * HALF, HALF * (1 + 2 * HALF), TINY],
        [1.0, HALF * (1 - HALF), HALF * HALF * HALF, TINY],
        [1.0 - HALF, HALF / 2],  # below a power of two, whose last place is half as large
        [1.0 - HALF, HALF / 2, -TINY],
        [1.0, -HALF / 2, TINY],
    ],
)
def test_sums_next_to_a_tie_are_rounded_to_the_nearer_float(terms, scale):
    terms = [scale * term for term in terms]
    (actual,) = sums_of([(0, term) for term in terms], 1).floats()
    assert actual == float(sum(map(Fraction, terms)))


LARGEST = float(np.finfo(float).max)


@pytest.mark.parametrize("sign", [1, -1])
def test_sum_overflows_only_if_its_rounding_does(sign):
    half_ulp = 2.0**970
    groups = [
        [LARGEST],
        [LARGEST, half_ulp],
        [LARGEST, half_ulp, -TINY],
        [LARGEST, LARGEST, -LARGEST],
        [-1.0],  # whose digits begin at 2**1024 too
        [-5e-324],
    ]
    terms = [(group, sign * value) for group, values in enumerate(groups) for value in values]
    expected = [LARGEST, math.inf, LARGEST, LARGEST, -1.0, -5e-324]
    assert sums_of(terms, len(groups)).floats().tolist() == [sign * each for each in expected]


@given(TERMS, st.randoms(use_true_random=False), st.integers(0, 3), st.integers(1, 30))
def test_any_order_and_any_split_give_the_same_digits(terms, random, num_cuts, most_terms):
    whole = sums_of(terms)
    shuffled = random.sample(terms, len(terms))
    assert_same(sums_of(shuffled), whole)
    cuts = sorted(random.randrange(len(terms) + 1) for _ in range(num_cuts))
    parts = [
        sums_of(shuffled[first:last])
        for first, last in zip([0, *cuts], [*cuts, len(terms)], strict=True)
    ]
    every = np.arange(NUM_GROUPS)
    assert_same(GroupSums.merged(parts, [every] * len(parts), NUM_GROUPS), whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "MOST_TERMS", most_terms)
        assert_same(sums_of(terms), whole)


@given(TERMS, TERMS)
def test_merged_sums_go_to_the_groups_that_are_named(ours, theirs):
    # Ours are groups 1, 3, 5, 7 of the sums; theirs 7, 2, 0, 1. Nobody has 4 and 6.
    places = np.array([1, 3, 5, 7]), np.array([7, 2, 0, 1])
    merged = GroupSums.merged([sums_of(ours), sums_of(theirs)], places, 8)
    terms = [(places[0][group], value) for group, value in ours]
    terms += [(places[1][group], value) for group, value in theirs]
    assert_same(merged, sums_of(terms, 8))


@given(TERMS, st.lists(st.integers(0, NUM_GROUPS - 1)))
def test_chosen_sums_are_those_of_these_groups_only(terms, chosen):
    expected = [exacts(sums_of(terms))[group] for group in chosen]
    taken = sums_of(terms).take(np.array(chosen, np.int64))
    assert exacts(taken) == expected
    assert_same(taken, GroupSums.merged([taken], [np.arange(len(chosen))], len(chosen)))


@given(TERMS)
def test_sums_that_came_back_have_the_same_digits(terms):
    assert_same(GroupSums.from_json(sums_of(terms).to_json()), sums_of(terms))


@pytest.mark.parametrize(
    "change",
    [{"lowest": 10016}, {"lowest": -16}, {"digits": [[1]] * 71}, {"special": {"1": "inf"}}],
)
def test_digits_that_no_sum_can_have_are_an_error(change):
    record = {"lowest": -32, "digits": [[1]], "special": {}}
    assert GroupSums.from_json(record).floats() == [2.0**-32]
    with pytest.raises((IndexError, ValueError)):
        GroupSums.from_json(record | change)


@given(TERMS)
def test_no_digit_could_be_left_out(terms):
    sums = sums_of(terms)
    assert sums.lowest % 32 == 0
    assert (sums.digits[:, :-1] >= 0).all()
    assert (sums.digits[:, :-1] < 2**32).all()
    assert (sums.digits[:, -1] >= -(2**31)).all()
    assert (sums.digits[:, -1] < 2**31).all()
    if sums.digits.shape[1] > 1:
        assert sums.digits[:, 0].any()
        # One digit less would not hold all sums.
        units = [each.fraction() / Fraction(2) ** sums.lowest for each in exacts(sums)]
        most = Fraction(2) ** (32 * (sums.digits.shape[1] - 1) - 1)
        assert not all(-most <= number < most for number in units)
    elif not sums.digits.any():
        assert sums.lowest == 0


@given(st.lists(st.integers(0, 2**62), max_size=5))
def test_counts_are_sums(counts):
    sums = GroupSums.of_counts(np.array(counts, np.int64))
    assert [each.fraction() for each in exacts(sums)] == counts
    assert_same(sums, GroupSums.from_json(sums.to_json()))


@pytest.mark.parametrize("num_groups", [0, 1, 5])
def test_groups_without_terms_are_zeros(num_groups):
    sums = sums_of([], num_groups)
    assert (len(sums), sums.floats().tolist()) == (num_groups, [0.0] * num_groups)
    assert sums.total() == Exact.of(0, 0)
    assert_same(sums, GroupSums.of_counts(np.zeros(num_groups, np.int64)))
    assert_same(sums, GroupSums.from_json(sums.to_json()))
    assert_same(GroupSums.merged([sums, sums], [np.arange(num_groups)] * 2, num_groups), sums)


SPECIALS = [
    ([math.inf, 1e308, 1e308], math.inf),
    ([-math.inf, LARGEST, LARGEST], -math.inf),
    ([math.inf, -math.inf], math.nan),
    ([-math.inf, math.inf, math.inf], math.nan),
    ([math.nan, -1.0], math.nan),
    ([-1.0, 2.0], 1.0),
]


def test_infinity_and_nan_stay_in_the_sum_of_their_group():
    terms = [(group, value) for group, (values, _) in enumerate(SPECIALS) for value in values]
    expected = [special for _, special in SPECIALS]
    sums = sums_of(terms, len(SPECIALS))
    np.testing.assert_array_equal(sums.floats(), expected)
    kinds = [each.special or "finite" for each in exacts(sums)]
    assert kinds == ["inf", "-inf", "nan", "nan", "nan", "finite"]
    assert sums.total().special == "nan"
    assert_same(sums_of(terms[::-1], len(SPECIALS)), sums)
    parts = [sums_of([term], len(SPECIALS)) for term in terms]
    every = [np.arange(len(SPECIALS))] * len(parts)
    assert_same(GroupSums.merged(parts, every, len(SPECIALS)), sums)
    assert_same(GroupSums.from_json(sums.to_json()), sums)


def test_sums_with_other_numbers_are_not_equal():
    sums = sums_of([(0, 1.5), (1, 2.5)], 2)
    assert sums != sums_of([(0, 2.5), (1, 1.5)], 2)
    assert sums != sums_of([(0, 1.5 * 2**32), (1, 2.5 * 2**32)], 2)
    assert sums != sums_of([(0, 1.5), (1, 2.5)], 3)
    assert sums != sums_of([(0, 1.5), (1, math.nan)], 2)
    assert sums_of([(0, math.inf)], 1) != sums_of([(0, math.nan)], 1)
    assert sums != 1.5
