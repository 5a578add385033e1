"""Checks of logits and of the inputs of a linear head: dtype, class axis, rows.

A check returns its argument in the form that the kernel accepts. Errors read
`<argument> must <rule>, got <found>; <remedy>`.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import dtype_name, in_native_order, numbers_of
from smoothxent._arguments.half import HALVES, Numbers
from smoothxent._arguments.options import check_integer

DType: TypeAlias = str | np.dtype[Any] | type[Any]

FLOAT32 = np.dtype(np.float32)
# The dtypes that the kernel accepts without a conversion: in native byte order. With their names,
# because NumPy takes long to build them.
FLOATS = {FLOAT32: "float32", np.dtype(np.float64): "float64"}
NAMES = "float32, float64, float16 or bfloat16"


def check_logits(value: ArrayLike, dtype: DType | None, argument: str = "logits") -> Numbers:
    """Return `value` as the kernel accepts it; `dtype` is the half type whose bits uint16 holds."""
    numbers = None
    array = value
    if type(array) is not np.ndarray:
        numbers = numbers_of(argument, value)
        array = numbers.array
    if dtype is None and array.dtype in FLOATS:
        return Numbers(array, FLOATS[array.dtype])
    own = numbers.dtype_name if numbers else dtype_name(array.dtype)
    name = own if dtype is None else check_dtype(dtype)
    if own == "uint16" and name in HALVES:  # the bits of a half type
        return Numbers(in_native_order(array), name)
    if array.dtype.char not in "fd" and own not in HALVES:
        raise TypeError(
            f"{argument} must be {NAMES}, got {array.dtype}{_remedy(argument, array.dtype)}"
        )
    if name != own:
        raise TypeError(f"dtype must be {own}, that of the {argument}, got {name}; leave it out")
    return Numbers(in_native_order(array), name)


def check_features(name: str, value: ArrayLike, shape: tuple[int, ...] | None = None) -> Numbers:
    """Return `value`, of any dtype that logits may have; check its shape if `shape` is given."""
    numbers = check_logits(value, None, name)
    own_shape = numbers.array.shape
    if shape is not None and own_shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {own_shape}")
    if not own_shape:
        raise ValueError(f"{name} must have at least one axis, got shape ()")
    return numbers


def check_head_weight(value: ArrayLike, hidden_shape: tuple[int, ...]) -> Numbers:
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
        raise ValueError(
            f"{name} must have at least one class on axis {position}, got shape {shape}"
        )
    return position, shape[position], row_shape


def check_dtype(dtype: DType) -> str:
    """Return the name of the dtype."""
    name = dtype
    if not isinstance(dtype, str):
        try:
            name = np.dtype(dtype).name
        except TypeError:
            name = repr(dtype)
    if name not in {*HALVES, "float32", "float64"}:
        raise TypeError(f"dtype must be {NAMES}, got {name}")
    return str(name)


def _remedy(argument: str, dtype: np.dtype[Any]) -> str:
    is_of_head = argument in {"hidden", "weight", "bias"}  # their functions have no `dtype`
    if is_of_head and dtype in {np.dtype("H"), np.dtype("V2")}:
        return f"; if these are the bits of bfloat16, use {argument}.view(ml_dtypes.bfloat16)"
    array = argument.partition(" ")[0]  # "logits" for "logits file x.npy" as well
    if dtype.char == "H":
        return "; if these are the bits of bfloat16 or float16, say so with dtype"
    if dtype.kind in "biuf":
        return f"; convert with {array}.astype(np.float32)"
    if dtype == np.dtype("V2"):  # bfloat16 after np.save and np.load
        return f'; if these are bfloat16, use {array}.view(np.uint16) and dtype="bfloat16"'
    return ""
