"""Fixed-point sums of float64 numbers by group, as arrays of digits to the base 2**32.

Row g holds the digits of group g, lowest first; all groups have as many. Carried digits lie in
[0, 2**32), except for the last, which has the sign and lies in [-2**31, 2**31).
"""

import numpy as np
from numpy.typing import NDArray

from smoothxent._kernel.group_sums import add, range_of

DIGIT = 32  # bits of a digit
BASE = 1 << DIGIT
MOST_TERMS = 1 << 30  # terms that int64 digits hold between carries

Digits = NDArray[np.int64]


def digits_of(
    values: NDArray[np.float64], groups: NDArray[np.int64], num_groups: int
) -> tuple[Digits, int]:
    """Return the carried digits of the sums of finite values, in units of 2**lowest, and lowest."""
    low, high = range_of(values)
    lowest = low // DIGIT * DIGIT
    digits = np.zeros((num_groups, (high - lowest) // DIGIT + 3), np.int64)
    for first in range(0, len(values), MOST_TERMS):
        terms = slice(first, first + MOST_TERMS)
        add(values[terms], groups[terms], lowest, digits)
        digits = carried(digits)
    return digits, lowest


def carried(digits: Digits) -> Digits:
    """Return the same numbers as carried digits."""
    digits = digits.copy()
    for i in range(digits.shape[1] - 1):
        over = digits[:, i] >> DIGIT
        digits[:, i] -= over << DIGIT
        digits[:, i + 1] += over
    while not _fits(digits):
        over = digits[:, -1:] >> DIGIT
        digits = np.hstack([digits[:, :-1], digits[:, -1:] - (over << DIGIT), over])
    return digits


def integer_of(digits: NDArray[np.int64]) -> int:
    """Return the digits of one number as a Python integer."""
    return sum(digit << (DIGIT * i) for i, digit in enumerate(digits.tolist()))


def shortest(digits: Digits, lowest: int) -> tuple[Digits, int]:
    """Return carried digits without those that all groups can do without."""
    while digits.shape[1] > 1 and _fits(shorter := _without_last(digits)):
        digits = shorter
    while digits.shape[1] > 1 and not digits[:, 0].any():
        digits, lowest = digits[:, 1:], lowest + DIGIT
    return np.ascontiguousarray(digits), lowest if digits.any() else 0


def _without_last(digits: Digits) -> Digits:
    """Return the digits with the last added to the one before; maybe a digit that does not fit."""
    shorter = digits[:, :-1].copy()
    is_small = np.abs(digits[:, -1]) <= 1
    shorter[:, -1] = np.where(is_small, shorter[:, -1] + (digits[:, -1] << DIGIT), BASE)
    return shorter


def _fits(digits: Digits) -> bool:
    last = digits[:, -1]
    return bool(((last >= -BASE // 2) & (last < BASE // 2)).all())
