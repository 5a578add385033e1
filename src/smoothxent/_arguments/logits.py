"""Logits, and what a head makes them of: their dtypes, their class axis, their rows.

A check returns its argument in the form that the kernel takes. Errors read
`<argument> must <rule>, got <found>; <remedy>`.
"""

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import dtype_name, in_native_order, numbers_of
from smoothxent._arguments.half import HALVES, Numbers
from smoothxent._arguments.options import check_integer

DType: TypeAlias = str | np.dtype[Any] | type[Any]

FLOAT32 = np.dtype(np.float32)
# In native byte order: what the kernel takes as it is. With the names, which take NumPy a while.
FLOATS = {FLOAT32: "float32", np.dtype(np.float64): "float64"}
NAMES = "float32, float64, float16 or bfloat16"


def check_logits(value: ArrayLike, dtype: DType | None, argument: str = "logits") -> Numbers:
    """Return `value` as the kernel takes it; `dtype` says what uint16 are the bits of."""
    numbers = None
    array = value
    if type(array) is not np.ndarray:
        numbers = numbers_of(argument, value)
        array = numbers.array
    if dtype is None and array.dtype in FLOATS:
        return Numbers(array, FLOATS[array.dtype])
    own = numbers.dtype_name if numbers else dtype_name(array.dtype)
    name = own if dtype is None else _name_of(dtype)
    if own == "uint16" and name in HALVES:  # the bits of such numbers
        return Numbers(in_native_order(array), name)
    if array.dtype.char not in "fd" and own not in HALVES:
        raise TypeError(
            f"{argument} must be {NAMES}, got {array.dtype}{_remedy(argument, array.dtype)}"
        )
    if name != own:
        raise TypeError(f"dtype must be {own}, that of the {argument}, got {name}; leave it out")
    return Numbers(in_native_order(array), name)


def check_features(name: str, value: ArrayLike, shape: tuple[int, ...] | None = None) -> Numbers:
    """Return `value`, of any dtype that logits may have, with this shape where one is given."""
    numbers = check_logits(value, None, name)
    found = numbers.array.shape
    if shape is not None and found != shape:
        raise ValueError(f"{name} must have shape {shape}, got {found}")
    if not found:
        raise ValueError(f"{name} must have at least one axis, got shape ()")
    return numbers


def check_head_weight(value: ArrayLike, hidden_shape: tuple[int, ...]) -> Numbers:
    """Return `value`, a row for each of at least one class, each as long as a row of hidden."""
    numbers = check_features("weight", value)
    shape = numbers.array.shape
    if len(shape) != 2 or shape[1] != hidden_shape[-1] or not shape[0]:
        raise ValueError(
            f"weight must have shape (classes, {hidden_shape[-1]}) for hidden of shape "
            f"{hidden_shape}, got {shape}"
        )
    return numbers


def losses_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return what the losses of rows of such logits are in."""
    return dtype if dtype in FLOATS else FLOAT32


def check_axis(value: int, ndim: int) -> int:
    """Return `value` counted from the front."""
    position = check_integer("axis", value)
    if not -ndim <= position < ndim:
        raise ValueError(f"axis must lie in [{-ndim}, {ndim}), got {position}")
    return position % ndim


def check_class_axis(
    name: str, value: int, shape: tuple[int, ...]
) -> tuple[int, int, tuple[int, ...]]:
    """Return `value` counted from the front, the number of classes there, the shape of the rows."""
    return _class_axis(name, value if type(value) is int else check_integer("axis", value), shape)


@lru_cache  # most calls have the shape of a call before
def _class_axis(name: str, value: int, shape: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
    if not shape:
        raise ValueError(f"{name} must have at least one axis, got shape ()")
    position = check_axis(value, len(shape))
    row_shape = shape[:position] + shape[position + 1 :]
    if not shape[position] and 0 not in row_shape:
        raise ValueError(
            f"{name} must have at least one class on axis {position}, got shape {shape}"
        )
    return position, shape[position], row_shape


def _name_of(dtype: DType) -> str:
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
    is_of_head = argument in {"hidden", "weight", "bias"}  # whose functions have no `dtype`
    if is_of_head and dtype in {np.dtype("H"), np.dtype("V2")}:
        return f"; if these are the bits of bfloat16, use {argument}.view(ml_dtypes.bfloat16)"
    array = argument.partition(" ")[0]  # of "logits file x.npy" too
    if dtype.char == "H":
        return "; if these are the bits of bfloat16 or float16, say so with dtype"
    if dtype.kind in "biuf":
        return f"; convert with {array}.astype(np.float32)"
    if dtype == np.dtype("V2"):  # what np.save and np.load make of bfloat16
        return f'; if these are bfloat16, use {array}.view(np.uint16) and dtype="bfloat16"'
    return ""
