"""The one pass behind the loss and its gradient: checks, room, the kernel's call, the reduction."""

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from smoothxent import (
    _checks,
    _destinations,
    _dispatch,
    _label_checks,
    _layouts,
    _rows,
    _threads,
    _widened,
)
from smoothxent._checks import AnyArray, DType, FloatArray
from smoothxent._reductions import REDUCTIONS


def compute(
    given_logits: ArrayLike,
    labels: ArrayLike,
    softcap: float | None,
    temperature: float,
    z_loss: float,
    label_smoothing: float,
    prior: ArrayLike | None,
    class_weight: ArrayLike | None,
    sample_weight: ArrayLike | None,
    ignore_index: int | None,
    reduction: str,
    axis: int,
    dtype: DType | None,
    out: FloatArray | None,
    grad: FloatArray | None,
    is_callers_grad: bool,
    num_threads: int | None,
) -> float | FloatArray:
    """Check -> allocate -> call -> reduce; nothing is written before every check has passed."""
    logits, targets, layout = _layouts.of(given_logits, labels, axis, dtype)
    axis, num_classes, row_shape, losses_dtype, build, is_flat = layout
    kernel = _dispatch.kernel(build)
    transforms = None
    # Of a row's call every function counts: mostly there is nothing to check.
    if (
        softcap is not None
        or type(temperature) is not float or temperature != 1.0
        or type(z_loss) is not float or z_loss != 0.0
    ):  # fmt: skip
        transforms = _checks.transforms(softcap, temperature, z_loss)
    eps = _checks.label_smoothing(label_smoothing)
    u = None if prior is None else _checks.prior(prior, num_classes)
    w = s = ignored = losses = None
    if class_weight is not None:
        w = _checks.weights("class_weight", class_weight, (num_classes,))
    if sample_weight is not None:
        s = _checks.weights("sample_weight", sample_weight, row_shape)
    if ignore_index is not None:
        ignored = _checks.ignore_index(ignore_index, targets, targets.ndim < logits.ndim)
    rule = _checks.choice("reduction", reduction, REDUCTIONS)
    threads = _threads.team(num_threads, logits.size, kernel)
    if out is not None:
        losses = _destinations.losses(out, reduction, row_shape, losses_dtype)
        _destinations.apart(
            "out", losses, logits=logits, labels=labels, prior=prior, class_weight=class_weight,
            sample_weight=sample_weight, grad_out=grad,
        )  # fmt: skip

    rows, grads = logits, grad
    if not is_flat:
        rows, targets, grads = _rows.views(axis, logits, targets, grad)
    grad_divisor = 1.0
    has_weights = w is not None or s is not None or ignored is not None
    # The caller's arrays are written only after a look at all labels, which may also have to say
    # what the rows weigh.
    if out is not None or is_callers_grad or (grad is not None and has_weights):
        bad_row, count = kernel.tally(rows, targets, w, s, ignored)
        if bad_row >= 0:
            raise _label_checks.bad_label(labels, logits.shape, axis, bad_row)
        grad_divisor = rule.grad_divisor(count, w is not None and targets.ndim < rows.ndim)
    elif grad is not None:
        num_rows = logits.size // num_classes if num_classes else 0
        grad_divisor = rule.grad_divisor((num_rows, num_rows, num_rows, 0), False)

    written: AnyArray | None = None
    if losses is not None:
        written = _rows.room_for(losses)
    elif reduction == "none":
        losses = written = np.empty(row_shape, losses_dtype)
    call = kernel.cross_entropy
    if transforms is not None and _widened.is_needed(build, transforms):
        call = partial(_widened.cross_entropy, build)
    bad_row, count, total, special = call(
        rows, targets, eps, u, w, s, ignored, written, grads, grad_divisor, transforms, threads
    )
    if bad_row >= 0:  # with an array of the caller's: another thread wrote to the labels meanwhile
        raise _label_checks.bad_label(labels, logits.shape, axis, bad_row)
    if grad is not None and grads is not None:
        _rows.write_back(grad, grads)
    if losses is None or written is None:
        return rule.loss(total, special, count)
    _rows.write_back(losses, written)
    return losses if out is None else out
