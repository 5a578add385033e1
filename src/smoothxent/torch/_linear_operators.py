"""The loss of a linear head as an operator of torch.library, and its gradients.

If a gradient of a reduced loss is required, the forward pass computes loss and gradients together,
by the operator ``linear_cross_entropy_and_grad``. The backward pass would have to compute the
logits again, a matrix product in addition to the three that any method needs. Until the backward
pass the gradients take memory: that of `input` and `linear_weight`, in float32 for half precision.

With ``reduction="none"`` the gradients depend on the incoming gradient. The operator
``linear_cross_entropy_backward`` computes them, with the incoming gradient as weights of the rows.

Both operators return the gradients of input, weight and bias in float64 if one of these tensors is
float64, and else in float32; without a bias the third gradient is empty.

smoothxent raises a ValueError if a probability or a weight is negative or not finite. PyTorch
accepts these, so PyTorch then computes loss and gradients. It also computes second and higher
derivatives.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

import smoothxent
from smoothxent.torch import _options, _pytorch, _tensors
from smoothxent.torch._options import Options

_ARGUMENTS = (
    "Tensor input, Tensor linear_weight, Tensor? linear_bias, Tensor target, Tensor? weight, "
    f"ScalarType dtype, {_options.SCHEMA}"
)
_NUM_TENSORS, _NUM_HEAD = 5, 3  # of the arguments; those of the head may require a gradient
_Tensors: TypeAlias = tuple[Tensor, ...]


def _loss(*arguments: Any) -> Tensor:
    """Return the loss in this dtype."""
    try:
        value = _call(smoothxent.linear_cross_entropy, *arguments)
    except ValueError:
        return _by_pytorch(*arguments)[0]
    return _tensors.loss_of(value, arguments[_NUM_TENSORS])


def _loss_and_gradients(*arguments: Any) -> _Tensors:
    """Return the loss in this dtype, and the gradients of its sum."""
    try:
        value, gradients = _call(smoothxent.linear_cross_entropy_and_grad, *arguments)
    except ValueError:
        loss, pull = _by_pytorch(*arguments)
        return loss, *pull(torch.ones_like(loss))
    return _tensors.loss_of(value, arguments[_NUM_TENSORS]), *_tensors_of(gradients)


def _gradients(grad_output: Tensor, *arguments: Any) -> _Tensors:
    """Return the gradients of the losses of the rows times the incoming gradient."""
    is_negative = grad_output < 0
    if not is_negative.any():
        return _weighted_gradients(grad_output, *arguments)
    input, linear_weight, linear_bias, target, *others = arguments
    of_input = torch.empty(input.shape, dtype=wide_dtype(arguments), device="cpu")
    of_head = []
    for rows, sign in ((~is_negative, 1), (is_negative, -1)):  # smoothxent's weights have no sign
        part = input[rows], linear_weight, linear_bias, target[rows], *others
        of_rows, *of_parameters = _weighted_gradients(sign * grad_output[rows], *part)
        of_input[rows] = sign * of_rows
        of_head.append(of_parameters)
    return of_input, *(plus.sub_(minus) for plus, minus in zip(*of_head, strict=True))


def _weighted_gradients(row_weight: Tensor, *arguments: Any) -> _Tensors:
    options = {"reduction": "sum", "sample_weight": _tensors.array_of(row_weight)}
    try:
        _, gradients = _call(smoothxent.linear_cross_entropy_and_grad, *arguments, **options)
    except ValueError:
        return _by_pytorch(*arguments)[1](row_weight)
    return _tensors_of(gradients)


def _call(function: Callable[..., Any], *arguments: Any, **others: Any) -> Any:
    """Call a function of smoothxent on the memory of the tensors."""
    *head, bias, target, weight = arguments[:_NUM_TENSORS]
    options = Options(*arguments[_NUM_TENSORS + 1 :])
    others["bias"] = _tensors.array_of(bias)
    return _tensors.call(function, head, target, weight, options, **others)


def _tensors_of(gradients: smoothxent.LinearGradients) -> _Tensors:
    *arrays, bias = gradients
    tensors = [torch.from_numpy(array) for array in arrays]
    return *tensors, tensors[0].new_empty(0) if bias is None else torch.from_numpy(bias)


def wide_dtype(arguments: Sequence[Any]) -> torch.dtype:
    """Return the dtype of the gradients: float64 if a tensor of the head is float64."""
    dtypes = {tensor.dtype for tensor in arguments[:_NUM_HEAD] if tensor is not None}
    return torch.float64 if torch.float64 in dtypes else torch.float32


def _by_pytorch(*arguments: Any) -> tuple[Tensor, Callable[[Tensor], _Tensors]]:
    """Return the loss, and the function of its gradient that gives the gradients, by PyTorch."""
    wide = wide_dtype(arguments)
    head = [tensor.to(wide) for tensor in arguments[:_NUM_HEAD] if tensor is not None]
    target, weight, dtype, *options = arguments[_NUM_HEAD:]

    def loss(input: Tensor, linear_weight: Tensor, linear_bias: Tensor | None = None) -> Tensor:
        tensors = input, linear_weight, linear_bias, target, weight
        return _pytorch.linear_cross_entropy(*tensors, Options(*options)).to(dtype)

    value, pull = torch.func.vjp(loss, *head)

    def gradients(grad_output: Tensor) -> _Tensors:
        found = [gradient.contiguous() for gradient in pull(grad_output)]
        return *found, *(found[0].new_empty(0) for _ in range(_NUM_HEAD - len(found)))

    return value, gradients


class _Loss(torch.autograd.Function):
    """The loss, for tensors of which one requires a gradient."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Compute a reduced loss with its gradients, or the losses of the rows."""
        tensors, ctx.others = arguments[:_NUM_TENSORS], arguments[_NUM_TENSORS:]
        if Options(*ctx.others[1:]).reduction == "none":
            loss, kept = _loss_alone(*arguments), []
        else:
            loss, *gradients = _computed(_loss_and_gradients, *arguments)
            required = zip(gradients, ctx.needs_input_grad[:_NUM_HEAD], strict=True)
            kept = [gradient if need else gradient.new_empty(0) for gradient, need in required]
        ctx.save_for_backward(*tensors, *kept)
        return loss

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Multiply the gradients by the incoming gradient, or compute them."""
        saved, kept = ctx.saved_tensors[:_NUM_TENSORS], ctx.saved_tensors[_NUM_TENSORS:]
        gradients: Sequence[Tensor]
        if torch.is_grad_enabled():
            gradients = _by_pytorch(*saved, *ctx.others)[1](grad_output)
        elif not kept:
            gradients = _computed(_gradients, grad_output, *saved, *ctx.others)
        elif _tensors.is_plain(grad_output) and grad_output.item() == 1:
            gradients = kept
        else:
            gradients = [gradient * grad_output for gradient in kept]
        required = zip(gradients, saved[:_NUM_HEAD], ctx.needs_input_grad[:_NUM_HEAD], strict=True)
        results = (
            gradient.to(tensor.dtype) if need else None for gradient, tensor, need in required
        )
        return *results, *[None] * (len(ctx.needs_input_grad) - _NUM_HEAD)


def loss(*arguments: Any) -> Tensor:
    """Return the loss, without the dispatcher where only autograd records the tensors."""
    if _tensors.is_plain(*arguments[:_NUM_TENSORS]):
        return _with_autograd(*arguments)
    return torch.ops.smoothxent.linear_cross_entropy.default(*arguments)


def _with_autograd(*arguments: Any) -> Tensor:
    """Return the loss, differentiable if a tensor of the head requires a gradient."""
    head = [tensor for tensor in arguments[:_NUM_HEAD] if tensor is not None]
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in head):
        return _Loss.apply(*arguments)
    return _loss_alone(*arguments)


def _loss_alone(*arguments: Any) -> Any:
    """Return the loss, of which autograd records nothing."""
    with torch._C._AutoDispatchBelowAutograd():
        return _computed(_loss, *arguments)


def _computed(compute: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of this function, by its operator if more than autograd records it."""
    is_plain = _tensors.is_plain(*(value for value in arguments if isinstance(value, Tensor)))
    return (compute if is_plain else _OPERATORS[compute])(*arguments)


def _fake_loss(*arguments: Any) -> Tensor:
    input, _, _, _, _, dtype, *options = arguments
    rows = input.shape[:-1] if Options(*options).reduction == "none" else ()
    return input.new_empty(rows, dtype=dtype)


def _fake_gradients(grad_output: Tensor, *arguments: Any) -> _Tensors:
    shapes = [(0,) if tensor is None else tensor.shape for tensor in arguments[:_NUM_HEAD]]
    return tuple(grad_output.new_empty(shape, dtype=wide_dtype(arguments)) for shape in shapes)


def _fake_loss_and_gradients(*arguments: Any) -> _Tensors:
    loss = _fake_loss(*arguments)
    return loss, *_fake_gradients(loss, *arguments)


_LOSS = f"linear_cross_entropy({_ARGUMENTS}) -> Tensor"
_BOTH = f"linear_cross_entropy_and_grad({_ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor)"
_BACKWARD = (
    f"linear_cross_entropy_backward(Tensor grad_output, {_ARGUMENTS}) -> (Tensor, Tensor, Tensor)"
)
_OPERATORS = {
    _loss: _tensors.register(_LOSS, _loss, _fake_loss),
    _loss_and_gradients: _tensors.register(_BOTH, _loss_and_gradients, _fake_loss_and_gradients),
    _gradients: _tensors.register(_BACKWARD, _gradients, _fake_gradients),
}
_LIBRARY = torch.library.Library("smoothxent", "FRAGMENT")  # as long as it exists, the rule does
_LIBRARY.impl("linear_cross_entropy", _with_autograd, "Autograd")
