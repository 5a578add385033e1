"""Standard errors of means: of independent rows, and of rows that are alike within groups."""

import math
from fractions import Fraction

import numpy as np

from smoothxent._totals.exact import Exact, exact_sum, square_root
from smoothxent._totals.group_sums import GroupSums

ONE = Exact(1, 0)

# The squares of the weights are rounded to float64 before they are summed. An effective number of
# rows this close to 1 means a single row.
ONE_ROW = 1 + Fraction(1, 2**50)


def standard_error(total: Exact, squares: Exact, weight: Exact, weight_square: Exact) -> float:
    """Return the standard error of the mean total / weight; nan for fewer than two rows.

    total, squares: sums of weight times value and of weight times squared value.
    """
    if total.special or squares.special or not weight_square.units:
        return math.nan
    sum_of_weights = weight.fraction()
    effective = sum_of_weights**2 / weight_square.fraction()
    if effective <= ONE_ROW:
        return math.nan
    variance = squares.fraction() / sum_of_weights - (total.fraction() / sum_of_weights) ** 2
    # With equal rows, rounding of weight times value may make the variance slightly negative.
    return square_root(max(variance, Fraction()) / (effective - 1))


def clustered_error(sums: GroupSums, weight: GroupSums) -> float:
    """Return the standard error of the mean over all rows; nan for fewer than two groups.

    sums, weight: for each group, of weight times value and of the weights. The formula and its
    sources are those of `GroupMetrics`.
    """
    total = weight.total()
    mean_of_rows = sums.total() / total
    weights, size = weight.floats(), num_weighted(weight)
    if size < 2 or not math.isfinite(mean_of_rows):
        return math.nan
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = np.abs(sums.floats() - mean_of_rows * weights)
    largest = float(deviations.max())
    if not 0 < largest < math.inf:  # nan and inf if a sum overflows
        return largest * 0.0
    squares = exact_sum((deviations / largest) ** 2)  # no square of a share overflows
    return square_root(squares.fraction() * size / (size - 1)) * (largest / (total / ONE))


def num_weighted(weight: GroupSums) -> int:
    """Return the number of groups whose weight is not 0."""
    return int((weight.floats() > 0).sum())
