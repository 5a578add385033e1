"""Exact sums: dyadic rationals, which are added without rounding.

The only rounding between the rows and a metric is the quotient of two sums, or its square root.
"""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

# -0x1abcp-52: more digits of the exponent than a sum of float64 products of any kind needs
TEXT = re.compile(r"(-?0x[0-9a-f]+)p([+-]?[0-9]{1,4})|(inf|nan)")


@dataclass(frozen=True, slots=True)
class Exact:
    """The number units / 2**places, or the special value of a sum with infinite or nan terms.

    Equal numbers are equal objects: `units` is odd, or `units` and `places` are 0.
    """

    units: int
    places: int
    special: str = ""  # "inf" or "nan" instead of the number; a string, because nan != nan

    @classmethod
    def of(cls, units: int, places: int, special: float = 0.0) -> Self:
        """Return units / 2**places + special, where `special` is 0.0, inf or nan."""
        if special:
            return cls(0, 0, str(float(special)))
        if not units:
            return cls(0, 0)
        zeros = (units & -units).bit_length() - 1
        return cls(units >> zeros, places - zeros)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the number with this `str`; any other text raises a ValueError."""
        match = TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"text must be like '0x1abcp-52', 'inf' or 'nan', got {text!r}")
        units, exponent, special = match.groups()
        return cls(0, 0, special) if special else cls.of(int(units, 16), -int(exponent))

    def __str__(self) -> str:
        """Return the exact number in hexadecimal; `float.fromhex` reads it too, and rounds it."""
        return self.special or f"{self.units:#x}p{-self.places:+d}"

    def __add__(self, other: Self) -> Self:
        if self.special or other.special:
            return type(self)(0, 0, max(self.special, other.special))  # "" < "inf" < "nan"
        places = max(self.places, other.places)
        return self.of(self._in_units(places) + other._in_units(places), places)

    def __truediv__(self, other: Self) -> float:
        """Return the correctly rounded quotient; nan if the divisor is 0, inf or nan."""
        if other.special or not other.units:
            return math.nan
        if self.special:
            return float(self.special)
        places = max(self.places, other.places)
        try:
            return self._in_units(places) / other._in_units(places)
        except OverflowError:
            return math.inf if (self.units < 0) == (other.units < 0) else -math.inf

    def _in_units(self, places: int) -> int:
        """Return the number in units of 2**-places; `places` must be at least `self.places`."""
        return self.units << (places - self.places)

    def fraction(self) -> Fraction:
        """Return the number as a Fraction; raise for inf and nan."""
        if self.special:
            raise ValueError(f"sum must be finite, got {self.special}")
        return Fraction(self.units) / Fraction(2) ** self.places


ZERO = Exact(0, 0)


def square_root(value: Fraction) -> float:
    """Return the correctly rounded square root of a number >= 0; inf if it is too large."""
    # The even shift makes the integer part of the root 64 bits or longer. A remainder sets the last
    # bit, which is far below the last bit of a float64: enough to round to the right side.
    shift = 64 + max(0, value.denominator.bit_length() - value.numerator.bit_length()) // 2
    scaled, remainder = divmod(value.numerator << (2 * shift), value.denominator)
    root = math.isqrt(scaled)
    root = root << 1 | (remainder > 0 or root * root < scaled)
    return Exact(root, shift + 1) / Exact(1, 0)
