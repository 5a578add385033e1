"""(outer, num_classes, inner) views of arrays of any shape and strides, for the kernel.

Row n = o * inner + i of a view is row n, in C order, of the shape without the class axis. For
contiguous arrays, `outer` combines the axes before the class axis and `inner` those after it. Where
this would need a copy, as for logits[:, :-1], the row axes are split at another place. An array of
shape (outer, num_classes) needs no view: the kernel accepts it without an inner axis.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from smoothxent._arguments.arrays import AnyArray


def row_views(axis: int, *arrays: Any) -> tuple[Any, ...]:
    """Return the views of the logits, which come first, and of the other arrays; None stays None.

    Class indices, which have one axis less, become (outer, inner). Arrays are copied only if no
    split of the row axes works for all of them.
    """
    ndim = arrays[0].ndim
    if axis == 1 and ndim == 2:
        return arrays
    tables = [array for array in arrays if array is not None and array.ndim == ndim]
    cut = _num_outer_axes(axis, tables)
    return tuple(
        None if array is None else _view(array, axis, cut, array.ndim == ndim) for array in arrays
    )


def _num_outer_axes(axis: int, arrays: Sequence[AnyArray]) -> int:
    """Return how many row axes go into `outer` so that nothing is copied; else `axis`."""
    if all(array.flags.c_contiguous for array in arrays):
        return axis
    cuts = sorted(range(arrays[0].ndim), key=lambda cut: cut != axis)
    viewable = (cut for cut in cuts if all(_is_viewable(array, axis, cut) for array in arrays))
    return next(viewable, axis)


def _is_viewable(array: AnyArray, axis: int, cut: int) -> bool:
    steps = [*zip(array.shape, array.strides, strict=True)]
    del steps[axis]
    return _is_one_step(steps[:cut]) and _is_one_step(steps[cut:])


def _is_one_step(steps: Sequence[tuple[int, int]]) -> bool:
    """Whether these axes, as (length, stride), can be merged into a single axis."""
    steps = [step for step in steps if step[0] != 1]
    return all(
        stride == next_length * next_stride
        for (_, stride), (next_length, next_stride) in pairwise(steps)
    )


def _view(array: AnyArray, axis: int, cut: int, has_classes: bool) -> AnyArray:
    if not has_classes:
        return array.reshape(math.prod(array.shape[:cut]), math.prod(array.shape[cut:]))
    moved = array if cut == axis else np.moveaxis(array, axis, cut)
    shape = moved.shape
    return moved.reshape(math.prod(shape[:cut]), shape[cut], math.prod(shape[cut + 1 :]))
