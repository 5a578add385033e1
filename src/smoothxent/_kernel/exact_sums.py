"""Exact sums of float64 numbers by group, as digits to the base 2**32 in int64."""

import numpy as np
from numpy.typing import NDArray

from smoothxent._kernel.digits import add, range_of

DIGIT = 32  # bits of a digit
BASE = 1 << DIGIT
MOST_TERMS = 1 << 30  # terms that int64 digits hold between carries

Digits = NDArray[np.int64]  # (groups, digits), lowest first


def exact_sums(
    values: NDArray[np.float64], groups: NDArray[np.int64], num_groups: int
) -> tuple[Digits, int]:
    """Return the sums of the finite values of each group, with carries, and the lowest exponent.

    Digit 0 counts units of 2**lowest, a multiple of 32; the last digit of a sum has its sign.
    """
    low, high = range_of(values)
    lowest = low // DIGIT * DIGIT
    digits = np.zeros((num_groups, (high - lowest) // DIGIT + 3), np.int64)
    for first in range(0, len(values), MOST_TERMS):
        terms = slice(first, first + MOST_TERMS)
        add(values[terms], groups[terms], lowest, digits)
        digits = carried(digits)
    return digits, lowest


def carried(digits: Digits) -> Digits:
    """Return the digits in [0, 2**32), except for the last, which has the sign."""
    digits = digits.copy()
    for i in range(digits.shape[1] - 1):
        over = digits[:, i] >> DIGIT
        digits[:, i] -= over << DIGIT
        digits[:, i + 1] += over
    while not has_room(digits):
        over = digits[:, -1:] >> DIGIT
        digits = np.hstack([digits[:, :-1], digits[:, -1:] - (over << DIGIT), over])
    return digits


def integer_of(digits: NDArray[np.int64]) -> int:
    """Return the digits of one sum as a Python integer, in units of digit 0."""
    return sum(digit << (DIGIT * i) for i, digit in enumerate(digits.tolist()))


def has_room(digits: Digits) -> bool:
    """Whether the last digit, which has the sign, lies in [-2**31, 2**31) for all groups."""
    last = digits[:, -1]
    return bool(((last >= -BASE // 2) & (last < BASE // 2)).all())
