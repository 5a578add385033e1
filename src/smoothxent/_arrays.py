"""Whatever holds numbers, as an array over the same memory.

NumPy itself asks most objects for theirs, by `__array__` or the buffer protocol. Here is what it
doesn't: tensors that offer DLPack alone, bfloat16 of torch, and what to do about memory that it
can't read. Nothing is imported for that: whoever hands over a tensor has imported its library.
"""

import sys
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

AnyArray: TypeAlias = NDArray[Any]

# The kDLCPU, kDLCUDAHost, kDLROCMHost and kDLCUDAManaged of dlpack.h: what a CPU reads.
READABLE = frozenset({1, 3, 11, 13})

# How the arrays of a package come to the CPU.
TO_CPU = {"cupy": "{}.get()", "jaxlib": "jax.device_get({})", "torch": "{}.cpu()"}


def lent(name: str, value: Any) -> tuple[AnyArray, bool]:
    """An array over the memory of `value`, and whether it is uint16 that are bits of bfloat16."""
    if type(value) is np.ndarray:
        return value, False
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must be a plain array, got a masked array; fill it with {name}.filled(value)"
        )
    if is_tensor(value):
        return _of_tensor(name, value)
    if isinstance(value, getattr(sys.modules.get("jax.core"), "Tracer", ())):
        raise TypeError(
            f"{name} must hold numbers, got a JAX tracer; call outside of jax.jit, jax.grad and "
            "jax.vmap, inside of which smoothxent.jax.cross_entropy works"
        )
    if hasattr(value, "__dlpack_device__") and not _is_readable(value):
        raise _elsewhere(name, value)
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        try:
            return np.from_dlpack(value), False
        except Exception as error:
            raise _unreadable(name, value, error) from error
    return np.asarray(value), False


def is_tensor(value: object) -> bool:
    """Whether `value` is a tensor of torch."""
    return isinstance(value, getattr(sys.modules.get("torch"), "Tensor", ()))


def _of_tensor(name: str, tensor: Any) -> tuple[AnyArray, bool]:
    torch = sys.modules["torch"]
    if tensor.device.type != "cpu":
        raise _elsewhere(name, tensor)
    if tensor.requires_grad:
        remedy = f"use {name}.detach()"
        if name == "logits":
            remedy += ", or smoothxent.torch.cross_entropy"
        raise TypeError(f"{name} must not require grad, got a tensor that does; {remedy}")
    is_bfloat16 = tensor.dtype == torch.bfloat16
    try:
        return np.asarray(tensor.view(torch.uint16) if is_bfloat16 else tensor), is_bfloat16
    except Exception as error:
        raise _unreadable(name, tensor, error) from error


def _is_readable(value: Any) -> bool:
    try:
        device, _ = value.__dlpack_device__()
    except Exception:  # of JAX, over several devices, which NumPy gathers, or deleted, as it says
        return True
    return device in READABLE


def _elsewhere(name: str, value: Any) -> TypeError:
    """Word the error for numbers that are not in the memory of the CPU."""
    device = getattr(value, "device", "another device")
    package = "torch" if is_tensor(value) else type(value).__module__.partition(".")[0]
    remedy = "; copy it there"
    if str(device) == "meta":
        remedy = ", which has none"
    elif package in TO_CPU:
        remedy += f" with {TO_CPU[package].format(name)}"
    return TypeError(
        f"{name} must be in the memory of the CPU, got {_kind_of(value)} on {device}{remedy}"
    )


def _unreadable(name: str, value: Any, error: Exception) -> TypeError:
    return TypeError(f"{name} must be readable by NumPy, got {_kind_of(value)}: {error}")


def _kind_of(value: Any) -> str:
    if is_tensor(value):
        return "a tensor"
    kind = type(value).__name__
    return f"an {kind}" if kind[0] in "AEIOU" else f"a {kind}"
