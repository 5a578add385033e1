"""Logits that look like probabilities, which are legal but seldom meant: a warning."""

import warnings

import numpy as np

from smoothxent import _halves
from smoothxent._checks import HALVES, AnyArray, FloatArray

# So few of the first logits are looked at: a second read of all of them would cost as much as the
# metrics, and rows of logits that are not negative and sum to 1 do not come by the hundred.
LOOKED_AT = 1 << 14
LONGEST = 1 << 20  # classes of a row that is looked at: nothing here looks at signals
FEW = 8  # of the first row: looked at first, in a microsecond

# By how much a sum of probabilities may miss 1: float64 ones may have been float32, in which a sum
# of many rounds as often; of halves it is a few roundoffs.
MISSED = {"float32": 1e-5, "float64": 1e-5, "float16": 2.0**-9, "bfloat16": 2.0**-6}


def warn(logits: FloatArray, axis: int, build: str, stacklevel: int) -> None:
    """Warn the caller at this level where every row looked at is not negative and sums to 1."""
    num_classes = logits.shape[axis]
    if not logits.size or not 1 < num_classes <= LONGEST:
        return
    begin: list[int | slice] = [0] * logits.ndim
    begin[axis] = slice(FEW)
    few = _numbers(logits[tuple(begin)], build).tolist()
    if not all(0 <= number <= 1 for number in few):
        return  # as almost always
    table = np.moveaxis(logits, axis, -1)
    table = table[(0,) * (table.ndim - 2)] if table.ndim > 1 else table[np.newaxis]
    if _are_probabilities(table[: max(1, LOOKED_AT // num_classes)], build):
        warnings.warn(
            "logits look like probabilities: no row looked at is negative anywhere and each sums "
            "to 1; use their logarithm, np.log(p), or the classifier's decision_function",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def _numbers(logits: AnyArray, build: str) -> AnyArray:
    return _halves.widened(logits, build) if build in HALVES else logits


def _are_probabilities(rows: AnyArray, build: str) -> bool:
    numbers = _numbers(rows, build)
    with np.errstate(all="ignore"):
        sums = numbers.sum(axis=-1, dtype=np.float64)
        return bool(np.all(np.abs(sums - 1.0) <= MISSED[build]) and numbers.min() >= 0)
