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

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

import smoothxent
from smoothxent.torch import _options, _pytorch, _tensors
from smoothxent.torch._options import Options
from smoothxent.torch._tensors import class_axis


def loss(
    input: Tensor, target: Tensor, weight: Tensor | None, dtype: torch.dtype, *options: Any
) -> Tensor:
    """Return the loss in this dtype."""
    chosen, axis = Options(*options), class_axis(input)
    try:
        value = _tensors.call(smoothxent.cross_entropy, [input], target, weight, chosen, axis=axis)
    except ValueError:
        return _pytorch.cross_entropy(input, target, weight, chosen).to(dtype)
    return _tensors.loss_of(value, dtype)


def gradient(grad_output: Tensor, input: Tensor, *arguments: Any) -> Tensor:
    """Return `grad_output` times the gradient with respect to `input`, in the dtype of `input`."""
    target, weight, _, *options = arguments
    chosen = Options(*options)
    is_per_row = chosen.reduction == "none"
    is_one = bool((grad_output == 1).all()) if is_per_row else grad_output.item() == 1
    others: dict[str, Any] = {"axis": class_axis(input)}
    if input.itemsize == 2 and not is_one:
        # In float32: the factor may be a loss scale, which prevents underflow in half precision.
        others["grad_out"] = np.empty(input.shape, np.float32)
    try:
        function = smoothxent.cross_entropy_and_grad
        _, array = _tensors.call(function, [input], target, weight, chosen, **others)
    except ValueError:
        return _pytorchs_gradient(grad_output, input, *arguments)
    grad = torch.from_numpy(array)
    if not is_one:
        grad *= grad_output.unsqueeze(class_axis(input)) if is_per_row else grad_output
    elif input.dtype == torch.bfloat16:
        return grad.view(torch.bfloat16)
    return grad.to(input.dtype)


def _pytorchs_gradient(grad_output: Tensor, input: Tensor, *arguments: Any) -> Tensor:
    """Return the same gradient, computed by PyTorch: for any type of tensor, differentiable."""
    target, weight, dtype, *options = arguments

    def loss(input: Tensor) -> Tensor:
        return _pytorch.cross_entropy(input, target, weight, Options(*options)).to(dtype)

    _, pull = torch.func.vjp(loss, input)
    (grad,) = pull(grad_output)
    return cast(Tensor, grad)


def _fake_loss(
    input: Tensor, target: Tensor, weight: Tensor | None, dtype: torch.dtype, *options: Any
) -> Tensor:
    axis = class_axis(input)
    rows = input.shape[:axis] + input.shape[axis + 1 :]
    return input.new_empty(rows if Options(*options).reduction == "none" else (), dtype=dtype)


def _fake_gradient(grad_output: Tensor, input: Tensor, *others: Any) -> Tensor:
    return input.new_empty(input.shape)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor | None) -> None:
    """Save the tensors among the arguments of an operator, and its other arguments."""
    num_others = 1 + len(Options._fields)
    ctx.save_for_backward(*inputs[:-num_others])
    ctx.others = inputs[-num_others:]


def _only_first(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
    """Return these gradients, and None for all arguments after them."""
    return *gradients, *[None] * (len(ctx.needs_input_grad) - len(gradients))


def _differentiate(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
    backward = torch.ops.smoothxent.cross_entropy_backward.default
    return _only_first(ctx, backward(grad_output, *ctx.saved_tensors, *ctx.others))


def _differentiate_twice(ctx: Any, grad_grad: Tensor) -> tuple[Tensor | None, ...]:
    """Let PyTorch compute the second and higher derivatives."""
    grad_output, input, target, weight = ctx.saved_tensors

    def first(grad_output: Tensor, input: Tensor) -> Tensor:
        return _pytorchs_gradient(grad_output, input, target, weight, *ctx.others)

    _, pull = torch.func.vjp(first, grad_output, input)
    return _only_first(ctx, *pull(grad_grad))


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
        is_recorded = torch.is_grad_enabled() or torch.compiler.is_compiling()
        if type(grad_output) not in _tensors.PLAIN:
            compute = _pytorchs_gradient
        elif is_recorded or _tensors.is_batched(grad_output):
            return _differentiate(ctx, grad_output)
        else:
            compute = gradient
        return _only_first(ctx, compute(grad_output, *ctx.saved_tensors, *ctx.others))


_ARGUMENTS = f"Tensor input, Tensor target, Tensor? weight, ScalarType dtype, {_options.SCHEMA}"
_BACKWARD = f"cross_entropy_backward(Tensor grad_output, {_ARGUMENTS}) -> Tensor"
_tensors.register(f"cross_entropy({_ARGUMENTS}) -> Tensor", loss, _fake_loss)
_tensors.register(_BACKWARD, gradient, _fake_gradient)
torch.library.register_autograd("smoothxent::cross_entropy", _differentiate, setup_context=_keep)
torch.library.register_autograd(
    "smoothxent::cross_entropy_backward", _differentiate_twice, setup_context=_keep
)
