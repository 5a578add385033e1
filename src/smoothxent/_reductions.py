"""The named reductions: what each divides the sum of the losses by.

Sums are exact integers in units of 2**-1074, the smallest float64: one division of two integers,
which Python rounds correctly, is the only rounding between the per-row losses and the reduced loss.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

UNIT = 1 << 1074


class Count(NamedTuple):
    """What the rows of one call weigh."""

    num_rows: int
    num_kept: int  # rows that are not ignored and whose sample weight is not 0
    weight: (
        int  # exact sum over kept rows of sample weight times the label's class weight, in units
    )


class Reduction(NamedTuple):
    denominator: Callable[[Count], int]  # in units
    empty: float  # the result where the denominator is 0

    def loss(self, total: int, special: float, count: Count) -> float:
        """Reduce the sum of the finite losses, in units, and the sum of the others."""
        denominator = self.denominator(count)
        if not denominator:
            return self.empty
        if special:
            return special
        return _quotient(total, denominator)

    def grad_divisor(self, count: Count) -> float:
        """Return what the gradient of each row's own loss is divided by."""
        denominator = self.denominator(count)
        if denominator:
            return _quotient(denominator, UNIT)
        return math.inf if self.empty == 0 else math.nan


def _quotient(numerator: int, denominator: int) -> float:
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf


REDUCTIONS = {
    "none": Reduction(lambda count: UNIT, empty=0.0),
    "sum": Reduction(lambda count: UNIT, empty=0.0),
    "mean": Reduction(lambda count: count.weight, empty=math.nan),  # PyTorch
    "sum_over_batch_size": Reduction(lambda count: count.num_rows * UNIT, empty=0.0),  # Keras
    "sum_by_nonzero_weights": Reduction(
        lambda count: count.num_kept * UNIT, empty=0.0
    ),  # TensorFlow
}
