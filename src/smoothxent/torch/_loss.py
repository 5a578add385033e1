"""`cross_entropy` and `CrossEntropyLoss`, and the choice between smoothxent and PyTorch."""

import torch
from torch import Tensor

from smoothxent.torch import _operators, _pytorch, _tensors
from smoothxent.torch._options import Options


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
) -> Tensor:
    r"""Return what `torch.nn.functional.cross_entropy` returns, computed by smoothxent.

    For each row :math:`x` of logits, its label :math:`y` or probabilities :math:`q`, class weights
    :math:`w` and smoothing :math:`\varepsilon`, with :math:`p = \mathrm{softmax}(x)`,

    .. math::

        L &= (1-\varepsilon)\, w_y (-\log p_y)
              + \frac{\varepsilon}{C} \sum_k w_k (-\log p_k) \\
        L &= \sum_k w_k \left[(1-\varepsilon) q_k + \frac{\varepsilon}{C}\right] (-\log p_k)

    PyTorch has no `softcap`, `temperature` and `z_loss`. With a soft cap :math:`c` and temperature
    :math:`T`, each logit :math:`x` is first replaced by :math:`\frac{c}{T} \tanh(x/c)`, or by
    :math:`x/T` without a soft cap. `z_loss` adds
    :math:`\lambda \left(\log \sum_j e^{x_j}\right)^2` to each :math:`-\log p_k`.

    Parameters
    ----------
    input : Tensor of float32, float64, float16 or bfloat16, shape (C,), (N, C) or (N, C, ...)
        Unnormalised log-probabilities of C classes, of any strides.
    target : Tensor
        Class indices in [0, C), of any integer dtype, with the shape of `input` without the class
        axis; or probabilities, with the shape of `input`.
    weight : Tensor of shape (C,), optional
        A weight for each class. 1 by default.
    size_average, reduce : bool, optional
        PyTorch's deprecated arguments from before `reduction`; PyTorch warns about them.
    ignore_index : int, default -100
        Rows with this class index have loss 0 and gradient 0, and do not count in the mean.
    reduction : {"mean", "sum", "none"}
        "none" gives the loss of each row, "sum" their sum. "mean" divides the sum by the sum of the
        weights of the labels, or by the number of rows if `target` holds probabilities.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over all classes.
    softcap : float, optional
        The bound :math:`c`, in [1e-37, 1e37], on the size of each logit, as in Gemma 2. By default
        there is no bound.
    temperature : float, default 1.0
        :math:`T`, in [1e-37, 1e37]. It divides the logits, after the soft cap.
    z_loss : float, default 0.0
        :math:`\lambda`, in [0, 1e37]. It keeps log-sum-exp near 0, as in PaLM. The class weights
        and the divisor of `reduction` apply to it as to the rest of the loss.

    Returns
    -------
    Tensor
        The loss in nats, of shape (), or for "none" with the shape of `input` without the class
        axis. It has the dtype of `input`, or the dtype to which PyTorch promotes `input` and
        probabilities of a wider dtype.

    Raises
    ------
    IndexError
        A class index that is not `ignore_index` lies outside [0, C); the error names the first one.
    TypeError, ValueError
        `softcap`, `temperature` or `z_loss` is not a number, or lies outside its range.

    See Also
    --------
    CrossEntropyLoss : the same as a module, without `softcap`, `temperature` and `z_loss`.
    linear_cross_entropy : the loss of a linear head, whose logits are never stored.
    smoothxent.cross_entropy : the same for NumPy arrays, with a prior and weights of rows.

    Notes
    -----
    In these cases PyTorch's own function is called, and returns or raises as usual: a tensor is not
    on the CPU, is sparse or belongs to a subclass, such as a DTensor; `target` or `weight` requires
    a gradient; the call is inside a transform of `torch.func` or in forward mode; `input` is empty;
    a probability or a weight is negative or not finite; a dtype, a shape or an option is none of
    the above, such as an `ignore_index` that is not negative with probabilities. `softcap`,
    `temperature` and `z_loss` are then computed by operations of PyTorch. PyTorch also computes the
    gradient if the incoming gradient belongs to a subclass.

    Accuracy: that of `smoothxent.cross_entropy`. Losses and gradients in half precision are rounded
    once, from float32 or better. Two results differ from PyTorch's. A logit of -inf whose class has
    no share in the target counts as absent; PyTorch returns nan if the target holds probabilities.
    An ignored row has gradient 0; PyTorch returns nan if the row holds nan.

    Differentiation: derivatives of any order; PyTorch computes the second and higher ones. The
    gradient is computed from `input` in the backward pass; autograd raises if `input` was changed
    in between. `torch.compile` and `torch.export` see the operator ``smoothxent::cross_entropy``.

    Threads: at most ``torch.get_num_threads()``. Memory: tensors are read in place, except that
    probabilities or weights in bfloat16 are copied. Nothing of the size of `input` is allocated
    except its gradient, in the backward pass. For a gradient in half precision that is multiplied
    by a factor other than 1, a float32 array of the same shape is allocated temporarily.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking
    the Inception Architecture for Computer Vision", 2016, section 7. arXiv:1512.00567.
    Gemma Team, "Gemma 2: Improving Open Language Models at a Practical Size", 2024, section 2:
    the soft cap. arXiv:2408.00118.
    A. Chowdhery et al., "PaLM: Scaling Language Modeling with Pathways", 2022, section 5: z_loss.
    arXiv:2204.02311.

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

    Logits with a soft cap, and a term that keeps their log-sum-exp near 0:

    >>> round(cross_entropy(logits, torch.tensor([2, 1, 1]), softcap=30.0, z_loss=1e-4).item(), 6)
    0.12569
    """
    if size_average is not None or reduce is not None:
        reduction = torch.nn._reduction.legacy_get_string(size_average, reduce)
    options = Options(reduction, ignore_index, label_smoothing, softcap, temperature, z_loss)
    if not _is_ours(input, target, weight, options):
        return _pytorch.cross_entropy(input, target, weight, options)
    arguments = (input, target, weight, _tensors.loss_dtype(input, target, weight), *options)
    if not _tensors.is_plain(input, target, weight):
        return torch.ops.smoothxent.cross_entropy.default(*arguments)
    return _operators.Loss.apply(*arguments) if input.requires_grad else _operators.loss(*arguments)


class CrossEntropyLoss(torch.nn.CrossEntropyLoss):
    """`torch.nn.CrossEntropyLoss`, computed by `cross_entropy`.

    It has the same arguments, state and `repr` as the module that it replaces.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss as `cross_entropy` does, with the module's options."""
        return cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


def _is_ours(input: Tensor, target: Tensor, weight: Tensor | None, options: Options) -> bool:
    """Whether smoothxent computes this call; PyTorch computes all others, or raises."""
    if not (_tensors.are_readable(input, target, weight) and options.are_ours):
        return False
    if input.dtype not in _tensors.FLOATS or not input.ndim or not input.numel():
        return False
    shape, axis = input.shape, _tensors.class_axis(input)
    if target.dtype in _tensors.INTEGERS:
        is_target = target.shape == shape[:axis] + shape[axis + 1 :]
    else:
        is_target = _tensors.is_constant(target, shape) and options.ignore_index < 0
    return is_target and (weight is None or _tensors.is_constant(weight, shape[axis : axis + 1]))
