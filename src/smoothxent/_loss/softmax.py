"""Softmax, its logarithm, and the logarithm of its denominator."""

from __future__ import annotations  # help() shows types by their names

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from smoothxent._arguments import outputs
from smoothxent._arguments.arrays import FloatArray
from smoothxent._kernel import builds
from smoothxent._kernel.rows import checked_logits
from smoothxent._kernel.threads import team_size
from smoothxent._kernel.views import row_views


def softmax(
    logits: ArrayLike,
    *,
    axis: int = -1,
    out: FloatArray | None = None,
    num_threads: int | None = None,
) -> FloatArray:
    r"""Return the softmax of logits: the probabilities of the classes.

    .. math:: p_k = \exp(x_k) / \sum_j \exp(x_j)

    Parameters
    ----------
    logits : array_like of float32, float64, float16 or bfloat16, shape (..., C, ...)
        Unnormalised log-probabilities with the C classes on `axis`. An array (C,) is one row.
        bfloat16 is the dtype of ml_dtypes or torch, or of `bits`.
    axis : int, default -1
        The class axis.
    out : ndarray, optional
        The array for the result, with the shape and dtype of `logits`, or float32 for float16 and
        bfloat16 logits. It may be the array `logits` itself, which is then overwritten. Any other
        overlap with `logits` is an error.
    num_threads : int, optional
        The maximum number of threads, at least 1. By default it is the number of CPUs that this
        process may use, or ``OMP_NUM_THREADS``.

    Returns
    -------
    ndarray
        Probabilities in [0, 1] (`out` if given), with the shape and dtype of `logits`; uint16 bits
        for bfloat16 of torch.

    Raises
    ------
    TypeError
        `logits` or `out` have another dtype than those above, or are masked arrays.
    ValueError
        There are rows but no classes; `axis` does not exist; `num_threads` is below 1; `out` has
        another shape, is read-only, or overlaps `logits` or itself.

    See Also
    --------
    log_softmax, log_sum_exp

    Notes
    -----
    Accuracy: each probability is within 5 + abs(log2(p_k)) ulp of the exact value (of float32 for
    float16 and bfloat16 logits, then rounded to their dtype), for float64 within 6 +
    abs(log2(p_k)). A probability below the smallest normal number, 2**-126 in float32, may be 0.

    A row with a nan or +inf, or with only -inf, becomes nan; otherwise a logit of -inf gets
    probability 0. The result has the same bits for any number of threads. The global interpreter
    lock is released. Apart from the result, no memory of the size of `logits` is allocated.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import softmax
    >>> softmax(np.array([1.0, 5.0, 4.0])).round(4).tolist()
    [0.0132, 0.7214, 0.2654]
    """
    return _normalised("softmax", logits, axis, out, num_threads)


def log_softmax(
    logits: ArrayLike,
    *,
    axis: int = -1,
    out: FloatArray | None = None,
    num_threads: int | None = None,
) -> FloatArray:
    r"""Return the logarithms of the softmax of logits, in nats.

    .. math:: \log p_k = x_k - \log \sum_j \exp(x_j)

    Parameters
    ----------
    logits, axis, out, num_threads
        As in `softmax`.

    Returns
    -------
    ndarray
        Log-probabilities in nats, at most 0 (`out` if given), with the shape and dtype of `logits`;
        uint16 bits for bfloat16 of torch.

    Raises
    ------
    TypeError, ValueError
        As in `softmax`.

    See Also
    --------
    softmax, log_sum_exp

    Notes
    -----
    Accuracy: each entry is within 4 ulp of the exact value (of float32 for float16 and bfloat16
    logits, then rounded to their dtype), for float64 within 6, those near 0 included.

    A row with a nan or +inf, or with only -inf, becomes nan; otherwise a logit of -inf gives -inf.
    Bits, threads and memory are as in `softmax`.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import log_softmax
    >>> log_softmax(np.array([1.0, 5.0, 4.0])).round(4).tolist()
    [-4.3266, -0.3266, -1.3266]
    """
    return _normalised("log_softmax", logits, axis, out, num_threads)


def log_sum_exp(
    logits: ArrayLike,
    *,
    axis: int = -1,
    out: FloatArray | None = None,
    num_threads: int | None = None,
) -> FloatArray:
    r"""Return the log-sum-exp of each row of logits, in nats.

    .. math:: \mathrm{lse} = \log \sum_k \exp(x_k)

    Parameters
    ----------
    logits, axis, num_threads
        As in `softmax`.
    out : ndarray, optional
        The array for the result: float64 for float64 logits and else float32, with the shape of
        `logits` without the class axis. It shares no memory with `logits`.

    Returns
    -------
    ndarray
        Log-sum-exps in nats (`out` if given), float64 for float64 logits and else float32, with the
        shape of `logits` without the class axis.

    Raises
    ------
    TypeError, ValueError
        As in `softmax`.

    See Also
    --------
    softmax, log_softmax

    Notes
    -----
    Accuracy: within 4 ulp, for float64 6, of the exact value, or of the largest logit where that
    is larger.

    A row with nan gives nan; a row with only -inf gives -inf. The result has the same bits for any
    number of threads, and each logit is read once.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import log_sum_exp
    >>> log_sum_exp(np.array([[0.0, 0.0], [1000.0, -1000.0]])).round(4).tolist()
    [0.6931, 1000.0]
    """
    checked, layout = checked_logits(logits, axis)
    kernel = builds.kernel(layout.dtype_name)
    threads = team_size(num_threads, checked.size, kernel)
    if out is None:
        result = written = np.empty(layout.row_shape, layout.losses_dtype)
    else:
        result = outputs.check_out("out", out, layout.row_shape, layout.losses_dtype)
        outputs.check_no_overlap("out", result, logits=logits)
        written = outputs.contiguous_like(result)
    (rows,) = row_views(layout.axis, checked)
    kernel.log_sum_exp(rows, written, threads)
    outputs.write_back(result, written)
    return result if out is None else out


def _normalised(
    name: Literal["softmax", "log_softmax"],
    logits: ArrayLike,
    axis: int,
    out: FloatArray | None,
    num_threads: int | None,
) -> FloatArray:
    """Normalise each row with the kernel's function of this name."""
    checked, layout = checked_logits(logits, axis)
    kernel = builds.kernel(layout.dtype_name)
    threads = team_size(num_threads, checked.size, kernel)
    if out is None:
        result: FloatArray = np.empty(checked.shape, checked.dtype)
    else:
        result = outputs.check_out_like_logits("out", out, checked)
        outputs.check_in_place_or_apart("out", result, checked)
    rows, written = row_views(layout.axis, checked, result)
    normalise = kernel.softmax if name == "softmax" else kernel.log_softmax
    normalise(rows, written, threads)
    outputs.write_back(result, written)
    return result if out is None else out
