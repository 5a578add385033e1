"""Exact sums: dyadic rationals, which are added without rounding.

The only rounding between the rows and a metric is the quotient of two sums, or its square root.
"""

import math
from fractions import Fraction
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._kernel.digits import digits_of, integer_of

SPECIAL = ("inf", "-inf", "nan")
MOST_PLACES = 9999  # more than a sum of float64 products of any kind needs

# 2**27 + 1 splits a float64 number into two halves of at most 26 bits (Veltkamp).
SPLITTER = float((1 << 27) + 1)


class Exact(NamedTuple):
    """The number units / 2**places, or the special value of a sum with infinite or nan terms.

    Equal numbers are equal tuples: `places` is the fewest, but at least 0. The kernel returns such
    tuples.
    """

    units: int
    places: int
    special: str = ""  # "inf", "-inf" or "nan", not a number; a string, because nan != nan

    @classmethod
    def of(cls, units: int, places: int, special: float = 0.0) -> Self:
        """Return units / 2**places + special, where `special` is 0.0, infinite or nan."""
        if special:
            return cls(0, 0, str(float(special)))
        if places <= 0 or not units:
            return cls(units << max(0, -places), 0)
        zeros = min(places, (units & -units).bit_length() - 1)
        return cls(units >> zeros, places - zeros)

    @classmethod
    def of_number(cls, number: float) -> Self:
        """Return a finite number."""
        numerator, denominator = number.as_integer_ratio()
        return cls.of(numerator, denominator.bit_length() - 1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the number with this `str`."""
        if text in SPECIAL:
            return cls(0, 0, text)
        units, exponent = text.split("p")
        places = -int(exponent)
        if abs(places) > MOST_PLACES:  # its integer would need much more memory than its text
            raise ValueError(f"exponent must lie within {MOST_PLACES}, got {exponent}")
        return cls.of(int(units, 16), places)

    def __str__(self) -> str:
        """Return the exact number in hexadecimal; `float.fromhex` reads it too, and rounds it."""
        return self.special or f"{self.units:#x}p{-self.places:+d}"

    def to_json(self) -> str:
        """Return the text for a record."""
        return str(self)

    def __add__(self, other: Self) -> Self:  # type: ignore[override]  # not that of tuples
        if specials := {self.special, other.special} - {""}:
            return type(self)(0, 0, specials.pop() if len(specials) == 1 else "nan")
        places = max(self.places, other.places)
        return self.of(self.in_units(places) + other.in_units(places), places)

    def __sub__(self, other: Self) -> Self:
        special = {"inf": "-inf", "-inf": "inf"}.get(other.special, other.special)
        return self + type(self)(-other.units, other.places, special)

    def __truediv__(self, other: Self) -> float:
        """Return the correctly rounded quotient; nan if the divisor is 0, inf or nan."""
        if other.special or not other.units:
            return math.nan
        if self.special:
            return float(self.special)
        places = max(self.places, other.places)
        try:
            return self.in_units(places) / other.in_units(places)
        except OverflowError:
            return math.inf if (self.units < 0) == (other.units < 0) else -math.inf

    def in_units(self, places: int) -> int:
        """Return the number in units of 2**-places; `places` must be at least `self.places`."""
        return self.units << (places - self.places)

    def fraction(self) -> Fraction:
        """Return the number as a Fraction; raise for inf and nan."""
        if self.special:
            raise ValueError(f"sum must be finite, got {self.special}")
        return Fraction(self.units) / Fraction(2) ** self.places


ZERO = Exact(0, 0)


def exact_sum(values: NDArray[np.float64]) -> Exact:
    """Return the exact sum of float64 numbers, which may be infinite or nan."""
    is_finite = np.isfinite(values)
    if not is_finite.all():
        with np.errstate(invalid="ignore"):  # inf - inf
            return Exact.of(0, 0, float(values[~is_finite].sum()))
    digits, lowest = digits_of(values, np.zeros(len(values), np.int64), 1)
    return Exact.of(integer_of(digits[0]), -lowest)


def integers_of(values: NDArray[np.float64]) -> tuple[NDArray[np.object_], int]:
    """Return finite float64 numbers as Python integers in units of 2**-places, and `places`.

    `places` is the smallest number, 0 or more, with which all are integers.
    """
    mantissas, exponents = np.frexp(values)
    units = (mantissas * 2.0**53).astype(np.int64)
    lowest_bits = np.frexp((units & -units).astype(np.float64))[1] - 1
    zeros = np.maximum(lowest_bits, 0)  # at the end of the bits; 0 has no bits
    needed = np.where(units, 53 - exponents - zeros, 0)
    places = int(needed.max(initial=0))
    return (units >> zeros).astype(object) << (places - needed).astype(object), places


def exact_squares(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rounded squares, and what each has lost by rounding (Dekker 1971).

    The sum of both is the exact square of a number that is 0 or at least 2**-483 in size. Squares
    that overflow, or nearly, are rounded.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        squares = values * values
        high = SPLITTER * values
        low = high - values
        high -= low
        np.subtract(values, high, out=low)
        rests = high * high
        rests -= squares
        high *= 2.0
        high *= low
        rests += high
        low *= low
        rests += low
    rests[~np.isfinite(rests)] = 0.0
    return squares, rests


def square_root(value: Fraction) -> float:
    """Return the correctly rounded square root of a number >= 0; inf if it is too large."""
    # The even shift makes the integer part of the root 64 bits or longer. A remainder sets the last
    # bit, which is far below the last bit of a float64: enough to round to the right side.
    shift = 64 + max(0, value.denominator.bit_length() - value.numerator.bit_length()) // 2
    scaled, remainder = divmod(value.numerator << (2 * shift), value.denominator)
    root = math.isqrt(scaled)
    root = root << 1 | (remainder > 0 or root * root < scaled)
    return Exact(root, shift + 1) / Exact(1, 0)
