"""`linear_cross_entropy` and its module, and the choice between smoothxent and PyTorch."""

from __future__ import annotations  # the types of PyTorch 2.13 are missing in older versions

from typing import Any, TypeAlias

import torch
from torch import Tensor

from smoothxent.torch import _linear_operators, _pytorch, _tensors
from smoothxent.torch._options import Options

# input, linear_weight, linear_bias, target, weight
_Tensors: TypeAlias = tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor | None]
_THEIRS: Any = getattr(torch.nn.functional, "linear_cross_entropy", None)  # since PyTorch 2.13


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: torch.nn.LinearCrossEntropyOptions | None = None,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
) -> Tensor:
    """Return the cross-entropy of the logits ``input @ linear_weight.T + linear_bias``.

    smoothxent computes it, and the logits are never all in memory. The arguments before `softcap`
    and the result are those of `torch.nn.functional.linear_cross_entropy` of PyTorch 2.13; older
    versions of PyTorch work too. The loss is that of `cross_entropy` for these logits.

    Parameters
    ----------
    input : Tensor of float32, float64, float16 or bfloat16, shape (..., D)
        The input of the head, such as the last hidden states of a language model.
    linear_weight : Tensor of the dtype of `input`, shape (C, D)
        A row for each class, as in `torch.nn.Linear`.
    target : Tensor
        Class indices in [0, C), of any integer dtype, with the shape (...); or probabilities, with
        the shape (..., C).
    linear_bias : Tensor of the dtype of `input`, shape (C,), optional
        Zeros by default.
    weight : Tensor of shape (C,), optional
        A weight for each class. 1 by default.
    reduction : {"mean", "sum", "none"}
        As in `cross_entropy`; "none" gives the losses with the shape (...).
    ignore_index : int, optional
        Rows with this class index have loss 0 and gradient 0, and do not count in the mean. -100 by
        default. Only for class indices.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over all classes.
    options : torch.nn.LinearCrossEntropyOptions, optional
        How PyTorch saves memory. It has no effect on calls that smoothxent computes, which never
        store the logits.
    softcap, temperature, z_loss
        As in `cross_entropy`.

    Returns
    -------
    Tensor
        The loss in nats. It has the dtype of `input`, or the dtype to which PyTorch promotes
        `input` and probabilities of a wider dtype; under autocast float32 for half precision.

    Raises
    ------
    IndexError
        A class index that is not `ignore_index` lies outside [0, C); the error names the first one.
    TypeError, ValueError
        `softcap`, `temperature` or `z_loss` is not a number in its range.

    See Also
    --------
    cross_entropy : the loss of logits.
    smoothxent.linear_cross_entropy : the same for NumPy arrays, with a prior and weights of rows.

    Notes
    -----
    In these cases PyTorch computes the result, or raises as usual, from stored logits:
    `linear_weight` has more than two axes; the dtypes of `input`, `linear_weight` and `linear_bias`
    differ, except under autocast; `target` or `weight` requires a gradient; `ignore_index` is given
    with probabilities; a tensor is empty, is not on the CPU, is sparse or belongs to a subclass;
    the call is inside a transform of `torch.func` or in forward mode; a probability or a weight is
    negative or not finite. PyTorch's own function has no more than two axes for `input`, and none
    of `softcap`, `temperature` and `z_loss`: there its `linear` and `cross_entropy` compute the
    result.

    Accuracy and method: those of `smoothxent.linear_cross_entropy`. Half precision is computed in
    float32, and losses and gradients are rounded once, after the multiplication by the incoming
    gradient. Autocast does not change the precision of the products.

    Differentiation: if `input`, `linear_weight` or `linear_bias` requires a gradient, "mean" and
    "sum" compute all three gradients together with the loss, in three matrix products (four for
    more than 16384 classes). With "none" the backward pass computes them, in one product more.
    PyTorch computes second and higher derivatives. `torch.compile` and `torch.export` see the
    operator ``smoothxent::linear_cross_entropy``.

    Memory: that of `smoothxent.linear_cross_entropy`. With "mean" and "sum" the gradients are kept
    from the forward to the backward pass, in float32 for half precision; under `torch.no_grad` none
    is computed.

    Threads: NumPy's BLAS computes the products, with its own number of threads; everything else
    uses at most ``torch.get_num_threads()``.

    References
    ----------
    E. Wijmans, B. Huval, A. Hertzberg, V. Koltun and P. Krähenbühl, "Cut Your Losses in
    Large-Vocabulary Language Models", 2024. arXiv:2411.09009.

    Examples
    --------
    >>> import torch
    >>> from smoothxent.torch import linear_cross_entropy
    >>> hidden = torch.tensor([[1.0, 2], [3, -1], [0, 1]])
    >>> head = torch.tensor([[1.0, 0], [0, 1], [1, 1], [-1, 2]], requires_grad=True)
    >>> loss = linear_cross_entropy(hidden, head, torch.tensor([3, 0, 1]), label_smoothing=0.1)
    >>> round(loss.item(), 6)
    1.090301
    >>> loss.backward()
    >>> [round(g, 4) for g in head.grad[3].tolist()]
    [-0.1999, -0.1723]
    """
    index = -100 if ignore_index is None else ignore_index
    chosen = Options(reduction, index, label_smoothing, softcap, temperature, z_loss)
    tensors = input, linear_weight, linear_bias, target, weight
    if _is_ours(tensors, chosen, has_index=ignore_index is not None):
        dtype = _tensors.loss_dtype(input, target, weight)
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.promote_types(dtype, _linear_operators.wide_dtype(tensors))
        return _linear_operators.loss(*tensors, dtype, *chosen)
    has_axes = isinstance(input, Tensor) and input.ndim > 2
    if _THEIRS is None or chosen.has_transforms or has_axes:
        return _pytorch.linear_cross_entropy(*tensors, chosen)
    return _THEIRS(
        input,
        linear_weight,
        target,
        linear_bias=linear_bias,
        weight=weight,
        reduction=reduction,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        options=options,
    )


if _THEIRS is not None:

    class LinearCrossEntropyLoss(torch.nn.LinearCrossEntropyLoss):
        """`torch.nn.LinearCrossEntropyLoss`, computed by `linear_cross_entropy`.

        It has the same arguments, state and `repr` as the module that it replaces, and exists if
        PyTorch has that module, since version 2.13.
        """

        def forward(self, input: Tensor, target: Tensor) -> Tensor:
            """Return the loss as `linear_cross_entropy` does, with the module's options."""
            if self.out_features:  # the loss of several dimensions, which only PyTorch has
                return super().forward(input, target)
            return linear_cross_entropy(
                input,
                self.linear.weight,
                target,
                linear_bias=self.linear.bias,
                weight=self.weight,
                reduction=self.reduction,
                ignore_index=self.ignore_index,
                label_smoothing=self.label_smoothing,
                options=self.options,
            )


def _is_ours(tensors: _Tensors, options: Options, has_index: bool) -> bool:
    """Whether smoothxent computes this call; PyTorch computes all others, or raises.

    has_index: whether ignore_index is given.
    """
    input, linear_weight, linear_bias, target, weight = tensors
    if not (_tensors.are_readable(*tensors) and options.are_ours):
        return False
    dtypes = {tensor.dtype for tensor in (input, linear_weight, linear_bias) if tensor is not None}
    are_taken = len(dtypes) == 1 or torch.is_autocast_enabled("cpu")  # which casts them
    if not (are_taken and dtypes <= _tensors.FLOATS):
        return False
    if not input.ndim or linear_weight.ndim != 2 or not input.numel() or not linear_weight.numel():
        return False
    num_classes, num_features = linear_weight.shape
    if target.dtype in _tensors.INTEGERS:
        is_target = target.shape == input.shape[:-1]
    else:
        shape = *input.shape[:-1], num_classes
        is_target = _tensors.is_constant(target, shape) and not has_index
    return (
        is_target
        and input.shape[-1] == num_features
        and (linear_bias is None or linear_bias.shape == (num_classes,))
        and (weight is None or _tensors.is_constant(weight, (num_classes,)))
    )
