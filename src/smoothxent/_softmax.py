"""Softmax, its logarithm, and the logarithm of its denominator."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from smoothxent import _checks, _dispatch, _rows, _threads
from smoothxent._checks import FloatArray


def softmax(
    logits: ArrayLike,
    *,
    axis: int = -1,
    out: FloatArray | None = None,
    num_threads: int | None = None,
) -> FloatArray:
    r"""Return the probabilities that logits stand for.

    .. math:: p_k = \exp(x_k) / \sum_j \exp(x_j)

    Parameters
    ----------
    logits : array_like of float32 or float64, shape (..., C, ...)
        Unnormalised log-probabilities with the C classes on `axis`. One axis, (C,), is one row.
    axis : int, default -1
        The class axis.
    out : ndarray, optional
        Where to put the result: the shape and dtype of `logits`. It may be the very array `logits`,
        which is then overwritten; any other overlap with them is refused.
    num_threads : int, optional
        The most threads to use, at least 1. Unless given, as many as this process may run on, and
        as ``OMP_NUM_THREADS`` says.

    Returns
    -------
    ndarray
        Probabilities in [0, 1] (`out` if given), with the shape and dtype of `logits`.

    Raises
    ------
    TypeError
        `logits` are not float32 or float64, or are a masked array; `out` has another dtype.
    ValueError
        There are rows but no classes; `axis` does not exist; `num_threads` is below 1; `out` has
        another shape, is read-only or overlaps `logits`.

    See Also
    --------
    log_softmax, log_sum_exp

    Notes
    -----
    A row with a nan or +inf, or of -inf only, becomes nan; a logit of -inf beside
    others gets probability 0. The result has the same bits for any number of threads. The global
    interpreter lock is released. No memory of the size of `logits` is taken beside the result.

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
    r"""Return the logarithms of the probabilities that logits stand for, in nats.

    .. math:: \log p_k = x_k - \log \sum_j \exp(x_j)

    Parameters
    ----------
    logits, axis, out, num_threads
        As in `softmax`.

    Returns
    -------
    ndarray
        In nats, not above 0 (`out` if given), with the shape and dtype of `logits`.

    Raises
    ------
    TypeError, ValueError
        As in `softmax`.

    See Also
    --------
    softmax, log_sum_exp

    Notes
    -----
    A row with a nan or +inf, or of -inf only, becomes nan; a logit of -inf beside
    others gets -inf. Bits, threads and memory as in `softmax`.

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
    r"""Return the logarithm of the sum of the exponentials of each row, in nats.

    .. math:: \mathrm{lse} = \log \sum_k \exp(x_k)

    Parameters
    ----------
    logits, axis, num_threads
        As in `softmax`.
    out : ndarray, optional
        Where to put the result: the dtype of `logits` and their shape without the class axis,
        sharing no memory with them.

    Returns
    -------
    ndarray
        In nats (`out` if given), with the dtype of `logits` and their shape without the class axis.

    Raises
    ------
    TypeError, ValueError
        As in `softmax`.

    See Also
    --------
    softmax, log_softmax

    Notes
    -----
    A nan gives nan; a row of -inf only gives -inf. The result has the same bits for any number
    of threads, and each logit is read once.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import log_sum_exp
    >>> log_sum_exp(np.array([[0.0, 0.0], [1000.0, -1000.0]])).round(4).tolist()
    [0.6931, 1000.0]
    """
    checked = _checks.logits(logits)
    axis = _checks.class_axis("logits", axis, checked.shape)
    row_shape = checked.shape[:axis] + checked.shape[axis + 1 :]
    threads = _threads.resolve(_checks.num_threads(num_threads))
    if out is None:
        result: FloatArray = np.empty(row_shape, checked.dtype)
    else:
        result = _checks.destination("out", out, row_shape, checked.dtype)
        _checks.apart("out", result, logits=logits)
    rows = _rows.as_rows(checked, axis, _rows.num_outer_axes(axis, checked))
    flat = _rows.flat(result)
    _dispatch.kernel(checked.dtype).log_sum_exp(rows, flat, threads)
    _rows.write_back(result, flat)
    return result if out is None else out


def _normalised(
    name: Literal["softmax", "log_softmax"],
    logits: ArrayLike,
    axis: int,
    out: FloatArray | None,
    num_threads: int | None,
) -> FloatArray:
    """Normalise each row with the kernel's function of this name."""
    checked = _checks.logits(logits)
    axis = _checks.class_axis("logits", axis, checked.shape)
    threads = _threads.resolve(_checks.num_threads(num_threads))
    if out is None:
        result: FloatArray = np.empty(checked.shape, checked.dtype)
    else:
        result = _checks.destination("out", out, checked.shape, checked.dtype)
        _checks.in_place_or_apart("out", result, checked)
    cut = _rows.num_outer_axes(axis, checked, result)
    filled = _rows.as_rows(result, axis, cut)
    kernel = _dispatch.kernel(checked.dtype)
    fill = kernel.softmax if name == "softmax" else kernel.log_softmax
    fill(_rows.as_rows(checked, axis, cut), filled, threads)
    _rows.write_back(result, filled)
    return result if out is None else out
