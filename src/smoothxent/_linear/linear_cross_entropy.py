"""Loss, gradients and evaluation of a linear head, hidden @ weight.T + bias.

The logits are far larger than the inputs and the results. They are never all in memory.
"""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Iterable
from typing import Literal, Unpack, overload

from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import FloatArray
from smoothxent._arguments.labels import check_class_indices
from smoothxent._arguments.options import CommonOptions, check_choice, check_num_bins, check_top_k
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.settings import Settings
from smoothxent._evaluation.totals import Totals
from smoothxent._linear.labelled_head import LabelledHead, LinearGradients
from smoothxent._loss.reductions import REDUCTIONS, Reduced


class _Options(CommonOptions, total=False):
    """The options that do not affect the type of the result."""

    bias: ArrayLike | None
    sample_weight: ArrayLike | None


@overload
def linear_cross_entropy(
    hidden: ArrayLike,
    weight: ArrayLike,
    labels: ArrayLike,
    *,
    reduction: Literal["none"],
    **options: Unpack[_Options],
) -> FloatArray: ...
@overload
def linear_cross_entropy(
    hidden: ArrayLike,
    weight: ArrayLike,
    labels: ArrayLike,
    *,
    reduction: Reduced = "mean",
    **options: Unpack[_Options],
) -> float: ...
def linear_cross_entropy(
    hidden: ArrayLike,
    weight: ArrayLike,
    labels: ArrayLike,
    *,
    bias: ArrayLike | None = None,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
    label_smoothing: float = 0.0,
    prior: ArrayLike | None = None,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    num_threads: int | None = None,
) -> float | FloatArray:
    r"""Return the cross-entropy of the logits ``hidden @ weight.T + bias``, which are never stored.

    With :math:`z = W h + b` for one row :math:`h` of `hidden`, the loss is that of `cross_entropy`
    for the logits

    .. math:: x = z / T \quad\text{or, with a soft cap,}\quad x = \frac{c}{T} \tanh(z / c)

    Parameters
    ----------
    hidden : array_like of float32, float64, float16 or bfloat16, shape (..., H)
        The input of the head, such as the last layer of a language model. An array (H,) is one
        row.
    weight : array_like of any of these dtypes, shape (C, H)
        One row for each class, as in ``torch.nn.Linear``.
    labels : array_like
        Class indices in [0, C), of any integer dtype, with the shape (...); or label probabilities,
        of any real dtype, with the shape (..., C), finite and not negative. Rows of probabilities
        need not sum to 1.
    bias : array_like of any of these dtypes, shape (C,), optional
        Zeros by default.
    softcap : float, optional
        The bound :math:`c`, in [1e-37, 1e37], on the size of each logit, as in Gemma 2. By default
        there is no bound.
    temperature : float, default 1.0
        :math:`T`, in [1e-37, 1e37]. It divides the logits, after the soft cap.
    z_loss, label_smoothing, prior, class_weight, sample_weight, ignore_index, reduction
        As in `cross_entropy`.
    num_threads : int, optional
        The maximum number of threads for everything except the matrix products. NumPy's BLAS
        computes the products; `threadpoolctl` or ``OPENBLAS_NUM_THREADS`` limits its threads.

    Returns
    -------
    float or ndarray
        The loss in nats. For ``reduction="none"`` an array with the shape (...), float64 if
        `hidden`, `weight` or `bias` is float64, else float32; otherwise a Python float.

    Raises
    ------
    IndexError
        A label that is not `ignore_index` lies outside [0, C); the error names the first such row.
    TypeError
        An argument has a type or dtype other than those above.
    ValueError
        A shape does not fit; a probability is negative or not finite; `ignore_index` is given with
        probabilities; or as in `cross_entropy`.

    See Also
    --------
    linear_cross_entropy_and_grad : the loss and its gradients.
    linear_evaluate : all metrics, from the same blocks of logits.

    Notes
    -----
    Method: blocks of the product are computed in a buffer of 32 MiB, and the statistics of a row
    are merged over its blocks. float16 and bfloat16 are converted piece by piece.

    Memory: in addition to the buffer, temporaries take up to 30 MiB for any number of rows and
    classes and up to 4096 features (more in proportion for more features), and about 16 bytes for
    each row. Arrays in another byte order are copied first, and so is a `hidden` that can't be
    reshaped to rows without a copy. Probabilities of float32 or float64 are read where they are;
    those of other dtypes are copied, as float32 if they are float16 or bfloat16, else as float64.

    Accuracy: that of `cross_entropy` for the logits as rounded by the BLAS. For more than 16384
    classes the logit of the label is summed in float64 and rounded once. Given the products, the
    result has the same bits for any `num_threads`; the BLAS does not promise this for the products.

    NaN policy: that of `cross_entropy` for the logits.

    References
    ----------
    E. Wijmans, B. Huval, A. Hertzberg, V. Koltun and P. Krähenbühl, "Cut Your Losses in
    Large-Vocabulary Language Models", 2024. arXiv:2411.09009.
    Gemma Team, "Gemma 2: Improving Open Language Models at a Practical Size", 2024, section 2:
    the soft cap. arXiv:2408.00118.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import linear_cross_entropy
    >>> hidden = np.array([[1.0, 2], [3, -1], [0, 1]])
    >>> weight = np.array([[1.0, 0], [0, 1], [1, 1], [-1, 2]])
    >>> round(linear_cross_entropy(hidden, weight, [3, 0, 1], label_smoothing=0.1), 6)
    1.090301

    Label probabilities, such as those that a larger model predicts:

    >>> labels = [[0.0, 0.25, 0.0, 0.75], [1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]]
    >>> round(linear_cross_entropy(hidden, weight, labels), 6)
    1.040301
    """
    transforms = softcap, temperature, z_loss
    targets = label_smoothing, prior, class_weight, sample_weight, ignore_index
    head = LabelledHead(hidden, weight, labels, bias, transforms, targets, num_threads)
    rule = check_choice("reduction", reduction, REDUCTIONS)
    head.tally()
    losses = head.empty_losses() if reduction == "none" else None
    count, total, special = head.read(losses).loss()
    return rule.loss(total, special, count) if losses is None else losses


@overload
def linear_cross_entropy_and_grad(
    hidden: ArrayLike,
    weight: ArrayLike,
    labels: ArrayLike,
    *,
    reduction: Literal["none"],
    **options: Unpack[_Options],
) -> tuple[FloatArray, LinearGradients]: ...
@overload
def linear_cross_entropy_and_grad(
    hidden: ArrayLike,
    weight: ArrayLike,
    labels: ArrayLike,
    *,
    reduction: Reduced = "mean",
    **options: Unpack[_Options],
) -> tuple[float, LinearGradients]: ...
def linear_cross_entropy_and_grad(
    hidden: ArrayLike,
    weight: ArrayLike,
    labels: ArrayLike,
    *,
    bias: ArrayLike | None = None,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
    label_smoothing: float = 0.0,
    prior: ArrayLike | None = None,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    num_threads: int | None = None,
) -> tuple[float | FloatArray, LinearGradients]:
    r"""Return the loss of `linear_cross_entropy` and its gradients, without storing the logits.

    With :math:`g` the gradient that `cross_entropy_and_grad` gives for the logits :math:`x` and
    :math:`d = g\, \partial x / \partial z`, the gradients are the products of all rows,

    .. math:: \partial L/\partial h = W^\top d, \quad \partial L/\partial W = d\, h^\top, \quad
              \partial L/\partial b = d

    Parameters
    ----------
    hidden, weight, labels, bias, softcap, temperature
        As in `linear_cross_entropy`.
    z_loss, label_smoothing, prior, class_weight, sample_weight, ignore_index, num_threads
        As in `linear_cross_entropy`.
    reduction
        As in `linear_cross_entropy`. For "none" the gradients are those of the sum of the losses.
        Ignored rows do not contribute to the gradients, even if they hold nan.

    Returns
    -------
    loss : float or ndarray
        In nats, as `linear_cross_entropy` returns it.
    gradients : LinearGradients
        The gradients of `hidden`, `weight` and `bias`, with their shapes: float64 if one of the
        three is float64, else float32.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `linear_cross_entropy`.

    See Also
    --------
    linear_cross_entropy : only the loss.

    Notes
    -----
    Method: when the losses of some rows are known, their logits are computed again, block by
    block, and each block is replaced by its gradient. Any method needs three matrix products; this
    one needs a fourth, except for the block that is still in the buffer. So up to 16384 classes
    there is no fourth product. Memory, in addition to the results, is that of
    `linear_cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import linear_cross_entropy_and_grad
    >>> hidden = np.array([[1.0, 2], [3, -1], [0, 1]])
    >>> weight = np.array([[1.0, 0], [0, 1], [1, 1], [-1, 2]])
    >>> loss, gradients = linear_cross_entropy_and_grad(hidden, weight, [3, 0, 1])
    >>> gradients.hidden.round(4).tolist()
    [[0.3514, -0.2182], [-0.0046, 0.093], [-0.0885, 0.154]]
    >>> gradients.bias is None
    True
    """
    transforms = softcap, temperature, z_loss
    targets = label_smoothing, prior, class_weight, sample_weight, ignore_index
    head = LabelledHead(hidden, weight, labels, bias, transforms, targets, num_threads)
    rule = check_choice("reduction", reduction, REDUCTIONS)
    has_class_weight = class_weight is not None and not head.has_probabilities
    grad_divisor = rule.grad_divisor(head.tally(), has_class_weight)
    losses = head.empty_losses() if reduction == "none" else None
    blocks, gradients = head.read_and_write(losses, grad_divisor)
    count, total, special = blocks.loss()
    return rule.loss(total, special, count) if losses is None else losses, gradients


def linear_evaluate(
    hidden: ArrayLike,
    weight: ArrayLike,
    labels: ArrayLike,
    *,
    bias: ArrayLike | None = None,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
    label_smoothing: float = 0.0,
    prior: ArrayLike | None = None,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    top_k: Iterable[int] = (1, 5),
    num_bins: int = 15,
    num_threads: int | None = None,
) -> Evaluation:
    """Return all metrics of the logits ``hidden @ weight.T + bias``, which are never stored.

    Parameters
    ----------
    hidden, weight, bias, softcap, temperature, num_threads
        As in `linear_cross_entropy`.
    labels : array_like of any integer dtype, shape (...)
        Class indices in [0, C).
    z_loss, label_smoothing, prior, class_weight, sample_weight, ignore_index, top_k, num_bins
        As in `evaluate`.

    Returns
    -------
    Evaluation
        As `evaluate` returns it for these logits.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `linear_cross_entropy` and `evaluate`.

    See Also
    --------
    evaluate : the same for logits in an array.
    linear_row_statistics : metrics of each row, and its top classes.

    Notes
    -----
    Method, memory and accuracy are those of `linear_cross_entropy`. For more than 16384 classes the
    logit of the label is rounded separately, so a class with the same weights may rank above or
    below it.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import linear_evaluate
    >>> hidden = np.array([[1.0, 2], [3, -1], [0, 1]])
    >>> weight = np.array([[1.0, 0], [0, 1], [1, 1], [-1, 2]])
    >>> round(linear_evaluate(hidden, weight, [3, 0, 1]).accuracy, 6)
    0.333333
    """
    transforms = softcap, temperature, z_loss
    targets = label_smoothing, prior, class_weight, sample_weight, ignore_index
    head = LabelledHead(
        hidden, weight, labels, bias, transforms, targets, num_threads, check_class_indices
    )
    ranks, bins = check_top_k(top_k), check_num_bins(num_bins)
    settings = Settings.of(head.transforms, head.targets, ranks, bins, len(head.weight.array))
    head.tally()
    result = head.read(None, settings.top_k, settings.num_bins).evaluation()
    return Evaluation(Totals.from_kernel(settings, result))
