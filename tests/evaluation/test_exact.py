"""Exact sums: addition without rounding, division with one rounding, exact texts."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothxent._totals.exact import ZERO, Exact, exact_squares, exact_sum, integers_of, square_root

FINITE = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.builds(Exact.of, st.integers(-(2**90), 2**90), st.integers(-60, 1100))
SPECIALS = st.sampled_from([Exact.of(3, 1, special) for special in (math.inf, -math.inf, math.nan)])
ANY = NUMBERS | SPECIALS


def exact(value):
    numerator, denominator = float(value).as_integer_ratio()
    return Exact.of(numerator, denominator.bit_length() - 1)


@given(st.lists(FINITE))
def test_sum_of_floats_is_their_exact_sum(values):
    assert sum(map(exact, values), ZERO).fraction() == sum(map(Fraction, values))


@given(ANY, ANY, ANY)
def test_addition_has_no_order_and_no_grouping(a, b, c):
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + ZERO == a


@given(st.integers(-(2**70), 2**70), st.integers(0, 1100), st.integers(0, 200))
def test_equal_numbers_are_equal_and_hash_alike_in_whatever_units_they_come(units, places, more):
    finer = Exact.of(units << more, places + more)
    assert finer == Exact.of(units, places)
    assert hash(finer) == hash(Exact.of(units, places))


@pytest.mark.parametrize(
    "a, b, total",
    [
        (0.0, math.inf, "inf"),
        (math.inf, math.inf, "inf"),
        (math.inf, math.nan, "nan"),
        (0.0, math.nan, "nan"),
        (0.0, -math.inf, "-inf"),
        (-math.inf, -math.inf, "-inf"),
        (-math.inf, math.inf, "nan"),
    ],
)
def test_infinity_and_nan_stay_in_the_sum(a, b, total):
    assert str(Exact.of(1, 0, a) + Exact.of(1, 1, b)) == total


@given(ANY, ANY)
def test_difference_is_what_addition_takes_back(a, b):
    if a.special or b.special:
        found = str(a - b)
        with np.errstate(invalid="ignore"):
            assert found == str(np.float64(a / exact(1)) - np.float64(b / exact(1)))
    else:
        assert (a - b).fraction() == a.fraction() - b.fraction()


SIZES = [0, 1, 2, 100, 20_000]


@pytest.mark.parametrize("num_values", SIZES)
@pytest.mark.parametrize("exponents", [(0, 1), (-40, 3), (-1074, 1000)])
def test_sum_of_an_array_is_that_of_its_fractions(rng, num_values, exponents):
    values = np.ldexp(rng.uniform(-1, 1, num_values), rng.integers(*exponents, num_values))
    expected = sum(map(Fraction, values.tolist()), Fraction())
    assert exact_sum(values).fraction() == expected
    # In any order, of any strides.
    assert exact_sum(values[::-1]) == exact_sum(values)


def test_sum_of_the_longest_block_of_full_mantissas_is_exact():
    values = np.full(20_000, -(2.0 - 2**-52))
    assert exact_sum(values).fraction() == 20_000 * Fraction(values[0])


@pytest.mark.parametrize(
    "values, total",
    [
        ([1, math.inf], "inf"),
        ([-math.inf, 1e308, 1e308], "-inf"),
        ([math.inf, -math.inf], "nan"),
        ([math.nan, 0], "nan"),
        ([math.inf] + [0.0] * 100 + [-math.inf], "nan"),
    ],
)
def test_sum_of_an_array_with_infinity_or_nan_is_special(values, total):
    assert str(exact_sum(np.array(values))) == total


@given(st.lists(FINITE, min_size=1, max_size=6))
def test_integers_of_an_array_are_the_fewest_units_of_its_fractions(values):
    units, places = integers_of(np.array(values))
    fractions = list(map(Fraction, values))
    assert [Fraction(each, 2**places) for each in units] == fractions
    assert 2**places == max(each.denominator for each in fractions)


@given(st.floats(2.0**-483, 1.3e154), st.sampled_from([-1, 1]))
def test_square_and_what_its_rounding_has_lost_are_exact(value, sign):
    squares, rests = exact_squares(np.array([sign * value, 0.0]))
    assert squares[0] == value * value
    assert Fraction(squares[0]) + Fraction(rests[0]) == Fraction(value) ** 2
    assert squares[1] == rests[1] == 0


def test_squares_that_overflow_lose_nothing_else():
    squares, rests = exact_squares(np.array([1e200, -math.inf, 1.3407807929942596e154, math.nan]))
    assert squares[:2].tolist() == [math.inf, math.inf]
    assert math.isnan(squares[3])
    assert np.isfinite(rests).all()


@pytest.mark.slow
@given(NUMBERS, NUMBERS.filter(lambda number: number.units))
def test_quotient_is_correctly_rounded(a, b):
    quotient = a.fraction() / b.fraction()
    try:
        rounded = float(quotient)
    except OverflowError:
        rounded = math.inf if quotient > 0 else -math.inf
    assert a / b == rounded


@pytest.mark.parametrize(
    "a, b, quotient",
    [
        (exact(3), ZERO, math.nan),
        (ZERO, ZERO, math.nan),
        (ZERO, exact(3), 0.0),
        (Exact.of(0, 0, math.inf), exact(3), math.inf),
        (Exact.of(0, 0, math.inf), ZERO, math.nan),
        (Exact.of(0, 0, math.nan), exact(3), math.nan),
        (Exact.of(0, 0, -math.inf), exact(3), -math.inf),
        (exact(3), Exact.of(0, 0, math.inf), math.nan),
        (Exact.of(1, -1024), exact(1), math.inf),
        (Exact.of(-1, -1024), exact(1), -math.inf),
        (Exact.of(1, -2048), Exact.of(1, -2048), 1.0),
    ],
)
def test_quotients_without_a_finite_value(a, b, quotient):
    assert repr(a / b) == repr(quotient)


@pytest.mark.parametrize(
    "number, text",
    [
        (ZERO, "0x0p+0"),
        (exact(-40), "-0x28p+0"),
        (exact(5e-324), "0x1p-1074"),
        (Exact.of(1, 2, math.inf), "inf"),
        (Exact.of(1, 2, math.nan), "nan"),
    ],
)
def test_text_is_hexadecimal_with_a_binary_exponent(number, text):
    assert str(number) == text


@given(ANY)
def test_text_is_read_back_exactly(number):
    assert Exact.from_json(str(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", "0x", "0x1", "0x1p", "0x1.8p+0", "+inf", "--inf", "-nan", "NaN", "0xgp+0"),
        *("--0x1p+0", "0x1p-10000", "0x1p+10000", "0x1p1p1"),
    ],
)
def test_other_text_is_an_error(text):
    with pytest.raises(ValueError, match=r"."):
        Exact.from_json(text)


@pytest.mark.parametrize("special", [math.inf, math.nan])
def test_sum_that_is_no_number_has_no_fraction(special):
    with pytest.raises(ValueError, match=f"^sum must be finite, got {special}$"):
        Exact.of(0, 0, special).fraction()


@given(st.fractions(min_value=0), st.integers(-1000, 1000))
def test_square_root_is_correctly_rounded(value, exponent):
    value *= Fraction(2) ** exponent
    with mpmath.workprec(3000):
        root = mpmath.sqrt(mpmath.mpf(value.numerator) / value.denominator)
    assert square_root(value) == float(root)


@given(st.integers(1, 2**53), st.integers(-500, 400))
def test_square_root_of_a_square_is_exact(units, exponent):
    root = Fraction(units) * Fraction(2) ** exponent
    assert square_root(root**2) == float(root)


@pytest.mark.parametrize("sign", [-1, 1])
def test_square_root_next_to_halfway_goes_to_the_nearer_float(sign):
    # Halfway between 1 and the next float, and a hair to either side of it.
    halfway = 1 + Fraction(1, 2**53)
    hair = Fraction(sign, 2**400)
    assert square_root((halfway + hair) ** 2) == (1.0 if sign < 0 else 1 + 2**-52)
    assert square_root(halfway**2) == 1.0
    # So much above the square that it is a whole number of the units that the root is taken of.
    assert square_root(halfway**2 + Fraction(1, 2**128)) == 1 + 2**-52
