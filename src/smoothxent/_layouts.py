"""What the shapes and dtypes of logits and labels say: the class axis, the rows, the build."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from smoothxent import _checks, _label_checks
from smoothxent._checks import AnyArray, DType, FloatArray

if TYPE_CHECKING:
    from collections.abc import Callable

    LabelsCheck = Callable[[ArrayLike, tuple[int, ...], tuple[int, ...]], AnyArray]


class Layout(NamedTuple):
    axis: int
    num_classes: int
    row_shape: tuple[int, ...]
    losses_dtype: np.dtype[Any]
    build: str  # the name of the dtype whose build of the kernel takes the logits
    is_flat: bool  # whether the kernel walks the arrays as they are, without another view


def of(
    logits: ArrayLike,
    labels: ArrayLike,
    axis: int,
    dtype: DType | None,
    check: "LabelsCheck" = _label_checks.labels,
) -> tuple[FloatArray, AnyArray, Layout]:
    """The logits and the labels as the kernel takes them, and their layout."""
    if type(logits) is type(labels) is np.ndarray and type(axis) is int and dtype is None:
        layout = _flat(logits.shape, logits.dtype, labels.shape, labels.dtype, axis)
        if layout is not None:
            return logits, labels, layout
    checked, build = _checks.logits(logits, dtype)
    position, num_classes, row_shape = _checks.class_axis("logits", axis, checked.shape)
    targets = check(labels, checked.shape, row_shape)
    losses_dtype = _checks.losses_dtype(checked.dtype)
    layout = Layout(position, num_classes, row_shape, losses_dtype, build, is_flat=False)
    return checked, targets, layout


@lru_cache  # most calls have the shapes and dtypes of one before; the checks cost more than a row
def _flat(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    labels_shape: tuple[int, ...],
    labels_dtype: np.dtype[Any],
    axis: int,
) -> Layout | None:
    """The layout of (N, C) logits and N class indices on which no check has a word; else None."""
    if len(shape) != 2 or axis not in (-1, 1) or labels_shape != shape[:1] or not shape[1]:
        return None
    if dtype not in _checks.FLOATS or labels_dtype not in _label_checks.INTEGERS:
        return None
    losses_dtype = np.dtype(dtype.char)  # without the metadata that the caller's may have
    return Layout(1, shape[1], labels_shape, losses_dtype, dtype.name, is_flat=True)
