"""A sketch of many numbers: their weights by size, in bounded memory, from which quantiles follow.

Each number is rounded to 11 significant bits, so that a factor of 2 has 1,024 sizes. The relative
error of a quantile is then at most 2**-11, for numbers of any size. Other sketches with a bound of
the relative error use logarithms (DDSketch; Masson, Rim and Lee 2019, arXiv:1908.10693); the first
bits of a float64 number need none.
"""

import struct
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, repeat
from operator import add
from typing import Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.groups import encoded
from smoothxent._totals.exact import integers_of

# The key of a number holds its exponent and the first 10 bits of its mantissa, which come after
# the leading 1, and its sign; the other 42 bits are dropped. Keys have the order of the numbers.
DROPPED_BITS = 42
INFINITY = 0x7FF << 10
NAN = INFINITY + 1
MOST_PLACES = 1074  # the smallest float64 number is 2**-1074


@dataclass(frozen=True, slots=True)
class Sketch:
    """The weights of numbers by their keys; sketches can be added."""

    least: float  # exact; inf without numbers other than nan
    most: float  # -inf without
    places: int  # weights are in units of 2**-places
    weights: dict[int, int]  # never changed

    def __post_init__(self) -> None:
        if not 0 <= self.places <= MOST_PLACES:
            raise ValueError(f"places must lie in [0, {MOST_PLACES}], got {self.places}")

    @classmethod
    def of(cls, values: NDArray[np.float64], weights: NDArray[np.float64] | None) -> Self:
        """Return the sketch of numbers with these weights, which are above 0; 1 by default."""
        keys = keys_of(values)
        # Numbers of the same size and both signs are neighbours, so that few keys lie between.
        different, index = encoded(2 * np.abs(keys) + (keys < 0))
        keys = np.where(different % 2, -(different // 2), different // 2)
        places = 0
        if weights is None:
            masses = np.bincount(index)
        else:
            units, places = integers_of(weights)
            masses = np.zeros(len(keys), object)
            np.add.at(masses, index, units)
        return cls(
            float(np.fmin.reduce(values, initial=np.inf)) + 0.0,  # not -0.0
            float(np.fmax.reduce(values, initial=-np.inf)) + 0.0,
            places,
            dict(zip(keys.tolist(), masses.tolist(), strict=True)),
        )

    @classmethod
    def empty(cls) -> Self:
        """Return the sketch of no numbers."""
        return cls(np.inf, -np.inf, 0, {})

    def __add__(self, other: Self) -> Self:
        """Return the sketch of the numbers of both."""
        places = max(self.places, other.places)
        fewer, more = sorted((self, other), key=lambda each: len(each.weights))
        weights = more._in_units(places)
        others = fewer._in_units(places)
        sums = map(add, others.values(), map(weights.get, others, repeat(0)))  # faster than a loop
        weights.update(zip(others, sums, strict=True))
        least, most = min(self.least, other.least), max(self.most, other.most)
        return type(self)(least, most, places, weights)

    def _in_units(self, places: int) -> dict[int, int]:
        """Return a copy of the weights in units of 2**-places, at least `self.places`."""
        if places == self.places:
            return self.weights.copy()
        return {key: weight << (places - self.places) for key, weight in self.weights.items()}

    def __hash__(self) -> int:
        return hash((self.least, self.most, self.places, frozenset(self.weights.items())))

    def quantiles(self, shares: Iterable[float]) -> tuple[float, ...]:
        """Return the quantiles at shares in [0, 1]; nan without numbers, or if one is nan.

        A quantile is the smallest number such that this share of the weight has numbers up to it.
        Shares are taken as the decimal numbers that they print as.
        """
        if not self.weights or NAN in self.weights:
            return tuple(np.nan for _ in shares)
        keys = sorted(self.weights)
        below = list(accumulate(self.weights[key] for key in keys))

        def quantile(share: float) -> float:
            if share in (0, 1):
                return self.most if share else self.least
            number = number_of(keys[bisect_left(below, Fraction(str(share)) * below[-1])])
            return min(max(number, self.least), self.most)

        return tuple(map(quantile, shares))


def keys_of(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the key of each number."""
    sizes = np.abs(values).view(np.int64) >> DROPPED_BITS
    return np.where(np.isnan(values), NAN, np.where(values < 0, -sizes, sizes))


def number_of(key: int) -> float:
    """Return the number in the middle of those with this key; 0 for the smallest ones."""
    size = abs(key)
    if size in (0, INFINITY):
        return float(np.copysign(np.inf, key)) if size else 0.0
    bits = (2 * size + 1) << (DROPPED_BITS - 1)
    number: float = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    return -number if key < 0 else number
