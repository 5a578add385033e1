"""Checked logits and labels, and their layout: class axis, rows, dtypes, build of the kernel."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import AnyArray, FloatArray
from smoothxent._arguments.labels import INTEGERS, check_labels
from smoothxent._arguments.logits import FLOATS, check_class_axis, check_logits, losses_dtype
from smoothxent._arguments.options import check_integer

LabelsCheck: TypeAlias = Callable[[ArrayLike | None, tuple[int, ...], tuple[int, ...]], AnyArray]


class Layout(NamedTuple):
    axis: int
    num_classes: int
    row_shape: tuple[int, ...]
    losses_dtype: np.dtype[Any]
    dtype_name: str  # of the logits; it selects the build of the kernel
    is_flat: bool  # whether the kernel accepts the arrays without another view


Rows: TypeAlias = tuple[FloatArray, AnyArray, Layout]  # logits, labels, their layout


def checked_rows(
    logits: ArrayLike, labels: ArrayLike, axis: int, check: LabelsCheck = check_labels
) -> Rows:
    """Return the logits and the labels as the kernel accepts them, and their layout."""
    if type(logits) is type(labels) is np.ndarray and type(axis) is int:
        layout = _flat(logits.shape, logits.dtype, labels.shape, labels.dtype, axis)
        if layout is not None:
            return logits, labels, layout
    array, layout = checked_logits(logits, axis)
    return array, check(labels, array.shape, layout.row_shape), layout


def checked_logits(logits: ArrayLike, axis: int) -> tuple[FloatArray, Layout]:
    """Return logits without labels as the kernel accepts them, and their layout."""
    if type(logits) is np.ndarray and logits.dtype in FLOATS:
        array, name = logits, FLOATS[logits.dtype]
    else:
        array, name = check_logits(logits)
    position = axis if type(axis) is int else check_integer("axis", axis)
    return array, _layout(array.shape, array.dtype, name, position)


# Most calls repeat earlier shapes and dtypes; the checks cost more than a row.
@lru_cache
def _layout(shape: tuple[int, ...], dtype: np.dtype[Any], dtype_name: str, axis: int) -> Layout:
    position, num_classes, row_shape = check_class_axis("logits", axis, shape)
    real = losses_dtype(dtype)
    return Layout(position, num_classes, row_shape, real, dtype_name, is_flat=False)


@lru_cache
def _flat(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    labels_shape: tuple[int, ...],
    labels_dtype: np.dtype[Any],
    axis: int,
) -> Layout | None:
    """Return the layout of (N, C) logits and N class indices that need no check, else None."""
    if len(shape) != 2 or axis not in (-1, 1) or labels_shape != shape[:1] or not shape[1]:
        return None
    if dtype not in FLOATS or labels_dtype not in INTEGERS:
        return None
    return Layout(1, shape[1], labels_shape, losses_dtype(dtype), dtype.name, is_flat=True)
