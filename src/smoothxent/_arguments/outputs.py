"""Checks of the caller's arrays that a function writes: `out` and `grad_out`."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import AnyArray, is_tensor, typed_array
from smoothxent._arguments.logits import FLOAT32

# The most steps for NumPy's search for an overlap of two strided arrays. Beyond it they count as
# overlapping.
OVERLAP_WORK: Any = 10_000  # NumPy's stubs accept an int only from 2.5 on


def check_out_like_logits(name: str, value: object, logits: AnyArray) -> AnyArray:
    """Return `value`, an array like `logits`, or a float32 array if `logits` are a half type."""
    dtype = logits.dtype
    if dtype.itemsize == 2 and isinstance(value, np.ndarray) and value.dtype != dtype:
        if value.dtype != FLOAT32:
            raise TypeError(f"{name} must be {dtype} or float32, got {value.dtype}")
        dtype = FLOAT32
    return check_out(name, value, logits.shape, dtype)


def check_out(name: str, value: object, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
    """Return `value`, a writeable array of this shape and dtype, as a plain ndarray."""
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        remedy = f"; write into {name}.numpy()" if is_tensor(value) else ""
        raise TypeError(f"{name} must be a plain NumPy array, got {type(value).__name__}{remedy}")
    if value.dtype != dtype:
        raise TypeError(f"{name} must be {dtype}, got {value.dtype}")
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {value.shape}")
    flags = value.flags
    if not flags.writeable:
        raise ValueError(f"{name} must be writeable, got a read-only array")
    if not flags.forc and overlaps_itself(value):
        found = f"shape {shape} with strides {value.strides}"
        raise ValueError(f"{name} must not overlap itself, got {found}; use a new array")
    return np.asarray(value)


def overlaps_itself(array: AnyArray) -> bool:
    """Whether two entries share memory.

    On the first axis on which their indices differ, one may as well be at index 0: only the
    difference of the indices matters.
    """
    return any(
        np.may_share_memory(part[:1], part[1:], max_work=OVERLAP_WORK)
        for part in (array[(0,) * axis] for axis in range(array.ndim))
    )


def check_losses_out(
    value: object, reduction: str, row_shape: tuple[int, ...], dtype: np.dtype[Any]
) -> AnyArray:
    """Return `value`, an array with one entry for each row."""
    if reduction != "none":
        rule = "out must be None unless reduction is 'none'"
        raise ValueError(f"{rule}, got an array for {reduction!r}")
    return check_out("out", value, row_shape, dtype)


def check_no_overlap(name: str, array: AnyArray, **inputs: ArrayLike | None) -> None:
    """Raise if the output `array` shares memory with one of the inputs."""
    for other, value in inputs.items():
        if value is None:
            continue
        memory = value if type(value) is np.ndarray else typed_array(other, value).array
        if np.may_share_memory(array, memory, max_work=OVERLAP_WORK):
            raise ValueError(f"{name} must not overlap {other}, got arrays that share memory")


def check_in_place_or_apart(name: str, array: AnyArray, logits: AnyArray) -> None:
    """Raise if `array` overlaps the logits without being exactly the same memory."""
    if array is logits or not np.may_share_memory(array, logits):
        return
    same_place = array.__array_interface__["data"] == logits.__array_interface__["data"]
    same_steps = array.strides == logits.strides and array.itemsize == logits.itemsize
    if not (same_place and same_steps):
        check_no_overlap(name, array, logits=logits)


def contiguous_like(array: AnyArray) -> AnyArray:
    """Return `array` if it is contiguous and aligned, else a new array that is."""
    return array if array.flags.carray else np.empty(array.shape, array.dtype)


def write_back(target: AnyArray, written: AnyArray) -> None:
    """Copy `written` into `target`, unless it is a view of `target`."""
    if written is not target and not np.may_share_memory(target, written):
        target[...] = written.reshape(target.shape)
