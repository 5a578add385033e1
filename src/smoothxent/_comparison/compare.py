"""Comparison of two classifiers on the same labelled rows."""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Iterable

from numpy.typing import ArrayLike

from smoothxent._arguments.groups import check_groups, encoded
from smoothxent._arguments.labels import check_class_indices, labels_array
from smoothxent._arguments.logits import check_class_axis, check_logits
from smoothxent._arguments.options import check_weights
from smoothxent._comparison.comparison import Comparison
from smoothxent._comparison.pairs import Labelled, Table, pair_totals
from smoothxent._comparison.settings import NAMES, OfEach, check_names, options_of_both
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.probabilities import warn_of_probabilities
from smoothxent._evaluation.rows import evaluate_rows
from smoothxent._kernel.rows import checked_rows


def compare(
    logits_a: ArrayLike,
    logits_b: ArrayLike,
    labels: ArrayLike,
    *,
    softcap: OfEach[float | None] = None,
    temperature: OfEach[float] = 1.0,
    label_smoothing: float = 0.0,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    top_k: Iterable[int] = (1, 5),
    num_bins: int = 15,
    groups: ArrayLike | None = None,
    num_threads: int | None = None,
    names: tuple[str, str] = NAMES,
) -> Comparison:
    r"""Return a comparison of two classifiers' logits on the same labelled rows.

    With :math:`p = \mathrm{softmax}(x)` for one row of logits :math:`x` and its label :math:`y`,
    the means over the rows of

    .. math::

        \log p^a_y - \log p^b_y, \qquad \sum_k p^a_k (\log p^a_k - \log p^b_k), \qquad
        p^b_y - p^a_y

    are `nll_difference`, `kl` and `probability_change`: the cost of using b instead of a, on the
    label and over all classes, and what b adds to the label's probability.

    Parameters
    ----------
    logits_a, logits_b : array_like of float32, float64, float16 or bfloat16, shape (..., C)
        The logits of the first classifier (a) and of the second (b), which is compared with a. They
        have the same shape, but may have different dtypes. The classes are on the last axis.
    labels : array_like of any integer dtype, shape (...)
        Class indices in [0, C).
    softcap, temperature : float or pair of float, optional
        As in `cross_entropy`: one number for both, or a tuple of two, for a and for b.
    label_smoothing, top_k, num_bins
        As in `evaluate`, for the evaluations of a and b.
    sample_weight : array_like, optional
        A finite weight, not negative, of each row in all means, shares and quantiles. 1 by default.
    ignore_index : int, optional
        Rows with this label are left out of all metrics, even if their logits hold nan.
    groups : array_like of int or str, optional
        The id of each row's group, as in `evaluate`. The result then has `groups`, and standard
        errors for rows that are alike within a group.
    num_threads : int, optional
        The maximum number of threads, at least 1, as in `cross_entropy`.
    names : tuple of two str, default ("A", "B")
        Names of a and b for tables, plots and records, each one line of text.

    Returns
    -------
    Comparison
        The evaluations of a and b, and the metrics of their pairs of rows.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `evaluate`; also if the logits have different shapes.

    See Also
    --------
    evaluate : the metrics of one classifier.

    Notes
    -----
    Accuracy: all measures of pairs of rows are computed in float64 for all dtypes of the logits,
    with log-probabilities within 4 ulp (float64: 6), entropies and confidences to 1e-12. A soft
    cap and a temperature are applied first, as in `evaluate`. Totals are exact sums over the rows;
    quantiles have a relative error of at most 2**-11 (see `Comparison`). The result has the same
    bits for any number of threads and on every instruction set.

    Memory: it does not grow with the number of rows, apart from the counts for the quantiles (see
    `Comparison`). Each thread needs about 20 MB, or four rows in float64 if that is more. Nothing
    of the size of the logits is allocated, unless their row axes can't be merged into one without
    a copy. With `groups`, a group needs up to 1,000 bytes, and a row up to 60.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import compare
    >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
    >>> comparison = compare(logits, logits / 2, [2, 2, 1])
    >>> round(comparison.nll_difference, 4), round(comparison.nll_difference_stderr, 4)
    (-0.0506, 0.1149)
    >>> comparison.agreement, round(comparison.kl, 4)
    (1.0, 0.0549)
    """
    a, b = check_logits(logits_a, "logits_a"), check_logits(logits_b, "logits_b")
    if a.array.shape != b.array.shape:
        rule = f"logits_b must have the shape of logits_a, {a.array.shape}"
        raise ValueError(f"{rule}, got {b.array.shape}")
    check_class_axis("logits_a", -1, a.array.shape)
    indices = labels_array(labels)
    both = [checked_rows(each, indices, -1, check_class_indices) for each in (a, b)]
    options = options_of_both(
        both[0][2].num_classes, softcap, temperature, label_smoothing, top_k, num_bins
    )
    weights = None
    if sample_weight is not None:
        weights = check_weights("sample_weight", sample_weight, indices.shape)
    row_groups = None if groups is None else encoded(check_groups(groups, indices.shape))
    names = check_names(names)
    of_both = [
        evaluate_rows(rows, each, row_groups, sample_weight, ignore_index, num_threads)
        for rows, each in zip(both, options, strict=True)
    ]
    for name, each in zip(("logits_a", "logits_b"), of_both, strict=True):
        if each.looks_like_probabilities:
            warn_of_probabilities(name)
    table_a, table_b = Table(a, options[0].transforms), Table(b, options[1].transforms)
    labelled = Labelled(indices.reshape(-1), weights, ignore_index, row_groups)
    top_k = options[0].settings.top_k
    totals = pair_totals(table_a, table_b, labelled, top_k, num_threads)
    of_a, of_b = map(Evaluation, of_both)
    return Comparison(of_a, of_b, names, totals)
