"""Fixed-point sums of float64 numbers by group, as arrays of digits to the base 2**32.

Row g holds the digits of group g, lowest first; all groups have as many. They lie in [0, 2**32),
except for the last, which has the sign and lies in [-2**31, 2**31).
"""

import numpy as np
from numpy.typing import NDArray

from smoothxent._kernel.group_sums import add, carry, range_of

DIGIT = 32  # bits of a digit
MOST_TERMS = 1 << 30  # terms that int64 digits hold between carries
ROOM = 2  # digits for the carries of any int64

Digits = NDArray[np.int64]


def digits_of(
    values: NDArray[np.float64], groups: NDArray[np.int64], num_groups: int
) -> tuple[Digits, int]:
    """Return the digits of the sums of finite values, and the exponent of digit 0."""
    low, high = range_of(values)
    lowest = low // DIGIT * DIGIT
    digits = np.zeros((num_groups, (high - lowest) // DIGIT + 3 + ROOM), np.int64)
    for first in range(0, len(values), MOST_TERMS):
        if first:
            carry(digits)
        terms = slice(first, first + MOST_TERMS)
        add(values[terms], groups[terms], lowest, digits)
    return _shortest(digits, lowest)


def carried(numbers: NDArray[np.int64], lowest: int) -> tuple[Digits, int]:
    """Return the digits of sums whose digits are any int64, and the exponent of digit 0."""
    digits = np.zeros((len(numbers), numbers.shape[1] + ROOM), np.int64)
    digits[:, :-ROOM] = numbers
    return _shortest(digits, lowest)


def integer_of(digits: NDArray[np.int64]) -> int:
    """Return the digits of one number as a Python integer."""
    return sum(digit << (DIGIT * i) for i, digit in enumerate(digits.tolist()))


def _shortest(digits: Digits, lowest: int) -> tuple[Digits, int]:
    """Carry, and return the digits without those that all groups can do without."""
    start, end = carry(digits)
    needed = np.ascontiguousarray(digits[:, start:end])
    return needed, lowest + DIGIT * start if needed.any() else 0
