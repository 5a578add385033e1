"""Row statistics of a linear head, hidden @ weight.T + bias, whose logits are never stored."""

from __future__ import annotations  # help() shows types by their names

from numpy.typing import ArrayLike

from smoothxent._arguments.labels import check_class_indices
from smoothxent._linear.labelled_head import LabelledHead
from smoothxent._loss.row_statistics import RowStatistics


def linear_row_statistics(
    hidden: ArrayLike,
    weight: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    bias: ArrayLike | None = None,
    softcap: float | None = None,
    temperature: float = 1.0,
    ignore_index: int | None = None,
    top_k: int | None = None,
    num_threads: int | None = None,
) -> RowStatistics:
    """Return the row statistics of the logits ``hidden @ weight.T + bias``, which are never stored.

    For a language model these are the loss and the rank of each token, and the most likely tokens
    with their log-probabilities, without the array (tokens, vocabulary).

    Parameters
    ----------
    hidden, weight, bias, softcap, temperature, num_threads
        As in `linear_cross_entropy`.
    labels : array_like of any integer dtype, shape (...), optional
        Class indices in [0, C).
    ignore_index, top_k
        As in `row_statistics`.

    Returns
    -------
    RowStatistics
        As `row_statistics` returns it for these logits: float64 if `hidden`, `weight` or `bias` is
        float64, else float32; int64 for classes and ranks.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `linear_cross_entropy` and `row_statistics`.

    See Also
    --------
    row_statistics : the same for logits in an array.
    linear_evaluate : metrics over all rows, without arrays of the size of the rows.

    Notes
    -----
    Method and memory are those of `linear_cross_entropy`, accuracy and NaN policy those of
    `row_statistics` for the logits as rounded by the BLAS. For more than 16384 classes the logit of
    the label is summed in float64 and rounded once, apart from the others. So a class whose logit
    is that close may rank above or below the label, and `rank` may differ from 0 although the label
    is `argmax`.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import linear_row_statistics
    >>> hidden = np.array([[1.0, 2], [3, -1], [0, 1]])
    >>> weight = np.array([[1.0, 0], [0, 1], [1, 1], [-1, 2]])
    >>> statistics = linear_row_statistics(hidden, weight, [3, 0, 1], top_k=2)
    >>> statistics.nll.round(4).tolist(), statistics.rank.tolist()
    ([0.9176, 0.3268, 1.6265], [1, 0, 1])
    >>> statistics.top_classes.tolist()
    [[2, 3], [0, 2], [3, 1]]
    >>> statistics.top_log_probs.round(4).tolist()
    [[-0.9176, -0.9176], [-0.3268, -1.3268], [-0.6265, -1.6265]]
    """
    transforms = softcap, temperature, 0.0
    targets = 0.0, None, None, None, ignore_index
    check = None if labels is None else check_class_indices
    head = LabelledHead(hidden, weight, labels, bias, transforms, targets, num_threads, check)
    head.tally()
    return head.statistics(top_k)
