"""The loss, and the loss with its gradient."""

from __future__ import annotations  # help() shows types by their names

import math
from functools import partial
from typing import Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike

from smoothxent._arguments import options, outputs
from smoothxent._arguments.arrays import FloatArray
from smoothxent._arguments.labels import bad_label
from smoothxent._kernel import builds, widening
from smoothxent._kernel.rows import checked_rows
from smoothxent._kernel.threads import team_size
from smoothxent._kernel.views import row_views
from smoothxent._loss.reductions import REDUCTIONS, Reduced


class _Options(options.CommonOptions, total=False):
    """The options that do not affect the type of the result."""

    sample_weight: ArrayLike | None
    axis: int


@overload
def cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    reduction: Literal["none"],
    out: FloatArray | None = None,
    **options: Unpack[_Options],
) -> FloatArray: ...
@overload
def cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    reduction: Reduced = "mean",
    **options: Unpack[_Options],
) -> float: ...
def cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
    label_smoothing: float = 0.0,
    prior: ArrayLike | None = None,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    axis: int = -1,
    out: FloatArray | None = None,
    num_threads: int | None = None,
) -> float | FloatArray:
    r"""Return the label-smoothed softmax cross-entropy of logits, in nats.

    With :math:`p = \mathrm{softmax}(x)` for one row of logits :math:`x`, its label :math:`y`,
    smoothing :math:`\varepsilon`, prior :math:`u`, class weights :math:`w` and the row's sample
    weight :math:`s`,

    .. math::

        L = s \left[ (1-\varepsilon)\, w_y (-\log p_y)
              + \varepsilon \sum_k w_k u_k (-\log p_k) \right]

    and for a row of label probabilities :math:`q`

    .. math:: L = s \sum_k w_k \left[(1-\varepsilon) q_k + \varepsilon u_k\right] (-\log p_k)

    With `softcap` :math:`c` and `temperature` :math:`T`, each logit :math:`x` is first replaced by
    :math:`\frac{c}{T} \tanh(x/c)`, or by :math:`x/T` without a soft cap. `z_loss` adds
    :math:`\lambda \left(\log \sum_j e^{x_j}\right)^2` to each :math:`-\log p_k`.

    Parameters
    ----------
    logits : array_like of float32, float64, float16 or bfloat16, shape (..., C, ...)
        Unnormalised log-probabilities with the C classes on `axis`. An array (C,) is one row.
        bfloat16 is the dtype of ml_dtypes or torch, or of `bits`.
    labels : array_like
        Class indices in [0, C), of any integer dtype, with the shape of `logits` without the class
        axis; or label probabilities, of any real dtype, with the shape of `logits`, finite and not
        negative. Rows of probabilities need not sum to 1.
    softcap : float, optional
        The bound :math:`c`, in [1e-37, 1e37], on the size of each logit, as in Gemma 2. By default
        there is no bound.
    temperature : float, default 1.0
        :math:`T`, in [1e-37, 1e37]. It divides the logits, after the soft cap.
    z_loss : float, default 0.0
        :math:`\lambda`, in [0, 1e37]. It keeps log-sum-exp near 0, as in PaLM. The weights of
        classes and rows and the divisor of `reduction` apply to it as to the rest of the loss.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is moved from the label to `prior`.
    prior : array_like of shape (C,), optional
        The distribution of that share over the classes: not negative, with sum 1 (to 1e-6). By
        default it is uniform, 1/C for each class.
    class_weight : array_like of shape (C,), optional
        A finite weight, not negative, for each class. 1 by default.
    sample_weight : array_like, optional
        A finite weight, not negative, for each row, with the shape of `logits` without the class
        axis; a mask of bool has weights 1 and 0. 1 by default.
    ignore_index : int, optional
        Rows with this label have loss 0 for any logits, nan included. Only for class indices; it
        may lie outside [0, C).
    reduction : {"mean", "none", "sum", "sum_over_batch_size", "sum_by_nonzero_weights"}
        "none" gives the loss of each row, "sum" their sum. The other three divide the sum. For
        class indices, "mean" divides it by the sum of sample weight times the label's class weight
        over the rows that are not ignored (PyTorch's mean); for label probabilities, by the sum of
        the sample weights. "sum_over_batch_size" divides by the number of rows (Keras).
        "sum_by_nonzero_weights" divides by the number of rows that are not ignored and have a
        sample weight other than 0 (TensorFlow's ``tf.losses``). If the divisor is 0, "mean" is nan
        and the other two are 0.0.
    axis : int, default -1
        The class axis of `logits`, and of `labels` if they are probabilities.
    out : ndarray, optional
        The array for the losses of the rows, only for ``reduction="none"``. It has the dtype in
        which losses are returned and the shape of `logits` without the class axis, and shares no
        memory with an input.
    num_threads : int, optional
        The maximum number of threads, at least 1. By default it is the number of CPUs that this
        process may use, or ``OMP_NUM_THREADS``.

    Returns
    -------
    float or ndarray
        The loss in nats. For ``reduction="none"`` an array (`out` if given), float64 for float64
        logits and else float32, with the shape of `logits` without the class axis; otherwise a
        Python float.

    Raises
    ------
    IndexError
        A label that is not `ignore_index` lies outside [0, C); the error names the first such row.
    TypeError
        An argument has a type or dtype other than those above: bool labels, or float labels as
        class indices; masked arrays; an `out` with another dtype than the losses.
    ValueError
        A shape does not fit; `label_smoothing` lies outside [0, 1]; a weight, prior or probability
        is negative or not finite; the largest class weight times the largest sample weight
        overflows; `prior` does not sum to 1; `softcap`, `temperature` or `z_loss` lies outside its
        range; `reduction` or `axis` is unknown; `num_threads` is below 1; `ignore_index` is given
        with probabilities; there are rows but no classes; `out` has another shape, is read-only,
        overlaps an input or itself, or comes with another reduction.

        `out` is unchanged after all these errors. A KeyboardInterrupt in the middle of the call
        leaves part of the result in it.

    See Also
    --------
    cross_entropy_and_grad : the loss and its gradient.
    smooth_labels : the smoothed targets as a table, which this function never stores.

    Notes
    -----
    Accuracy, without a soft cap and `z_loss`: losses of float32, float16 and bfloat16 rows are
    within 3 ulp of the exact value, float64 losses within 6, also for rows predicted with near
    certainty and with any weights; they are never negative. float16 and bfloat16 logits are exact
    float32 numbers, and are computed as such. A reduced loss is the correctly rounded sum or mean
    of the losses that ``reduction="none"`` returns. It has the same bits for any number of threads.
    With a temperature, these bounds hold for the quotients, rounded to float32 or float64; each
    capped logit is within 5 ulp.

    NaN and infinity: the loss of a row is nan if a logit is nan or +inf, or if all logits are -inf;
    other rows are not affected. If some logits are -inf, the loss is +inf if one of their classes
    has a share in the target, and otherwise as if these classes were absent. A term whose weight is
    exactly 0 is left out, so it is never 0 times infinity. With a soft cap these rules hold for the
    capped logits: c for +inf, -c for -inf.

    Threads: the global interpreter lock is released, and calls from many threads are safe.

    Memory: each logit is read once, and nothing of the size of `logits` is allocated. Arrays of any
    strides are read in place. Only these arrays are copied: those in another byte order; logits and
    probabilities with four axes or more of irregular strides; class indices with two or more of
    them; probabilities that are neither float32 nor float64; weights and priors that are not
    contiguous float64. Objects with `__array__` or `__dlpack__` are array_like and are read in
    place too: for example tensors of torch, JAX and pyarrow. float16 and bfloat16 logits with a
    soft cap or a temperature are widened in blocks of 1 MiB, or of one row.

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
    >>> import numpy as np
    >>> from smoothxent import cross_entropy
    >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
    >>> round(cross_entropy(logits, [2, 1, 1]), 15)
    0.111918219645003
    >>> round(cross_entropy(logits, [2, 1, 1], label_smoothing=0.001), 15)
    0.116473775200559

    Labels may be one-hot rows or any other probabilities:

    >>> one_hot = [[0, 0, 1], [0, 1, 0], [0, 1, 0]]
    >>> round(cross_entropy(logits, one_hot, label_smoothing=0.001), 15)
    0.116473775200559

    The loss of a row predicted with near certainty has all its digits. An ignored row has loss 0:

    >>> f"{cross_entropy(np.array([40.0, 0.0]), 0):.6g}"
    '4.24835e-18'
    >>> cross_entropy(logits, [2, 1, -100], ignore_index=-100, reduction="none").round(4).tolist()
    [0.0092, 0.3266, 0.0]
    """
    transforms = softcap, temperature, z_loss
    targets = label_smoothing, prior, class_weight, sample_weight, ignore_index
    return _computed(logits, labels, axis, transforms, targets, reduction, out, num_threads)[0]


@overload
def cross_entropy_and_grad(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    reduction: Literal["none"],
    out: FloatArray | None = None,
    grad_out: FloatArray | None = None,
    **options: Unpack[_Options],
) -> tuple[FloatArray, FloatArray]: ...
@overload
def cross_entropy_and_grad(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    reduction: Reduced = "mean",
    grad_out: FloatArray | None = None,
    **options: Unpack[_Options],
) -> tuple[float, FloatArray]: ...
def cross_entropy_and_grad(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
    label_smoothing: float = 0.0,
    prior: ArrayLike | None = None,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    axis: int = -1,
    out: FloatArray | None = None,
    grad_out: FloatArray | None = None,
    num_threads: int | None = None,
) -> tuple[float | FloatArray, FloatArray]:
    r"""Return the label-smoothed softmax cross-entropy and its gradient with respect to the logits.

    The loss is that of `cross_entropy`. With the symbols used there and :math:`W = \sum_k w_k u_k`,
    the gradient of a row's loss is, for class indices,

    .. math::

        g_k = s \left\{ [(1-\varepsilon) w_y + \varepsilon W]\, p_k - (1-\varepsilon) w_y [k = y]
              - \varepsilon w_k u_k \right\}

    and for label probabilities, with :math:`q' = (1-\varepsilon) q + \varepsilon u`,

    .. math:: g_k = s \left\{ \left(\textstyle\sum_j w_j q'_j\right) p_k - w_k q'_k \right\}

    divided by the divisor of `reduction` and by the temperature, and multiplied by the slope of the
    soft cap. With `z_loss` the factor of :math:`p_k` is multiplied by
    :math:`1 + 2 \lambda \log \sum_j e^{x_j}`.

    Parameters
    ----------
    logits, labels
        As in `cross_entropy`.
    softcap, temperature, z_loss
        As in `cross_entropy`; the gradient is with respect to the logits before these transforms.
    label_smoothing, prior, class_weight, sample_weight, ignore_index, axis, num_threads
        As in `cross_entropy`.
    reduction, out
        As in `cross_entropy`. For "none" the gradient is that of each row's own loss.
    grad_out : ndarray, optional
        The array for the gradient, with the shape and dtype of `logits`, or float32 for float16 and
        bfloat16 logits. It may be the array `logits` itself, which is then overwritten. Any other
        overlap with an input is an error.

    Returns
    -------
    loss : float or ndarray
        In nats, as `cross_entropy` returns it.
    grad : ndarray
        The gradient (`grad_out` if given), with the shape and dtype of `logits`, in nats per unit
        of logit. It is uint16 bits for uint16 logits and for bfloat16 of torch. Ignored rows have
        exact zeros.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `cross_entropy`. The rules of `out` hold for `grad_out` too, except that it may be
        `logits` itself. `out` and `grad_out` are unchanged after all these errors. A
        KeyboardInterrupt in the middle of the call leaves part of the results in them, also if
        `grad_out` is `logits`.

    See Also
    --------
    cross_entropy : only the loss.

    Notes
    -----
    Accuracy, without a soft cap and `z_loss`: each element is within 5 + abs(log2(p_k)) ulp of the
    exact value (of float32 for float16 and bfloat16 logits, then rounded to their dtype), for
    float64 logits within 6 + abs(log2(p_k)). For a difference of two terms, as with smoothing,
    these are ulps of the larger term. A probability below the smallest normal number, 2**-126 in
    float32, may count as 0. The element of the label is a sum over the other classes, never p - 1,
    so it does not become 0 in rows predicted with near certainty. The gradient has the same bits
    for any number of threads.

    NaN policy and threads are those of `cross_entropy`. Memory: each logit is read twice. Apart
    from the gradient, nothing of the size of `logits` is allocated.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking
    the Inception Architecture for Computer Vision", 2016, section 7. arXiv:1512.00567.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import cross_entropy_and_grad
    >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
    >>> loss, grad = cross_entropy_and_grad(logits, [2, 1, 1], label_smoothing=0.001)
    >>> round(loss, 15)
    0.116473775200559
    >>> grad[1].round(4).tolist()
    [0.0043, -0.0926, 0.0884]

    The gradient may overwrite the logits, which saves an array of this size:

    >>> loss, grad = cross_entropy_and_grad(logits, [2, 1, 1], grad_out=logits)
    >>> grad is logits
    True
    """
    transforms = softcap, temperature, z_loss
    targets = label_smoothing, prior, class_weight, sample_weight, ignore_index
    return _computed(
        logits, labels, axis, transforms, targets, reduction, out, num_threads, True, grad_out
    )


def _computed(
    logits: ArrayLike,
    labels: ArrayLike,
    axis: int,
    given_transforms: options.GivenTransforms,
    given_targets: options.GivenTargets,
    reduction: str,
    out: FloatArray | None,
    num_threads: int | None,
    needs_grad: bool = False,
    grad_out: FloatArray | None = None,
) -> tuple[float | FloatArray, Any]:
    """Return the loss, and the gradient or None; nothing is written before all is checked."""
    array, target, layout = checked_rows(logits, labels, axis)
    _, num_classes, row_shape, losses_dtype, dtype_name, _ = layout
    shape, are_indices = array.shape, target.ndim < array.ndim
    kernel = builds.kernel(dtype_name)
    transforms = options.check_transforms(given_transforms)
    targets = options.check_targets(given_targets, num_classes, row_shape, target, are_indices)
    try:  # one function call more would take 1.3 % of the instructions for one row
        rule = REDUCTIONS[reduction]
    except (KeyError, TypeError):
        rule = options.check_choice("reduction", reduction, REDUCTIONS)  # which raises
    threads = team_size(num_threads, array.size, kernel)

    losses = grad = None
    if out is not None:
        losses = outputs.check_losses_out(out, reduction, row_shape, losses_dtype)
        outputs.check_no_overlap("out", losses, logits=array, **_arrays_of(labels, given_targets))
    elif reduction == "none":
        losses = np.empty(row_shape, losses_dtype)
    if grad_out is not None:
        grad = outputs.check_out_like_logits("grad_out", grad_out, array)
        outputs.check_in_place_or_apart("grad_out", grad, array)
        outputs.check_no_overlap("grad_out", grad, **_arrays_of(labels, given_targets))
        if losses is not None:
            outputs.check_no_overlap("out", losses, grad_out=grad)
    elif needs_grad:
        grad = np.empty(shape, array.dtype)
    view: Any = grad
    if not layout.is_flat:
        array, target, view = row_views(layout.axis, array, target, grad)

    divisor = 1.0
    if needs_grad or out is not None:
        _, _, class_weight, sample_weight, ignore_index = given_targets
        if out is grad_out is class_weight is sample_weight is ignore_index is None:
            num_rows = math.prod(row_shape)
            count = num_rows, num_rows, num_rows, 0
        else:  # the caller's arrays wait for checked labels, and the divisor for the rows' weights
            bad_row, count = kernel.tally(array, target, targets)
            if bad_row >= 0:
                raise bad_label(labels, shape, layout.axis, bad_row)
        if needs_grad:
            divisor = rule.grad_divisor(count, class_weight is not None and are_indices)

    buffer = losses if out is None else outputs.contiguous_like(out)
    compute = kernel.cross_entropy
    if transforms is not None and widening.is_needed(dtype_name, transforms):
        compute = partial(widening.cross_entropy, dtype_name)
    bad_row, count, total, special = compute(
        array, target, targets, transforms, buffer, view, divisor, threads
    )
    if bad_row >= 0:  # after a tally: another thread has changed the labels meanwhile
        raise bad_label(labels, shape, layout.axis, bad_row)
    if grad is not None:
        outputs.write_back(grad, view)
    gradient = grad if grad_out is None else grad_out
    if losses is None or buffer is None:
        return rule.loss(total, special, count), gradient
    outputs.write_back(losses, buffer)
    return losses if out is None else out, gradient


def _arrays_of(labels: ArrayLike, targets: options.GivenTargets) -> dict[str, ArrayLike | None]:
    """Return the labels and the arrays among the options of the targets, by their names."""
    names = ("labels", "prior", "class_weight", "sample_weight")
    return dict(zip(names, (labels, *targets[1:4]), strict=True))
