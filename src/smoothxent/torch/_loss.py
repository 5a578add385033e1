"""The function and the module, and which calls are smoothxent's to compute."""

import numpy as np
import torch
from torch import Tensor
from torch._subclasses import FakeTensor
from torch.autograd import forward_ad

from smoothxent.torch import _operators

_FLOATS = {torch.float32, torch.float64, torch.float16, torch.bfloat16}
_INTEGERS = {
    torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint64, torch.uint32, torch.uint16, torch.uint8,
}  # fmt: skip
_REDUCTIONS = ("mean", "sum", "none")  # what is not hashable is none of them
_TAKEN = _operators.PLAIN | {FakeTensor}  # with which PyTorch traces what is done to plain ones


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    r"""Return what `torch.nn.functional.cross_entropy` returns, in a fraction of its time.

    For each row :math:`x` of logits, its label :math:`y` or probabilities :math:`q`, class weights
    :math:`w` and smoothing :math:`\varepsilon`, with :math:`p = \mathrm{softmax}(x)`,

    .. math::

        L &= (1-\varepsilon)\, w_y (-\log p_y)
              + \frac{\varepsilon}{C} \sum_k w_k (-\log p_k) \\
        L &= \sum_k w_k \left[(1-\varepsilon) q_k + \frac{\varepsilon}{C}\right] (-\log p_k)

    Parameters
    ----------
    input : Tensor of float32, float64, float16 or bfloat16, shape (C,), (N, C) or (N, C, ...)
        Unnormalised log-probabilities of C classes, of any strides.
    target : Tensor
        Class indices in [0, C), of any integer dtype, with the shape of `input` without the class
        axis; or probabilities, with the shape of `input`.
    weight : Tensor of shape (C,), optional
        A weight for each class. Ones unless given.
    size_average, reduce : bool, optional
        What PyTorch had before `reduction`; it warns of them.
    ignore_index : int, default -100
        Rows with this class index have loss 0 and no gradient, and no part in the mean.
    reduction : {"mean", "sum", "none"}
        "none" gives each row's loss, "sum" their sum; "mean" divides the sum by the sum of the
        weights of the labels, or by the number of rows where `target` holds probabilities.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over all classes.

    Returns
    -------
    Tensor
        In nats: of shape (), or for "none" that of `input` without the class axis; in the dtype of
        `input`, or what PyTorch promotes it to with probabilities of a wider one.

    Raises
    ------
    IndexError
        A class index that is not `ignore_index` lies outside [0, C); the first one is named.

    See Also
    --------
    CrossEntropyLoss : the same as a module.
    smoothxent.cross_entropy : the same for NumPy arrays, with a prior and weights of rows.

    Notes
    -----
    A call goes to PyTorch itself, which computes or refuses it as ever, where a tensor is not on
    the CPU, is sparse or belongs to a subclass, such as a DTensor; where `target` or `weight`
    requires a gradient; inside the transforms of `torch.func` and in forward mode; where `input` is
    empty; where a probability or a weight is negative or not finite; and where a dtype, a shape or
    an option is none of the above, such as an `ignore_index` that is not negative with
    probabilities. So does the gradient where what flows back belongs to a subclass.

    Accuracy: that of `smoothxent.cross_entropy`. Losses and gradients in half precision are rounded
    to it once, from float32 or better. A logit of -inf whose class has no share in the target is as
    if absent, and an ignored row has no gradient whatever it holds; PyTorch makes nan of the first
    where the target holds probabilities, and of the second where the row holds nan.

    Differentiation: to any order, the second and higher ones by PyTorch. The gradient is computed
    from `input` in the backward pass; autograd refuses it where `input` was changed in between.
    `torch.compile` and `torch.export` see the operator ``smoothxent::cross_entropy``.

    Threads: at most ``torch.get_num_threads()``. Memory: tensors are read where they lie,
    but that probabilities or weights in bfloat16 are copied; nothing of the size of `input` is
    allocated but its gradient, in the backward pass. A gradient in half precision that is
    multiplied by anything but 1 takes another in float32 meanwhile.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking
    the Inception Architecture for Computer Vision", 2016, section 7. arXiv:1512.00567.

    Examples
    --------
    >>> import torch
    >>> from smoothxent.torch import cross_entropy
    >>> logits = torch.tensor([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]], requires_grad=True)
    >>> loss = cross_entropy(logits, torch.tensor([2, 1, 1]), label_smoothing=0.001)
    >>> round(loss.item(), 7)
    0.1164738
    >>> loss.backward()
    >>> [round(g, 4) for g in logits.grad[1].tolist()]
    [0.0043, -0.0926, 0.0884]
    """
    if size_average is not None or reduce is not None:
        reduction = torch.nn._reduction.legacy_get_string(size_average, reduce)
    if not _is_ours(input, target, weight, ignore_index, reduction, label_smoothing):
        return _operators.pytorch(input, target, weight, reduction, ignore_index, label_smoothing)
    arguments = (
        input, target, weight, reduction, ignore_index, label_smoothing,
        _loss_dtype(input, target, weight),
    )  # fmt: skip
    if _is_watched() or not {type(input), type(target), type(weight)} <= _operators.PLAIN:
        return torch.ops.smoothxent.cross_entropy.default(*arguments)
    return _operators.Loss.apply(*arguments) if input.requires_grad else _operators.loss(*arguments)


class CrossEntropyLoss(torch.nn.CrossEntropyLoss):
    """`torch.nn.CrossEntropyLoss`, computed by `cross_entropy`.

    Takes the place of the other with the same arguments, the same state and the same `repr`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss as `cross_entropy` does, with the module's options."""
        return cross_entropy(
            input, target, weight=self.weight, ignore_index=self.ignore_index,
            reduction=self.reduction, label_smoothing=self.label_smoothing,
        )  # fmt: skip


def _is_ours(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str,
    label_smoothing: float,
) -> bool:  # fmt: skip
    """Whether the call is one for smoothxent; PyTorch computes, or refuses, every other."""
    given = (input, target) if weight is None else (input, target, weight)
    if not all(type(t) in _TAKEN and t.is_cpu and t.layout == torch.strided for t in given):
        return False
    if torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0:
        return False
    if input.dtype not in _FLOATS or not input.ndim or not input.numel():
        return False
    if not (_is_number(ignore_index) and _is_number(label_smoothing)):
        return False
    if reduction not in _REDUCTIONS or not 0 <= label_smoothing <= 1:
        return False
    shape, axis = input.shape, _operators.class_axis(input)
    if target.dtype in _INTEGERS:
        is_target = target.shape == shape[:axis] + shape[axis + 1 :]
    else:
        is_target = _is_constant(target, shape) and ignore_index < 0
    return is_target and (weight is None or _is_constant(weight, shape[axis : axis + 1]))


def _is_number(value: object) -> bool:
    """Whether this is a number of Python or NumPy, not None, a bool or a tensor."""
    return isinstance(value, float | int | np.number) and not isinstance(value, bool)


def _is_constant(tensor: Tensor, shape: torch.Size) -> bool:
    """Whether these are real numbers of this shape, and none to be differentiated by."""
    return tensor.dtype in _FLOATS and tensor.shape == shape and not tensor.requires_grad


def _loss_dtype(input: Tensor, target: Tensor, weight: Tensor | None) -> torch.dtype:
    """What PyTorch's arithmetic would end in."""
    dtype = input.dtype
    if target.dtype in _FLOATS:
        dtype = torch.promote_types(dtype, target.dtype)
        if weight is not None:
            dtype = torch.promote_types(dtype, weight.dtype)
    if dtype.itemsize == 2 and torch.is_autocast_enabled("cpu"):
        return torch.float32
    return dtype


def _is_watched() -> bool:
    """Whether a part of PyTorch other than autograd watches what is done with tensors."""
    return bool(  # private names here and above have no public ones; PyTorch's own Python asks them
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()
        or torch._C._len_torch_dispatch_stack()
    )
