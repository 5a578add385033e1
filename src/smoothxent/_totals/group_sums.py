"""Exact sums of float64 numbers by group, in arrays: some bytes for each of a million groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._kernel.digits import DIGIT, carried, digits_of, integer_of
from smoothxent._totals.exact import MOST_PLACES, Exact

MOST_DIGITS = 70  # float64 numbers lie between 2**-1074 and 2**1024, and so do 2**63 of them: 68

Floats = NDArray[np.float64]
GroupNumbers = NDArray[np.int64]  # the number of a group for each term: 0, 1, ...


@dataclass(frozen=True, slots=True, eq=False)
class GroupSums:
    """A sum for each group, in digits to the base 2**32, plus its terms that are inf or nan.

    Equal sums have equal arrays: there are as few digits as the largest and the smallest bit of all
    groups need.
    """

    digits: NDArray[np.int64]  # (groups, digits), as in digits.py; 0 where a term is inf or nan
    lowest: int  # digit 0 counts units of 2**lowest; a multiple of 32
    special: Floats  # (groups,): the sum of the terms that are inf or nan, or 0

    @classmethod
    def of(cls, values: Floats, groups: GroupNumbers, num_groups: int) -> Self:
        """Return the sums of the values of each group."""
        special = np.zeros(num_groups)
        is_finite = np.isfinite(values)
        if not is_finite.all():
            with np.errstate(invalid="ignore"):  # inf - inf
                np.add.at(special, groups[~is_finite], values[~is_finite])
            values, groups = values[is_finite], groups[is_finite]
        return cls._of_digits(*digits_of(values, groups, num_groups), special)

    @classmethod
    def of_counts(cls, counts: NDArray[np.int64]) -> Self:
        """Return the counts as sums."""
        return cls(*carried(counts.reshape(-1, 1), 0), np.zeros(len(counts)))

    @classmethod
    def merged(cls, parts: Sequence[Self], groups: Sequence[GroupNumbers], num_groups: int) -> Self:
        """Return the sums of all parts; `groups` are those of each part's sums, all different."""
        lowest = min(part.lowest for part in parts)
        offsets = [(part.lowest - lowest) // DIGIT for part in parts]
        ends = [n + part.digits.shape[1] for n, part in zip(offsets, parts, strict=True)]
        digits, special = np.zeros((num_groups, max(ends)), np.int64), np.zeros(num_groups)
        for offset, end, part, its_groups in zip(offsets, ends, parts, groups, strict=True):
            digits[its_groups, offset:end] += part.digits
            with np.errstate(invalid="ignore"):  # inf - inf
                special[its_groups] += part.special
        return cls._of_digits(*carried(digits, lowest), special)

    @classmethod
    def _of_digits(cls, digits: NDArray[np.int64], lowest: int, special: Floats) -> Self:
        if special.any():  # as in an Exact, nothing else counts then
            digits, lowest = carried(np.where(special[:, np.newaxis], 0, digits), lowest)
        return cls(digits, lowest, special)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the sums of `to_json`."""
        digits, lowest = np.array(value["digits"], np.int64).T, value["lowest"]
        has_digits = digits.ndim == 2 and 0 < len(digits.T) <= MOST_DIGITS
        if not has_digits or lowest % DIGIT or abs(lowest) > MOST_PLACES:
            raise ValueError(f"digits must be at most {MOST_DIGITS}, got {digits.shape}, {lowest}")
        special = np.zeros(len(digits))
        for group, text in value["special"].items():
            special[int(group)] = float(text)
        return cls._of_digits(*carried(digits, lowest), special)

    def to_json(self) -> dict[str, Any]:
        """Return lists of the lowest digits of all groups, of the next ones, and so on."""
        special = {str(group): str(self.special[group]) for group in np.flatnonzero(self.special)}
        return {"lowest": self.lowest, "digits": self.digits.T.tolist(), "special": special}

    def take(self, groups: GroupNumbers) -> Self:
        """Return the sums of some groups."""
        return self._of_digits(*carried(self.digits[groups], self.lowest), self.special[groups])

    def __len__(self) -> int:
        return len(self.digits)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupSums):
            return NotImplemented
        return (
            self.lowest == other.lowest
            and np.array_equal(self.digits, other.digits)
            and np.array_equal(self.special, other.special, equal_nan=True)
        )

    def __hash__(self) -> int:
        return hash((self.lowest, self.digits.tobytes()))

    def in_units(self, lowest: int) -> list[int]:
        """Return finite sums in units of 2**lowest, which is at most `self.lowest`."""
        return [integer_of(digits) << (self.lowest - lowest) for digits in self.digits]

    def total(self) -> Exact:
        """Return the sum over all groups."""
        with np.errstate(invalid="ignore"):  # inf - inf
            special = float(self.special.sum())
        return Exact.of(integer_of(self.digits.sum(axis=0)), -self.lowest, special)

    def floats(self) -> Floats:
        """Return the sums, correctly rounded."""
        is_negative = self.digits[:, -1] < 0
        # Digits of the size: those of a small negative sum may begin with -2**1024 + ...
        sizes = np.where(is_negative[:, np.newaxis], -self.digits, self.digits)
        digits, lowest = carried(sizes, self.lowest)
        total, rest, tail = np.zeros((3, len(self)))
        with np.errstate(over="ignore", invalid="ignore"):
            for i in reversed(range(digits.shape[1])):
                term = np.ldexp(digits[:, i].astype(np.float64), DIGIT * i + lowest)
                total, error = _two_sum(total, term)
                rest, error = _two_sum(rest, error)
                tail += error
            sizes = np.where(np.isfinite(total), total + _to_odd(rest, tail), total)
        return np.where(is_negative, -sizes, sizes) + self.special


def _two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return a + b and its rounding error, for |a| >= |b| or a = 0 (Dekker 1971)."""
    total = a + b
    return total, b - (total - a)


def _to_odd(values: Floats, tails: Floats) -> Floats:
    """Return values + tails, rounded to odd, for tails of at most half a unit in the last place.

    Unless the sum is exact, the last bit is 1: another addition then rounds as if the sum were
    exact (Boldo & Melquiond 2008).
    """
    is_even = values.view(np.int64) % 2 == 0
    towards = np.copysign(np.inf, tails)
    return np.where((tails != 0) & is_even, np.nextafter(values, towards), values)
