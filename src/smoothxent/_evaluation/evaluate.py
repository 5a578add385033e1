"""All metrics of an evaluation, from the same single read of the logits as the loss."""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Iterable

from numpy.typing import ArrayLike

from smoothxent._arguments.groups import check_groups, encoded
from smoothxent._arguments.labels import check_class_indices
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.probabilities import warn_of_probabilities
from smoothxent._evaluation.rows import evaluate_rows
from smoothxent._evaluation.settings import Options
from smoothxent._kernel.rows import checked_rows


def evaluate(
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
    top_k: Iterable[int] = (1, 5),
    num_bins: int = 15,
    groups: ArrayLike | None = None,
    per_class: bool = False,
    axis: int = -1,
    num_threads: int | None = None,
) -> Evaluation:
    r"""Return all metrics of a classifier's logits on labelled rows, from one read of the logits.

    With :math:`p = \mathrm{softmax}(x)` for one row of logits :math:`x`, its label :math:`y` and
    the row's sample weight :math:`s`, the means over the rows, weighted with :math:`s`, of

    .. math::

        -\log p_y, \quad -\sum_k p_k \log p_k, \quad \max_k p_k, \quad \sum_k (p_k - [k = y])^2

    are `nll`, `entropy`, `confidence` and `brier`; `loss` is that of `cross_entropy`.

    Parameters
    ----------
    logits : array_like of float32, float64, float16 or bfloat16, shape (..., C, ...)
        As in `cross_entropy`.
    labels : array_like of any integer dtype
        Class indices in [0, C), with the shape of `logits` without the class axis.
    softcap, temperature
        As in `cross_entropy`; all metrics are those of the transformed logits.
    z_loss, label_smoothing, prior, class_weight
        As in `cross_entropy`; they affect only `loss`.
    sample_weight : array_like, optional
        A finite weight, not negative, of each row in all means and shares; a mask of bool has
        weights 1 and 0. 1 by default.
    ignore_index : int, optional
        Rows with this label are left out of all metrics, even if their logits hold nan.
    top_k : iterable of int, default (1, 5)
        For each k, in [1, 2**63), the share of labels among the k largest logits is computed. Among
        equal logits, the one with the lower index ranks higher. k = 1, `accuracy`, is always
        included.
    num_bins : int, default 15
        The number of bins of confidence, 1 to 2**20, of equal width, for the calibration error. A
        row is in bin ``floor(confidence * num_bins)``, computed in float64; confidence 1 is in the
        last bin. Evaluate with 1000 bins for a finer `Evaluation.reliability` and
        `Evaluation.risk_coverage`.
    groups : array_like of int or str, optional
        The id of each row's group, with the shape of `labels`: its document, sequence, user or
        slice; integers in [-2**63, 2**63), or strings. The result then has `groups`, and standard
        errors for rows that are alike within a group.
    per_class : bool, default False
        Whether the result has the metrics of each class, as `classes`.
    axis, num_threads
        As in `cross_entropy`.

    Returns
    -------
    Evaluation
        The metrics, as attributes. ``+`` adds the evaluations of several batches, if they have the
        same settings.

    Raises
    ------
    IndexError
        A label that is not `ignore_index` lies outside [0, C); the error names the first such row.
    TypeError, ValueError
        As in `cross_entropy`; also if labels are not class indices, or `top_k` or `num_bins` lies
        outside its range.

    Warns
    -----
    UserWarning
        The logits look like probabilities: no logit is negative and each row sums to 1. Only the
        first 16,384 logits are checked, or 4 rows if that is more; ignored rows and rows with nan
        do not count. The table of the evaluation says so too. If the logits are correct, silence
        the warning with
        ``warnings.filterwarnings("ignore", "logits.* must not be probabilities")``.

    See Also
    --------
    evaluate_chunks : the same for chunks of rows from any source.
    evaluate_file : the same for arrays in files.
    row_statistics : most of these metrics for each row.
    cross_entropy : only the loss.

    Notes
    -----
    Accuracy: `loss` has the bits of ``cross_entropy(..., reduction="mean")``. `nll` is the same
    loss without smoothing and class weights, and has the same accuracy. The other metrics of a row
    agree with their formulas in exact arithmetic to 1e-5 for float32, float16 and bfloat16 logits,
    mostly to 1e-6, and to 1e-12 for float64; from 129 classes on, the entropy of a confident row
    whose label is another class may be off by 5e-8 nats, for float64 by 1e-15. Each is rounded to
    the dtype of `cross_entropy`'s losses. Totals are exact sums over the rows, and over their
    squares, in a superaccumulator (Kulisch 1997; Neal 2015, arXiv:1505.05571). So they have the
    same bits for any number of threads, order of rows or split into batches.

    NaN and infinity: a row that holds nan or +inf, or only -inf, makes the metrics of probabilities
    nan. It is in no bin and counts as a miss for each k.

    Memory: nothing of the size of `logits` is allocated. Each thread needs about 20 kB for its
    totals, and 4 kB for each bin. `groups` and `per_class` need some hundred bytes for each row
    meanwhile; for many rows in files, `evaluate_file` needs them only for a chunk at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import evaluate
    >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
    >>> evaluation = evaluate(logits, [2, 2, 1], label_smoothing=0.001)
    >>> round(evaluation.nll, 6), round(evaluation.loss, 6), round(evaluation.accuracy, 6)
    (0.445252, 0.449474, 0.666667)
    >>> evaluation + evaluate(logits[:1], [2], label_smoothing=0.001) == evaluate(
    ...     logits[[0, 0, 1, 2]], [2, 2, 2, 1], label_smoothing=0.001)
    True
    """
    rows = checked_rows(logits, labels, axis, check=check_class_indices)
    options = Options.of(
        rows[2].num_classes,
        (softcap, temperature, z_loss),
        (label_smoothing, prior, class_weight),
        top_k,
        num_bins,
        per_class,
    )
    row_groups = None if groups is None else encoded(check_groups(groups, rows[2].row_shape))
    totals = evaluate_rows(rows, options, row_groups, sample_weight, ignore_index, num_threads)
    if totals.looks_like_probabilities:
        warn_of_probabilities("logits")
    return Evaluation(totals)
