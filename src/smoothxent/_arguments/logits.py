"""Checks of logits and of the inputs of a linear head: dtype, class axis, rows.

A check returns its argument in the form that the kernel accepts. Errors read
`<argument> must <rule>, got <found>; <remedy>`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import in_native_order, typed_array
from smoothxent._arguments.half import HALVES, TypedArray
from smoothxent._arguments.options import check_integer

FLOAT32 = np.dtype(np.float32)
# The dtypes that the kernel accepts without a conversion: in native byte order. With their names,
# because NumPy takes long to build them.
FLOATS = {FLOAT32: "float32", np.dtype(np.float64): "float64"}
WORD = np.dtype("V2")
NAMES = "float32, float64, float16 or bfloat16"


def check_logits(value: ArrayLike, argument: str = "logits") -> TypedArray:
    """Return `value` as the kernel accepts it."""
    array, name = typed_array(argument, value)
    if array.dtype in FLOATS:
        return TypedArray(array, FLOATS[array.dtype])
    if array.dtype.char not in "fd" and name not in HALVES:
        remedy = _remedy(argument, array.dtype)
        raise TypeError(f"{argument} must be {NAMES}, got {array.dtype}{remedy}")
    return TypedArray(in_native_order(array), name)


def check_features(name: str, value: ArrayLike, shape: tuple[int, ...] | None = None) -> TypedArray:
    """Return `value`, of any dtype that logits may have; check its shape if `shape` is given."""
    numbers = check_logits(value, name)
    own_shape = numbers.array.shape
    if shape is not None and own_shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {own_shape}")
    if not own_shape:
        raise ValueError(f"{name} must have at least one axis, got shape ()")
    return numbers


def check_head_weight(value: ArrayLike, hidden_shape: tuple[int, ...]) -> TypedArray:
    """Return `value`, with a row for each class, as long as a row of hidden; at least one row."""
    numbers = check_features("weight", value)
    shape = numbers.array.shape
    if len(shape) != 2 or shape[1] != hidden_shape[-1] or not shape[0]:
        raise ValueError(
            f"weight must have shape (classes, {hidden_shape[-1]}) for hidden of shape "
            f"{hidden_shape}, got {shape}"
        )
    return numbers


def losses_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the losses of rows, for logits of this dtype."""
    # By its character, so that no metadata of a caller's dtype gets into other callers' results.
    return np.dtype(dtype.char) if dtype in FLOATS else FLOAT32


def check_axis(value: int, ndim: int) -> int:
    """Return `value` counted from the front."""
    position = check_integer("axis", value)
    if not -ndim <= position < ndim:
        raise ValueError(f"axis must lie in [{-ndim}, {ndim}), got {position}")
    return position % ndim


def check_class_axis(
    name: str, value: int, shape: tuple[int, ...]
) -> tuple[int, int, tuple[int, ...]]:
    """Return `value` counted from the front, the number of classes, and the shape of the rows."""
    if not shape:
        raise ValueError(f"{name} must have at least one axis, got shape ()")
    position = check_axis(value, len(shape))
    row_shape = shape[:position] + shape[position + 1 :]
    if not shape[position] and 0 not in row_shape:
        rule = f"{name} must have at least one class on axis {position}"
        raise ValueError(f"{rule}, got shape {shape}")
    return position, shape[position], row_shape


def _remedy(argument: str, dtype: np.dtype[Any]) -> str:
    array, _, file = argument.partition(" ")  # "logits", or "logits" and "file x.npy"
    if dtype.char == "H" or dtype == WORD:  # bfloat16 becomes WORD by np.save and np.load
        how = "say so with dtype" if file else f'use smoothxent.bits({array}, "bfloat16")'
        return f"; if these are the bits of bfloat16 or float16, {how}"
    return f"; convert with {array}.astype(np.float32)" if dtype.kind in "biuf" else ""
