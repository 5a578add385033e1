"""The reductions: for each name, the denominator of the sum of the losses.

The kernel sums exactly, in integers that count units of 2**-places. The only rounding between the
losses of rows and the reduced loss is one division of two integers, which Python rounds correctly.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal, TypeAlias

from smoothxent._kernel.protocol import NUM_KEPT, NUM_ROWS, PLACES, WEIGHT, Count

Reduced: TypeAlias = Literal["mean", "sum", "sum_over_batch_size", "sum_by_nonzero_weights"]


@dataclass(frozen=True, slots=True)
class Reduction:
    denominator: Callable[[Count], int]  # in units
    empty: float = 0.0  # the result if the denominator is 0

    def loss(self, total: int, special: float, count: Count) -> float:
        """Reduce the sum of the finite losses, in units, and the sum of the others."""
        denominator = self.denominator(count)
        if not denominator:
            return self.empty
        if special:
            return special
        try:
            return total / denominator
        except OverflowError:
            return math.inf

    def grad_divisor(self, count: Count, has_class_weight: bool) -> float:
        """Return the divisor of the gradient of each row's own loss.

        The denominator is exact, but the kernel divides by a float. A denominator beyond the range
        of floats would make every gradient 0. If labels have class weights, the kernel computes
        1 / divisor, so the divisor must not be subnormal.
        """
        denominator = self.denominator(count)
        if not denominator:
            return math.inf if self.empty == 0 else math.nan
        try:
            divisor = denominator / (1 << count[PLACES])
        except OverflowError:
            divisor = math.inf
        least, most = sys.float_info.min if has_class_weight else 0.0, sys.float_info.max
        if not least <= divisor <= most:
            name = "class_weight" if has_class_weight else "sample_weight"
            rule = f"{name} must have a sum over the rows in [{least:.3g}, {most:.3g}]"
            raise ValueError(f"{rule}, got {divisor}; divide it by its largest entry")
        return divisor


REDUCTIONS = {
    "none": Reduction(lambda count: 1 << count[PLACES]),
    "sum": Reduction(lambda count: 1 << count[PLACES]),
    # The means of PyTorch, of Keras and of TensorFlow.
    "mean": Reduction(itemgetter(WEIGHT), empty=math.nan),
    "sum_over_batch_size": Reduction(lambda count: count[NUM_ROWS] << count[PLACES]),
    "sum_by_nonzero_weights": Reduction(lambda count: count[NUM_KEPT] << count[PLACES]),
}
