"""Logits that look like probabilities, which are legal but seldom meant: a warning."""

import warnings

import numpy as np

from smoothxent._arguments.arrays import AnyArray, FloatArray
from smoothxent._arguments.half import Numbers
from smoothxent._kernel.rows import Layout

# So few of the first logits are looked at: a second read of all of them would cost as much as the
# metrics, and rows of logits that are not negative and sum to 1 do not come by the hundred.
LOOKED_AT = 1 << 14
LEAST_ROWS = 4  # however long they are
LONGEST = 1 << 20  # classes of a row that is looked at: nothing here looks at signals
FEW = 8  # of the first row: looked at first, in a microsecond

# By how much a sum of probabilities may miss 1: float64 ones may have been float32, in which a sum
# of many rounds as often; of halves it is a few roundoffs.
MISSED = {"float32": 1e-5, "float64": 1e-5, "float16": 2.0**-9, "bfloat16": 2.0**-6}


def warn_of_probabilities(name: str, stacklevel: int) -> None:
    """Warn the caller at this level that the logits of this name look like probabilities."""
    warnings.warn(
        f"{name} must not be probabilities, got rows that are nowhere negative and sum to 1; "
        "use their logarithm, np.log(p), or the classifier's decision_function",
        UserWarning,
        stacklevel=stacklevel + 1,
    )


def look_like_probabilities(
    logits: FloatArray, labels: AnyArray, layout: Layout, ignore_index: int | None
) -> bool:
    """Whether every row looked at is nowhere negative and sums to 1.

    Rows that are ignored, or whose sum is nan, do not count.
    """
    num_classes = layout.num_classes
    if not logits.size or not 1 < num_classes <= LONGEST:
        return False
    table = logits
    if layout.axis != logits.ndim - 1:
        table = np.moveaxis(logits, layout.axis, -1)
    elif logits.ndim == 1:
        table, labels = logits[np.newaxis], labels[np.newaxis]
    first = (0,) * (table.ndim - 2) + (slice(max(LEAST_ROWS, LOOKED_AT // num_classes)),)
    rows = table[first]
    if ignore_index is not None:
        rows = rows[labels[first] != ignore_index]
    few = Numbers(rows[:1, :FEW], layout.dtype_name).widened().ravel().tolist()
    if any(number < 0 or number > 1 for number in few):
        return False  # as almost always
    numbers = Numbers(rows, layout.dtype_name).widened()
    with np.errstate(all="ignore"):
        sums = numbers.sum(axis=-1, dtype=np.float64)
        sums = sums[~np.isnan(sums)]
        is_near = np.abs(sums - 1.0) <= MISSED[layout.dtype_name]
        return bool(sums.size and is_near.all() and np.fmin.reduce(numbers, axis=None) >= 0)
