"""The losses in PyTorch's own operations, for everything that smoothxent does not compute.

They take any type of tensor, and PyTorch differentiates them any number of times.
"""

import torch
from torch import Tensor
from torch.nn import functional

import smoothxent
from smoothxent.torch._options import Options
from smoothxent.torch._tensors import class_axis

_THEIRS = functional.cross_entropy  # kept, because users may assign smoothxent's to that name


def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None, options: Options) -> Tensor:
    """Return the loss of logits."""
    if options.has_transforms:
        _check_transforms(options)
        if options.softcap is not None:
            input = options.softcap * torch.tanh(input / options.softcap)
        input = input / options.temperature
    loss = _THEIRS(
        input,
        target,
        weight,
        ignore_index=options.ignore_index,
        reduction=options.reduction,
        label_smoothing=options.label_smoothing,
    )
    if not options.z_loss:
        return loss
    return loss + options.z_loss * _squares(input, target, weight, options)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    linear_bias: Tensor | None,
    target: Tensor,
    weight: Tensor | None,
    options: Options,
) -> Tensor:
    """Return the loss of the logits of a linear head, which are stored."""
    logits = functional.linear(input, linear_weight, linear_bias)
    if logits.ndim <= 2:
        return cross_entropy(logits, target, weight, options)
    *rows, num_classes = logits.shape
    if target.shape not in (logits.shape[:-1], logits.shape):
        raise ValueError(
            f"target must have shape {tuple(rows)} or {tuple(logits.shape)}, "
            f"got {tuple(target.shape)}"
        )
    flat = target.flatten() if target.ndim < logits.ndim else target.reshape(-1, num_classes)
    loss = cross_entropy(logits.reshape(-1, num_classes), flat, weight, options)
    return loss.reshape(rows) if options.reduction == "none" else loss


def _squares(input: Tensor, target: Tensor, weight: Tensor | None, options: Options) -> Tensor:
    """Return log_sum_exp(x)^2 times the row's weight, the sum of the weights of -log p, reduced."""
    axis = class_axis(input)
    eps, num_classes = options.label_smoothing, input.shape[axis]
    if weight is None:
        weight = input.new_ones(num_classes)
    if target.shape == input.shape:
        shares = (1 - eps) * target + eps / num_classes
        row_weight = torch.tensordot(shares, weight.to(shares.dtype), ([axis], [0]))
        divisor: Tensor | int = row_weight.numel()
    else:
        kept = target != options.ignore_index
        label_weight = weight[target.where(kept, 0).long()] * kept
        row_weight = (1 - eps) * label_weight + eps * weight.mean() * kept
        divisor = label_weight.sum()
    squares = input.logsumexp(axis).square().masked_fill(row_weight == 0, 0) * row_weight
    if options.reduction == "none":
        return squares
    return squares.sum() / divisor if options.reduction == "mean" else squares.sum()


def _check_transforms(options: Options) -> None:
    """Raise the error of smoothxent if a transform is out of range; not while this is compiled."""
    if not torch.compiler.is_compiling():
        _, _, _, softcap, temperature, z_loss = options
        smoothxent.cross_entropy([0.0], 0, softcap=softcap, temperature=temperature, z_loss=z_loss)
