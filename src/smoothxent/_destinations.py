"""Arrays of the caller's that a function writes: the rules that they must obey."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from smoothxent import _arrays
from smoothxent._checks import FLOAT32, AnyArray

# Steps that NumPy may take to prove two strided arrays apart; beyond it they count as overlapping.
OVERLAP_WORK: Any = 10_000  # which NumPy's stubs know only from 2.5 on


def second_sweep(name: str, value: object, logits: AnyArray) -> AnyArray:
    """`value`, an array with the shape of `logits` and their dtype, or float32 for halves of it."""
    dtype = logits.dtype
    if dtype.itemsize == 2 and isinstance(value, np.ndarray) and value.dtype != dtype:
        if value.dtype != FLOAT32:
            raise TypeError(f"{name} must be {dtype} or float32, got {value.dtype}")
        dtype = FLOAT32
    return plain(name, value, logits.shape, dtype)


def plain(name: str, value: object, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
    """`value`, an array to be written, without its subclass."""
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        remedy = f"; write into {name}.numpy()" if _arrays.is_tensor(value) else ""
        raise TypeError(f"{name} must be a plain NumPy array, got {type(value).__name__}{remedy}")
    if value.dtype != dtype:
        raise TypeError(f"{name} must be {dtype}, got {value.dtype}")
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {value.shape}")
    if not value.flags.writeable:
        raise ValueError(f"{name} must be writeable, got a read-only array")
    return np.asarray(value)


def losses(
    value: object, reduction: str, row_shape: tuple[int, ...], dtype: np.dtype[Any]
) -> AnyArray:
    """`value`, an array for one loss per row."""
    if reduction != "none":
        raise ValueError(
            f"out must be None unless reduction is 'none', got an array for {reduction!r}"
        )
    return plain("out", value, row_shape, dtype)


def apart(name: str, array: AnyArray, **inputs: ArrayLike | None) -> None:
    """Refuse an `array` to be written that shares memory with one of the inputs."""
    for other, value in inputs.items():
        if value is None:
            continue
        memory = value if type(value) is np.ndarray else _arrays.lent(other, value)[0]
        if np.may_share_memory(array, memory, max_work=OVERLAP_WORK):
            raise ValueError(f"{name} must not overlap {other}, got arrays that share memory")


def in_place_or_apart(name: str, array: AnyArray, logits: AnyArray) -> None:
    """Refuse an `array`, shaped as the logits, that overlaps them but is not the same memory."""
    if array is logits or not np.may_share_memory(array, logits):
        return
    same_place = array.__array_interface__["data"] == logits.__array_interface__["data"]
    same_steps = array.strides == logits.strides and array.itemsize == logits.itemsize
    if not (same_place and same_steps):
        apart(name, array, logits=logits)
