"""Warning about logits that look like probabilities, which are valid but usually a mistake."""

import warnings

import numpy as np

from smoothxent._arguments.arrays import AnyArray, FloatArray
from smoothxent._arguments.half import TypedArray
from smoothxent._kernel.rows import Layout

# Only the first logits are checked: a second read of all would cost as much as the metrics. Many
# rows of real logits that are not negative and sum to 1 do not occur by chance.
MOST_CHECKED = 1 << 14
LEAST_ROWS = 4  # of any length
LONGEST = 1 << 20  # classes of a row that is checked: the check can't be interrupted
FEW = 8  # logits of the first row, which are checked first, in a microsecond

# Tolerances of a sum of probabilities. float64 numbers may have been float32, in which a long sum
# has many rounding errors. For half types the tolerance is a few rounding errors.
TOLERANCES = {"float32": 1e-5, "float64": 1e-5, "float16": 2.0**-9, "bfloat16": 2.0**-6}


def warn_of_probabilities(name: str) -> None:
    """Warn, at this level of the stack, that the logits of this name look like probabilities."""
    warnings.warn(
        f"{name} must not be probabilities, got rows without negative numbers that sum to 1; "
        "use their logarithm, np.log(p), or the classifier's decision_function",
        UserWarning,
        stacklevel=3,
    )


def look_like_probabilities(
    logits: FloatArray, labels: AnyArray, layout: Layout, ignore_index: int | None
) -> bool:
    """Whether each checked row has no negative number and sums to 1.

    Ignored rows and rows whose sum is nan do not count.
    """
    num_classes = layout.num_classes
    if not logits.size or not 1 < num_classes <= LONGEST:
        return False
    table = logits
    if layout.axis != logits.ndim - 1:
        table = np.moveaxis(logits, layout.axis, -1)
    elif logits.ndim == 1:
        table, labels = logits[np.newaxis], labels[np.newaxis]
    first = (0,) * (table.ndim - 2) + (slice(max(LEAST_ROWS, MOST_CHECKED // num_classes)),)
    rows = table[first]
    if ignore_index is not None:
        rows = rows[labels[first] != ignore_index]
    few = TypedArray(rows[:1, :FEW], layout.dtype_name).widened().ravel().tolist()
    if min(few, default=0) < 0 or max(few, default=1) > 1:
        return False  # the usual case
    numbers = TypedArray(rows, layout.dtype_name).widened()
    with np.errstate(all="ignore"):
        sums = numbers.sum(axis=-1, dtype=np.float64)
        sums = sums[~np.isnan(sums)]
        is_near = np.abs(sums - 1.0) <= TOLERANCES[layout.dtype_name]
        return bool(sums.size and is_near.all() and np.fmin.reduce(numbers, axis=None) >= 0)
