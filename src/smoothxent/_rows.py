"""The (outer, num_classes, inner) views, of arrays of any shape and strides, that the kernel walks.

Row n = o * inner + i of such a view is row n, in C order, of the shape without the class axis. For
contiguous arrays `outer` holds the axes before the class axis and `inner` those after it. Where
that would take a copy, as for logits[:, :-1], the row axes are cut elsewhere.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

AnyArray: TypeAlias = NDArray[Any]


def num_outer_axes(axis: int, logits: AnyArray, *tables: AnyArray | None) -> int:
    """How many row axes `outer` takes so that nothing is copied; `axis` where each way copies.

    The tables, arrays of the shape of the logits that are walked beside them, have a say too.
    """
    if logits.ndim < 3:
        return axis
    arrays = [logits, *(table for table in tables if table is not None)]
    if all(array.flags.c_contiguous for array in arrays):
        return axis
    cuts = sorted(range(logits.ndim), key=lambda cut: cut != axis)
    viewable = (cut for cut in cuts if all(_is_viewable(array, axis, cut) for array in arrays))
    return next(viewable, axis)


def _is_viewable(array: AnyArray, axis: int, cut: int) -> bool:
    steps = [*zip(array.shape, array.strides, strict=True)]
    del steps[axis]
    return _is_one_step(steps[:cut]) and _is_one_step(steps[cut:])


def _is_one_step(steps: Sequence[tuple[int, int]]) -> bool:
    """Whether these axes, as (length, stride), can be walked as a single axis."""
    steps = [step for step in steps if step[0] != 1]
    return all(
        stride == next_length * next_stride
        for (_, stride), (next_length, next_stride) in pairwise(steps)
    )


def as_rows(array: AnyArray, axis: int, cut: int) -> AnyArray:
    """`array` as (outer, num_classes, inner) with `cut` row axes in `outer`."""
    moved = array if cut == axis else np.moveaxis(array, axis, cut)
    shape = moved.shape
    return moved.reshape(math.prod(shape[:cut]), shape[cut], math.prod(shape[cut + 1 :]))


def flat(array: AnyArray) -> AnyArray:
    """Contiguous, aligned room for each entry of `array`: a view of it if it can be."""
    return array.reshape(-1) if array.flags.carray else np.empty(array.size, array.dtype)


def write_back(target: AnyArray, written: AnyArray) -> None:
    """Copy what was written into `target`, unless `written` is a view of it."""
    if not np.may_share_memory(target, written):
        target[...] = written.reshape(target.shape)
