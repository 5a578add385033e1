"""Array-likes and tensors of other libraries as NumPy arrays, without a copy.

NumPy itself reads most objects, by `__array__` or the buffer protocol. This module adds tensors
that offer only DLPack, bfloat16 of torch, and errors for memory that NumPy can't read. It imports
no other library: a caller with a tensor has already imported its library.
"""

import sys
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent._arguments.half import TypedArray

AnyArray: TypeAlias = NDArray[Any]
# float32 or float64; bfloat16 is a dtype of ml_dtypes, or uint16 bits
FloatArray: TypeAlias = NDArray[Any]

# kDLCPU, kDLCUDAHost, kDLROCMHost and kDLCUDAManaged of dlpack.h: memory that a CPU can read.
READABLE = frozenset({1, 3, 11, 13})

# For each package, the expression that copies an array to the CPU.
TO_CPU = {"cupy": "{}.get()", "jaxlib": "jax.device_get({})", "torch": "{}.cpu()"}

# For each argument that smoothxent.torch can differentiate, its function.
DIFFERENTIABLE = {"logits": "cross_entropy"} | dict.fromkeys(
    ("hidden", "weight", "bias"), "linear_cross_entropy"
)


def typed_array(name: str, value: Any) -> TypedArray:
    """Return an array over the memory of `value`, and the dtype of its numbers."""
    if type(value) is TypedArray:
        return value
    array, is_bfloat16 = _array_of(name, value)
    return TypedArray(array, "bfloat16" if is_bfloat16 else dtype_name(array.dtype))


def plain_array(name: str, value: ArrayLike) -> AnyArray:
    """Return `value` as a plain ndarray; masked arrays raise, because NumPy would drop the mask."""
    if type(value) is np.ndarray:
        return value
    array, is_bfloat16 = _array_of(name, value)
    return TypedArray(array, "bfloat16").widened() if is_bfloat16 else array


def in_native_order(array: AnyArray) -> AnyArray:
    """Return `array` in this machine's byte order; only an array in the other order is copied."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


@lru_cache  # NumPy builds the name at each access
def dtype_name(dtype: np.dtype[Any]) -> str:
    return dtype.name


def entry(name: str, array: AnyArray, index: tuple[Any, ...]) -> str:
    """Return the text `name[i, j] = value` for an error message."""
    place = f"[{', '.join(str(i) for i in index)}]" if index else ""
    return f"{name}{place} = {array[index]}"


def is_tensor(value: object) -> bool:
    """Whether `value` is a torch tensor."""
    return isinstance(value, getattr(sys.modules.get("torch"), "Tensor", ()))


def _array_of(name: str, value: Any) -> tuple[AnyArray, bool]:
    """Return an array over the memory of `value`, and whether it holds bfloat16 bits as uint16."""
    if type(value) is np.ndarray:
        return value, False
    if isinstance(value, np.ma.MaskedArray):
        rule = f"{name} must be a plain array"
        raise TypeError(f"{rule}, got a masked array; fill it with {name}.filled(value)")
    if is_tensor(value):
        return _of_tensor(name, value)
    if isinstance(value, getattr(sys.modules.get("jax.core"), "Tracer", ())):
        remedy = "call outside jax.jit, jax.grad and jax.vmap, or use smoothxent.jax.cross_entropy"
        raise TypeError(f"{name} must hold numbers, got a JAX tracer; {remedy}")
    if hasattr(value, "__dlpack_device__") and not _is_readable(value):
        raise _elsewhere(name, value)
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        try:
            return np.from_dlpack(value), False
        except Exception as error:
            raise _unreadable(name, value, error) from error
    return np.asarray(value), False


def _of_tensor(name: str, tensor: Any) -> tuple[AnyArray, bool]:
    torch = sys.modules["torch"]
    if tensor.device.type != "cpu":
        raise _elsewhere(name, tensor)
    if tensor.requires_grad:
        remedy = f"use {name}.detach()"
        if name in DIFFERENTIABLE:
            remedy += f", or smoothxent.torch.{DIFFERENTIABLE[name]}"
        raise TypeError(f"{name} must not require grad, got a tensor that does; {remedy}")
    is_bfloat16 = tensor.dtype == torch.bfloat16
    try:
        return np.asarray(tensor.view(torch.uint16) if is_bfloat16 else tensor), is_bfloat16
    except Exception as error:
        raise _unreadable(name, tensor, error) from error


def _is_readable(value: Any) -> bool:
    try:
        device, _ = value.__dlpack_device__()
    except Exception:  # a JAX array on several devices, which NumPy gathers, or a deleted one
        return True
    return device in READABLE


def _elsewhere(name: str, value: Any) -> TypeError:
    """Return the error for numbers that are not in the memory of the CPU."""
    device = getattr(value, "device", "another device")
    package = "torch" if is_tensor(value) else type(value).__module__.partition(".")[0]
    remedy = "; copy it there"
    if str(device) == "meta":
        remedy = ", which has none"
    elif package in TO_CPU:
        remedy += f" with {TO_CPU[package].format(name)}"
    found = f"{_kind_of(value)} on {device}"
    return TypeError(f"{name} must be in the memory of the CPU, got {found}{remedy}")


def _unreadable(name: str, value: Any, error: Exception) -> TypeError:
    return TypeError(f"{name} must be readable by NumPy, got {_kind_of(value)}: {error}")


def _kind_of(value: Any) -> str:
    if is_tensor(value):
        return "a tensor"
    kind = type(value).__name__
    return f"an {kind}" if kind[0] in "AEIOU" else f"a {kind}"
