"""The standard error of a mean if groups of rows are independent, but not the rows of a group."""

import math

import numpy as np

from smoothxent._evaluation.sums.exact import Exact, exact_sum, square_root
from smoothxent._evaluation.sums.group_sums import GroupSums

ONE = Exact(1, 0)


def clustered_error(sums: GroupSums, weight: GroupSums) -> float:
    """Return the standard error of the mean over all rows; nan for fewer than two groups.

    sums, weight: for each group, of weight times value and of the weights. The formula and its
    sources are those of `GroupedEvaluation`.
    """
    total = weight.total()
    mean_of_rows = sums.total() / total
    weights = weight.floats()
    size = int((weights > 0).sum())
    if size < 2 or not math.isfinite(mean_of_rows):
        return math.nan
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = np.abs(sums.floats() - mean_of_rows * weights)
    largest = float(deviations.max())
    if not 0 < largest < math.inf:  # nan and inf if a sum overflows
        return largest * 0.0
    squares = exact_sum((deviations / largest) ** 2)  # no square of a share overflows
    return square_root(squares.fraction() * size / (size - 1)) * (largest / (total / ONE))
