"""The temperature that calibrates a classifier's logits on labelled rows."""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Iterable

from numpy.typing import ArrayLike

from smoothxent._arguments.labels import check_class_indices
from smoothxent._arguments.options import check_bounds, check_top_k
from smoothxent._calibration.fit import LABELS_ONLY, fit
from smoothxent._calibration.temperature import Temperature
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.probabilities import warn_of_probabilities
from smoothxent._evaluation.rows import evaluate_rows
from smoothxent._evaluation.settings import Options
from smoothxent._kernel.rows import checked_rows


def fit_temperature(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    bounds: tuple[float, float] = (0.01, 100.0),
    softcap: float | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    top_k: Iterable[int] = (1, 5),
    num_bins: int = 15,
    axis: int = -1,
    num_threads: int | None = None,
) -> Temperature:
    r"""Return the temperature T at which the mean nll of labelled rows is least.

    With :math:`p = \mathrm{softmax}(x / T)` for one row of logits :math:`x` and its label
    :math:`y`, the mean over the rows, weighted with `sample_weight`, of :math:`-\log p_y` has a
    single minimum. There the mean nll is equal to the mean entropy of the probabilities.

    Parameters
    ----------
    logits : array_like of float32, float64, float16 or bfloat16, shape (..., C, ...)
        As in `evaluate`. Take rows that the classifier was not trained on.
    labels : array_like of any integer dtype
        Class indices in [0, C), with the shape of `logits` without the class axis.
    bounds : tuple of two floats, default (0.01, 100.0)
        The lowest and the highest temperature, with 1e-30 <= low < 1 < high <= 1e30.
    softcap
        As in `cross_entropy`; it is applied before the temperature.
    sample_weight, ignore_index
        As in `evaluate`.
    top_k, num_bins
        As in `evaluate`, for the evaluations of the result.
    axis, num_threads
        As in `cross_entropy`.

    Returns
    -------
    Temperature
        The temperature (`value`), the evaluations at temperature 1 and at this temperature, and the
        number of reads. If the nll is still falling at a bound, `value` is that bound and `bound`
        is its name. With labels that are no better than chance the nll falls up to
        T = inf: `bound` is "upper".

    Raises
    ------
    IndexError, TypeError
        As in `evaluate`.
    ValueError
        As in `evaluate`; also if the bounds are not as above; if there are no rows, or none with a
        positive weight; if a row holds nan or +inf, or only -inf, or -inf at its label; if every
        label has the largest logit of its row, also with ties, so that the nll falls for ever as T
        goes to 0; if all logits of each row are equal, so that the nll is the same for all T.

    Warns
    -----
    UserWarning
        As in `evaluate`.

    See Also
    --------
    fit_temperature_file : the same for logits in files of any size.
    evaluate : all metrics at a given temperature.

    Notes
    -----
    Reads: each step of the search is one read of the logits, as in `evaluate`, and the first is at
    temperature 1. Most searches need 4 to 6 reads.

    Accuracy: the search ends when the next step would lower the nll by less than 2**-33 of its
    value. Then the relative error of the temperature is about 1e-5 sqrt(nll / v) or less, where v
    is the mean over the rows of the variance of log p under p, in nats squared. Rounding errors of
    float32 logits add up to 3e-7 nll / v.

    The result has the same bits for any number of threads, order of rows or split into files, and
    on every instruction set.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On Calibration of Modern Neural Networks",
    2017.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import evaluate, fit_temperature
    >>> rng = np.random.default_rng(0)
    >>> logits = rng.normal(size=(10_000, 10))
    >>> labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    >>> temperature = fit_temperature(2 * logits, labels)
    >>> round(temperature.value, 1), temperature.iterations
    (2.0, 4)
    >>> temperature.evaluation == evaluate(2 * logits, labels, temperature=temperature.value)
    True
    """
    limits, ranks = check_bounds(bounds), check_top_k(top_k)
    rows = checked_rows(logits, labels, axis, check=check_class_indices)
    num_classes = rows[2].num_classes

    def evaluate_at(temperature: float) -> Evaluation:
        options = Options.of(num_classes, (softcap, temperature, 0.0), LABELS_ONLY, ranks, num_bins)
        totals = evaluate_rows(rows, options, None, sample_weight, ignore_index, num_threads)
        return Evaluation(totals)

    first = evaluate_at(1.0)
    if first._totals.looks_like_probabilities:
        warn_of_probabilities("logits")
    return fit(first, evaluate_at, num_classes, limits)
