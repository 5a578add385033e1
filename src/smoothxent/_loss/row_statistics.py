"""Statistics of each row of logits, from one read."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent._arguments.arrays import AnyArray, FloatArray
from smoothxent._arguments.labels import check_class_indices, label_out_of_range
from smoothxent._arguments.options import check_ignore_index, check_num_top, check_transforms
from smoothxent._kernel import widening
from smoothxent._kernel.rows import checked_logits
from smoothxent._kernel.threads import team_size
from smoothxent._kernel.views import row_views


class RowStatistics(NamedTuple):
    """Arrays with one entry for each row, as `row_statistics` returns them.

    Attributes
    ----------
    log_sum_exp : ndarray
        Logarithm of the sum of the exponentials of the row's logits, in nats.
    max_logit : ndarray
        The largest logit.
    argmax : ndarray of int64
        The class of the largest logit, the lowest among equals; -1 for a row that holds nan.
    entropy : ndarray
        Entropy of the probabilities, in nats.
    confidence : ndarray
        The largest probability.
    label_logit : ndarray or None
        The logit of the label. `label_logit`, `nll` and `rank` are None without labels.
    nll : ndarray or None
        -log of the label's probability, in nats.
    rank : ndarray of int64 or None
        The number of logits that rank above the label's: larger ones, and equal ones of a lower
        class. It is 0 if the label is `argmax`.
    top_log_probs : ndarray or None
        The `top_k` largest log-probabilities in descending order, in nats, on an additional last
        axis. `top_log_probs` and `top_classes` are None without `top_k`.
    top_classes : ndarray of int64 or None
        Their classes, the lower class first among equal logits; -1 for a row that holds nan.
    """

    log_sum_exp: FloatArray
    max_logit: FloatArray
    argmax: NDArray[np.int64]
    entropy: FloatArray
    confidence: FloatArray
    label_logit: FloatArray | None = None
    nll: FloatArray | None = None
    rank: NDArray[np.int64] | None = None
    top_log_probs: FloatArray | None = None
    top_classes: NDArray[np.int64] | None = None


def empty_statistics(
    row_shape: tuple[int, ...], dtype: np.dtype[Any], has_labels: bool, num_top: int
) -> RowStatistics:
    """Return arrays for the kernel to fill."""
    top_shape = (*row_shape, num_top)
    return RowStatistics(
        log_sum_exp=np.empty(row_shape, dtype),
        max_logit=np.empty(row_shape, dtype),
        argmax=np.empty(row_shape, np.int64),
        entropy=np.empty(row_shape, dtype),
        confidence=np.empty(row_shape, dtype),
        label_logit=np.empty(row_shape, dtype) if has_labels else None,
        nll=np.empty(row_shape, dtype) if has_labels else None,
        rank=np.empty(row_shape, np.int64) if has_labels else None,
        top_log_probs=np.empty(top_shape, dtype) if num_top else None,
        top_classes=np.empty(top_shape, np.int64) if num_top else None,
    )


# Annotations are quoted so that help() shows names; a named tuple rules out the future import.
def row_statistics(
    logits: "ArrayLike",
    labels: "ArrayLike | None" = None,
    *,
    softcap: float | None = None,
    temperature: float = 1.0,
    ignore_index: int | None = None,
    top_k: int | None = None,
    axis: int = -1,
    num_threads: int | None = None,
) -> RowStatistics:
    r"""Return log-sum-exp, top classes, entropy, confidence and, with labels, rank of each row.

    Parameters
    ----------
    logits : array_like of float32, float64, float16 or bfloat16, shape (..., C, ...)
        As in `cross_entropy`.
    labels : array_like of any integer dtype, optional
        Class indices in [0, C), with the shape of `logits` without the class axis.
    softcap, temperature
        As in `cross_entropy`; all statistics are those of the transformed logits.
    ignore_index : int, optional
        Rows with this label have a `label_logit` of nan, an `nll` of 0 and a `rank` of -1; the
        other statistics are those of their logits.
    top_k : int, optional
        The number of largest log-probabilities to return for each row, with their classes: from 1
        to 64, at most C. By default none are returned.
    axis, num_threads
        As in `cross_entropy`.

    Returns
    -------
    RowStatistics
        A named tuple of arrays with the shape of `logits` without the class axis, and for the top
        classes with one more axis (..., top_k): float64 for float64 logits and else float32, int64
        for classes and ranks.

    Raises
    ------
    IndexError
        A label that is not `ignore_index` lies outside [0, C); the error names the first such row.
    TypeError, ValueError
        As in `cross_entropy`; also if labels are not class indices, if `ignore_index` is given
        without labels, or if `top_k` is out of range.

    See Also
    --------
    evaluate : metrics over all rows, without arrays of the size of the rows.
    log_sum_exp : only the first of these statistics.
    log_softmax : the log-probabilities of all classes.
    linear_row_statistics : the same for the logits of a linear head, without storing them.

    Notes
    -----
    Accuracy: `log_sum_exp` is within 4 ulp (float64: 6) of the exact value, or of the largest logit
    where that is larger; `nll` is as accurate as a loss of `cross_entropy`. `entropy` and
    `confidence` agree with their formulas to 1e-5 for float32, float16 and bfloat16 logits, mostly
    to 1e-6, and to 1e-12 for float64. Logits and ranks are exact. With a temperature, this holds
    for the logits divided by it in float32 or float64; each capped logit is within 5 ulp.
    `top_log_probs` are within 4 ulp (float64: 6) of the exact values, those near 0 included: they
    have the bits of `log_softmax` for float32 and float64 logits.

    NaN and infinity: if a row holds nan or +inf, or only -inf, then `entropy`, `confidence` and
    `nll` are nan and `rank` is C; `max_logit` and `log_sum_exp` are nan, or the infinity; and
    `top_log_probs` are nan. With a soft cap c this holds for the capped logits: c for +inf, -c for
    -inf.

    The statistics have the same bits for any number of threads, and each logit is read once. The
    top classes are kept in a sorted list: that takes little time unless the logits of a row ascend.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import row_statistics
    >>> statistics = row_statistics(np.array([[4.0, 5, 10], [1, 5, 4]]), [2, 2])
    >>> statistics.argmax.tolist(), statistics.rank.tolist()
    ([2, 1], [0, 1])
    >>> statistics.confidence.round(4).tolist(), statistics.nll.round(4).tolist()
    ([0.9909, 0.7214], [0.0092, 1.3266])
    >>> statistics = row_statistics(np.array([[4.0, 5, 10], [1, 5, 4]]), top_k=2)
    >>> statistics.top_classes.tolist()
    [[2, 1], [1, 2]]
    >>> statistics.top_log_probs.round(4).tolist()
    [[-0.0092, -5.0092], [-0.3266, -1.3266]]
    """
    rows, layout = checked_logits(logits, axis)
    targets: NDArray[Any] | None = None
    ignored = None
    if labels is not None:
        targets = check_class_indices(labels, rows.shape, layout.row_shape)
    if ignore_index is not None:
        ignored = check_ignore_index(ignore_index, targets)
    transforms = check_transforms((softcap, temperature, 0.0))
    kernel = widening.kernel_for(layout.dtype_name, transforms)
    threads = team_size(num_threads, rows.size, kernel)
    num_top = check_num_top(top_k, layout.num_classes, kernel.MOST_TOP_K)

    result = empty_statistics(layout.row_shape, layout.losses_dtype, targets is not None, num_top)
    rows, indices = row_views(layout.axis, rows, targets)
    for block, wide in widening.wide_blocks(layout.dtype_name, transforms, rows):
        block_labels, results = indices, tuple(result)
        if block is not widening.WHOLE:
            block_labels = None if indices is None else indices[block.of_labels]
            results = tuple(a if a is None else _flat(a, result)[block.rows] for a in result)
        bad_row = kernel.row_statistics(wide, block_labels, ignored, transforms, results, threads)
        if bad_row >= 0 and targets is not None:
            raise label_out_of_range(targets, layout.num_classes, block.rows.start + bad_row)
    return result


def _flat(array: AnyArray, result: RowStatistics) -> AnyArray:
    """Return one of the arrays of the result with a single axis for the rows."""
    return array.reshape(result.argmax.size, *array.shape[result.argmax.ndim :])
