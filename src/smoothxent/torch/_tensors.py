"""Which tensors smoothxent reads, and how: rules and conversions that all losses share."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensor
from torch.autograd import forward_ad

import smoothxent
from smoothxent.torch._options import Options

FLOATS = {torch.float32, torch.float64, torch.float16, torch.bfloat16}
INTEGERS = {torch.int64, torch.int32, torch.int16, torch.int8}
INTEGERS |= {torch.uint64, torch.uint32, torch.uint16, torch.uint8}
PLAIN = {Tensor, torch.nn.Parameter, type(None)}
_TYPES = PLAIN | {FakeTensor}  # PyTorch traces plain tensors as FakeTensors
_DEFAULT_THREADS = smoothxent.info()["num_threads"]


def class_axis(input: Tensor) -> int:
    """Return the class axis of logits."""
    return min(1, input.ndim - 1)


def are_readable(*tensors: Tensor | None) -> bool:
    """Whether these are plain tensors in the memory of the CPU, or None, under no transform."""
    for tensor in tensors:
        if type(tensor) not in _TYPES:
            return False
        if tensor is not None and not (tensor.is_cpu and tensor.layout == torch.strided):
            return False
    # These private functions and those below have no public names; PyTorch's Python code uses them.
    return not torch._C._are_functorch_transforms_active() and forward_ad._current_level < 0


def is_constant(tensor: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether these are real numbers of this shape that do not require a gradient."""
    return tensor.dtype in FLOATS and tensor.shape == shape and not tensor.requires_grad


def is_plain(*tensors: Tensor | None) -> bool:
    """Whether no part of PyTorch other than autograd records operations on these tensors."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    if torch._C._len_torch_dispatch_stack():
        return False
    return all(type(tensor) in PLAIN and not is_batched(tensor) for tensor in tensors)


def is_batched(tensor: Tensor | None) -> bool:
    """Whether this is a batched tensor of `vmap` or ``is_grads_batched=True``."""
    functorch = torch._C._functorch
    return tensor is not None and (
        functorch.is_batchedtensor(tensor) or functorch.is_legacy_batchedtensor(tensor)
    )


def loss_dtype(input: Tensor, target: Tensor, weight: Tensor | None) -> torch.dtype:
    """Return the dtype in which PyTorch would return the loss."""
    dtype = input.dtype
    if target.dtype in FLOATS:
        dtype = torch.promote_types(dtype, target.dtype)
        if weight is not None:
            dtype = torch.promote_types(dtype, weight.dtype)
    is_half = dtype.itemsize == 2
    return torch.float32 if is_half and torch.is_autocast_enabled("cpu") else dtype


def array_of(tensor: Tensor | None) -> Any:
    """Return an array over the tensor's memory: of bits for bfloat16, which NumPy lacks."""
    if tensor is None or tensor.dtype != torch.bfloat16:
        return tensor if tensor is None else tensor.numpy(force=True)
    return smoothxent.bits(tensor.view(torch.uint16).numpy(force=True), "bfloat16")


def call(
    function: Callable[..., Any],
    inputs: Sequence[Tensor],
    target: Tensor,
    weight: Tensor | None,
    options: Options,
    **others: Any,
) -> Any:
    """Call a function of smoothxent on the memory of the tensors."""
    others = options._asdict() | others
    if target.ndim == inputs[0].ndim:
        del others["ignore_index"]
    arrays = [array_of(tensor) for tensor in (*inputs, target)]
    threads = torch.get_num_threads()
    others["num_threads"] = threads if threads < _DEFAULT_THREADS else None  # avoids late teams
    try:
        return function(*arrays, class_weight=array_of(weight), **others)
    except IndexError as error:
        raise IndexError(str(error).replace("labels", "target")) from None


def loss_of(value: Any, dtype: torch.dtype) -> Tensor:
    """Return a loss of smoothxent, an array or a number, as a tensor of this dtype."""
    if isinstance(value, float):
        return torch.scalar_tensor(value, dtype=dtype, device="cpu")
    return torch.from_numpy(value).to(dtype)


def register(schema: str, compute: Callable[..., Any], fake: Callable[..., Any]) -> Any:
    """Register an operator of torch.library for the CPU, with its shapes and dtypes; return it."""
    name = schema.partition("(")[0]
    operator = f"smoothxent::{name}"
    torch.library.define(operator, schema.removeprefix(name), tags=torch.Tag.pt2_compliant_tag)
    torch.library.impl(operator, "cpu", compute)
    torch.library.register_fake(operator, fake)
    return getattr(torch.ops.smoothxent, name).default
