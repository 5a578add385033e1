"""The loss and its gradient as operators of torch.library, and their derivatives.

Each operator maps whole tensors to one whole tensor, so torch.compile and torch.export can treat it
like any other operator. The gradient is computed in the backward pass, from the logits. Computing
it in the forward pass would save one read of the logits. But it would take memory of their size
until the backward pass, double the time of a loss that is never differentiated, and forbid
multiplying in place if the graph is retained.

`Loss` is the operator without the dispatcher, which takes longer than a small batch.

smoothxent raises a ValueError if a probability or a weight is negative or not finite. PyTorch
accepts these, so PyTorch then computes loss and gradient.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

import smoothxent

DEFAULT_THREADS = smoothxent.info()["num_threads"]
PLAIN = {Tensor, torch.nn.Parameter, type(None)}


def loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int,
    label_smoothing: float,
    dtype: torch.dtype,
) -> Tensor:
    """Return the loss in this dtype."""
    arguments = (input, target, weight, reduction, ignore_index, label_smoothing)
    try:
        value = _call(smoothxent.cross_entropy, *arguments)
    except ValueError:
        return pytorch(*arguments).to(dtype)
    if reduction == "none":
        return torch.from_numpy(value).to(dtype)
    return torch.scalar_tensor(value, dtype=dtype, device=input.device)


def gradient(
    grad_output: Tensor,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int,
    label_smoothing: float,
    dtype: torch.dtype,
) -> Tensor:
    """Return `grad_output` times the gradient with respect to `input`, in the dtype of `input`."""
    is_per_row = reduction == "none"
    is_one = bool((grad_output == 1).all()) if is_per_row else grad_output.item() == 1
    options: dict[str, Any] = {}
    if input.itemsize == 2 and not is_one:
        # In float32: the factor may be a loss scale, which prevents underflow in half precision.
        options["grad_out"] = np.empty(input.shape, np.float32)
    arguments = (input, target, weight, reduction, ignore_index, label_smoothing)
    try:
        _, array = _call(smoothxent.cross_entropy_and_grad, *arguments, **options)
    except ValueError:
        return _pytorchs_gradient(grad_output, *arguments, dtype)
    grad = torch.from_numpy(array)
    if not is_one:
        grad *= grad_output.unsqueeze(class_axis(input)) if is_per_row else grad_output
    elif input.dtype == torch.bfloat16:
        return grad.view(torch.bfloat16)
    return grad.to(input.dtype)


def pytorch(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int,
    label_smoothing: float,
) -> Tensor:
    """Return the same loss, computed by PyTorch."""
    return torch.nn.functional.cross_entropy(
        input,
        target,
        weight,
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def _pytorchs_gradient(
    grad_output: Tensor, input: Tensor, target: Tensor, weight: Tensor | None, *options: Any
) -> Tensor:
    """Return the same gradient, computed by PyTorch: for any type of tensor, differentiable."""
    *others, dtype = options
    _, pull = torch.func.vjp(lambda x: pytorch(x, target, weight, *others).to(dtype), input)
    (grad,) = pull(grad_output)
    return cast(Tensor, grad)


def _num_threads() -> int | None:
    """Return None (the default, which avoids late teams), or PyTorch's number if it is lower."""
    threads = torch.get_num_threads()
    return None if threads >= DEFAULT_THREADS else threads


def class_axis(input: Tensor) -> int:
    """Return the class axis of `input`."""
    return min(1, input.ndim - 1)


def _call(
    function: Callable[..., Any],
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int,
    label_smoothing: float,
    **options: Any,
) -> Any:
    """Call a function of smoothxent on the memory of the tensors."""
    if target.ndim < input.ndim:
        options["ignore_index"] = ignore_index
    if weight is not None:
        options["class_weight"] = _array(weight)
    if input.dtype == torch.bfloat16:
        input, options["dtype"] = input.view(torch.uint16), "bfloat16"
    try:
        return function(
            input.numpy(force=True),
            _array(target),
            reduction=reduction,
            label_smoothing=label_smoothing,
            axis=class_axis(input),
            num_threads=_num_threads(),
            **options,
        )
    except IndexError as error:
        raise IndexError(str(error).replace("labels", "target")) from None


def _array(tensor: Tensor) -> Any:
    """Return an array over the tensor's memory; a float32 copy for bfloat16, which NumPy lacks."""
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy(force=True)


def _fake_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int,
    label_smoothing: float,
    dtype: torch.dtype,
) -> Tensor:
    axis = class_axis(input)
    shape = input.shape[:axis] + input.shape[axis + 1 :] if reduction == "none" else ()
    return input.new_empty(shape, dtype=dtype)


def _fake_gradient(grad_output: Tensor, input: Tensor, *options: Any) -> Tensor:
    return input.new_empty(input.shape)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor | None) -> None:
    ctx.save_for_backward(*inputs[:-4])
    ctx.options = inputs[-4:]


def _differentiate(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
    backward = torch.ops.smoothxent.cross_entropy_backward.default
    return backward(grad_output, *ctx.saved_tensors, *ctx.options), *[None] * 6


def _differentiate_twice(ctx: Any, grad_grad: Tensor) -> tuple[Tensor | None, ...]:
    """Let PyTorch compute the second and higher derivatives."""
    grad_output, input, target, weight = ctx.saved_tensors

    def first(grad_output: Tensor, input: Tensor) -> Tensor:
        return _pytorchs_gradient(grad_output, input, target, weight, *ctx.options)

    _, pull = torch.func.vjp(first, grad_output, input)
    return *pull(grad_grad), *[None] * 6


class Loss(torch.autograd.Function):
    """`loss` and its gradient, for tensors that only autograd records."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        """Compute the loss; save the inputs of the gradient."""
        _keep(ctx, inputs, None)
        return loss(*inputs)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradient; call the operator if more than autograd records it."""
        if type(grad_output) not in PLAIN:
            return _pytorchs_gradient(grad_output, *ctx.saved_tensors, *ctx.options), *[None] * 6
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or _is_batched(grad_output):
            return _differentiate(ctx, grad_output)
        return gradient(grad_output, *ctx.saved_tensors, *ctx.options), *[None] * 6


def _is_batched(tensor: Tensor) -> bool:
    """Whether this is a batched tensor of `vmap` or ``is_grads_batched=True``."""
    functorch = torch._C._functorch  # there is no public name
    return functorch.is_batchedtensor(tensor) or functorch.is_legacy_batchedtensor(tensor)


def _register(
    name: str,
    arguments: str,
    compute: Callable[..., Tensor],
    fake: Callable[..., Tensor],
    differentiate: Callable[..., tuple[Tensor | None, ...]],
) -> None:
    operator = f"smoothxent::{name}"
    torch.library.define(operator, f"({arguments}) -> Tensor", tags=torch.Tag.pt2_compliant_tag)
    torch.library.impl(operator, "cpu", compute)
    torch.library.register_fake(operator, fake)
    torch.library.register_autograd(operator, differentiate, setup_context=_keep)


_ARGUMENTS = (
    "Tensor input, Tensor target, Tensor? weight, str reduction, int ignore_index, "
    "float label_smoothing, ScalarType dtype"
)
_register("cross_entropy", _ARGUMENTS, loss, _fake_loss, _differentiate)
_register(
    "cross_entropy_backward",
    f"Tensor grad_output, {_ARGUMENTS}",
    gradient,
    _fake_gradient,
    _differentiate_twice,
)
