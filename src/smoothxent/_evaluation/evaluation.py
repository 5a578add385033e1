"""Evaluation: the metrics of a classifier's logits on labelled rows."""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import plain_array
from smoothxent._arguments.options import check_amount
from smoothxent._evaluation import calibration, table
from smoothxent._evaluation.groups import BIT
from smoothxent._evaluation.metrics import MEANS, Metrics
from smoothxent._evaluation.settings import Options
from smoothxent._evaluation.totals import Totals
from smoothxent._records.record import Recorded
from smoothxent._reports.plotted import Plotted
from smoothxent._reports.report import Section
from smoothxent._totals.exact import Exact

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


@dataclass(frozen=True, repr=False)
class Evaluation(Metrics, Plotted, Recorded):
    r"""The metrics of a classifier's logits over labelled rows, as `evaluate` returns them.

    An evaluation holds exact sums over the rows; each mean is the correctly rounded quotient of two
    sums. So `a + b` has, to the last bit, the metrics of all rows of a and b, for any order of the
    rows and any number of files, processes or machines. Evaluations with different settings or
    numbers of classes can't be added. An evaluation prints as a table, in a notebook too. Its
    `repr` is one line. It is immutable.

    Attributes
    ----------
    count, ignored : int
        The number of rows that are not ignored, and of those that are (label `ignore_index`).
    nan_rows : int
        The number of rows of `count` that hold nan or +inf, or only -inf. One such row makes the
        means nan.
    weight : float
        Sum of the sample weights of the rows that are not ignored; without sample weights, `count`.
    softcap, temperature : float
        The options of all metrics; `softcap` is None without a soft cap.
    label_smoothing, z_loss : float
        The options of `loss`.
    loss : float
        Mean loss in nats, as `cross_entropy` returns it for the same options.
    nll, nll_stderr : float
        Mean of -log p of the label in nats, without label smoothing or class weights, and its
        standard error. A standard error is nan for fewer than two rows, or if a square overflows.
    perplexity : float
        exp(nll); inf if that is too large.
    bits_per_token : float
        nll / log(2): the nll in bits. See `bits` for bits per byte.
    accuracy, accuracy_stderr : float
        Share of the rows whose largest logit is that of the label, and its standard error.
    top_k, top_k_stderr : dict of int to float
        For each k, including 1, the share of the rows whose label is among the k largest logits,
        and its standard error.
    entropy, entropy_stderr : float
        Mean entropy of the probabilities in nats, and its standard error.
    confidence, confidence_stderr : float
        Mean of the largest probability, and its standard error.
    brier, brier_stderr : float
        Mean squared distance of the probabilities from the label's one-hot row, 0 to 2, and its
        standard error.
    calibration_error : float
        Expected calibration error (ECE): the mean over the rows of abs(accuracy - confidence) of
        their bin. `binned_calibration_error` has other norms and bins.
    bins : tuple of Bin
        For each bin: low, high, and the count, mean confidence and accuracy of the rows whose
        confidence lies in [low, high). The last bin includes 1. The means are nan without rows.
    histogram : tuple of int
        Numbers of rows by nll: below 2**-32, in 84 half octaves, and 2**10 or more.
    groups : GroupMetrics or None
        The metrics of each group, after ``evaluate(..., groups=ids)``.
    classes : ClassMetrics or None
        The metrics of each class, after ``evaluate(..., per_class=True)``.

    Notes
    -----
    Shares and means are weighted by `sample_weight`; counts are of rows. If the weights sum to 0,
    all means are nan. A row that holds nan or +inf, or only -inf, makes the metrics of
    probabilities nan and is a miss for `accuracy` and `top_k`.

    Evaluations can be added if they have the same `softcap`, `temperature`, `z_loss`,
    `label_smoothing`, keys of `top_k`, number of `bins` and of classes, prior and class weights.
    For the prior and the class weights, checksums are stored and compared. Both have `groups`, or
    neither, and so with `classes`, unless one has no rows. Any difference is a ValueError.

    Without groups, standard errors are those of independent rows. With sample weights s the
    standard error of a mean is sqrt(variance / (n - 1)), with the weighted variance and n = (sum
    s)**2 / sum s**2, the effective number of rows. Without sample weights, this is the standard
    deviation of the sample divided by the square root of its size; it is correctly rounded, even
    for nearly equal rows, and 0 for equal rows. With sample weights, each product of a weight and a
    metric of a row, or its square, is rounded to float64. For nearly equal rows the standard error
    may then be wrong by 2**-25 of the mean, divided by the square root of n - 1. An nll above 1e154
    has no square in float64. Divide very large or small weights by the largest one: with weights
    below 1e-300, or above 1e300 in sum, products and sums may lose their digits or overflow.

    With groups, the standard errors of nll, accuracy and brier are clustered: the groups are
    independent, but not the rows of a group. The others are nan. With :math:`m` the mean over all
    rows, :math:`s` the sample weights, :math:`W` their sum and G groups, the clustered error is

    .. math:: \frac{1}{W} \sqrt{\frac{G}{G - 1}
              \sum_g \Bigl(\sum_{n \in g} s_n (x_n - m)\Bigr)^2}

    (Liang & Zeger 1986; Cameron & Miller 2015). With one row for each group and no weights it is
    that of independent rows. It is reliable for some dozens of groups, not for five, and nan for
    fewer than two. Groups of weight 0 do not count. The sums of the groups are rounded to float64
    before the mean is subtracted, which may change the error by 2**-50 of the mean.

    References
    ----------
    G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950.
    M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using
    Bayesian Binning", 2015.
    L. Kish, "Survey Sampling", 1965: the effective number of rows.
    K.-Y. Liang and S. L. Zeger, "Longitudinal Data Analysis Using Generalized Linear Models", 1986.
    A. C. Cameron and D. L. Miller, "A Practitioner's Guide to Cluster-Robust Inference", 2015.

    Examples
    --------
    >>> from smoothxent import Evaluation
    >>> nothing = Evaluation.empty(top_k=(1, 3))
    >>> nothing
    Evaluation(0 rows)
    >>> nothing + nothing == nothing
    True
    """

    _FORMAT, _VERSION = "smoothxent.Evaluation", 5
    _METRICS = (
        *("count", "ignored", "nan_rows", "weight"),
        *("label_smoothing", "softcap", "temperature", "z_loss"),
        *("loss", "perplexity", "calibration_error", "top_k", "top_k_stderr", "groups"),
        *(f"{name}{suffix}" for name in MEANS for suffix in ("", "_stderr")),
    )

    # Not dataclass(slots=True), which creates a second class: an assignment would raise a TypeError
    # about super() and not a FrozenInstanceError.
    __slots__ = ()

    @classmethod
    def empty(
        cls,
        *,
        softcap: float | None = None,
        temperature: float = 1.0,
        z_loss: float = 0.0,
        label_smoothing: float = 0.0,
        prior: ArrayLike | None = None,
        class_weight: ArrayLike | None = None,
        top_k: Iterable[int] = (1, 5),
        num_bins: int = 15,
    ) -> Self:
        """Return the evaluation of no rows, to which others with the same settings can be added.

        They may have groups and classes.

        Parameters
        ----------
        softcap, temperature, z_loss, label_smoothing, top_k, num_bins
            As in `evaluate`.
        prior, class_weight : array_like of shape (C,), optional
            As in `evaluate`, for any number C of classes.

        Returns
        -------
        Evaluation
            Counts of 0; every mean is nan.

        Raises
        ------
        TypeError
            An argument has another type.
        ValueError
            An argument lies outside its range.

        Examples
        --------
        >>> from smoothxent import Evaluation
        >>> sum([Evaluation.empty(), Evaluation.empty()], Evaluation.empty()).count
        0
        """
        given = {"prior": prior, "class_weight": class_weight}
        sizes = [plain_array(name, each).size for name, each in given.items() if each is not None]
        transforms, targets = (softcap, temperature, z_loss), (label_smoothing, prior, class_weight)
        options = Options.of(sizes[0] if sizes else 0, transforms, targets, top_k, num_bins)
        return cls(Totals.empty(options.settings))

    def __add__(self, other: Evaluation) -> Self:
        if not isinstance(other, Evaluation):
            return NotImplemented
        return type(self)(self._totals + other._totals)

    def __radd__(self, other: object) -> Self:
        """`sum` begins with 0."""
        return self if type(other) is int and other == 0 else NotImplemented

    def bits(self, *, per: float) -> float:
        """Return the sum of the nll over the rows in bits, divided by an amount.

        Parameters
        ----------
        per : float
            The number of bytes, characters or words that the rows encode; above 0.

        Returns
        -------
        float
            sum(s * nll) / log(2) / per, with the sample weights s, within 2 ulp; 0 without rows.

        Raises
        ------
        TypeError
            `per` is not a real number.
        ValueError
            `per` is not above 0, or not finite.

        Notes
        -----
        Bits per byte compare language models with different tokens on the same text. Count the
        bytes of the tokens that are predicted: a first token without a prediction has no row.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import evaluate
        >>> evaluation = evaluate(np.zeros((3, 256)), [116, 111, 107])
        >>> evaluation.bits_per_token, evaluation.bits(per=len(b"tok")), evaluation.bits(per=1)
        (8.0, 8.0, 24.0)
        """
        return self._totals.sums.nll / Exact.of_number(check_amount("per", per)) / BIT

    def binned_calibration_error(
        self,
        norm: calibration.Norm = "l1",
        *,
        num_bins: int | None = None,
        equal_mass: bool = False,
    ) -> float:
        """Return the calibration error in a norm, on all bins or on fewer.

        Parameters
        ----------
        norm : {"l1", "l2", "max"}, default "l1"
            With the gap abs(accuracy - confidence) of a bin and the share of the rows in it: "l1",
            the mean gap sum(share * gap), is the expected calibration error (ECE); "l2" is the root
            mean square gap sqrt(sum(share * gap**2)); "max", the largest gap, is the maximum
            calibration error (MCE).
        num_bins : int, optional
            Merge neighbouring bins into this number of bins, at most that of the evaluation, which
            is the default. It must divide the number of bins unless `equal_mass` is true.
        equal_mass : bool, default False
            Merge bins into ones of about equal weight instead of equal width. See Notes.

        Returns
        -------
        float
            0 to 1. It is nan without rows, or if a row holds nan.

        Raises
        ------
        TypeError
            `num_bins` is not an integer.
        ValueError
            `norm` is another word, or `num_bins` lies outside its range or does not divide the
            number of bins.

        Notes
        -----
        With W the weight of all rows, the merged bin k of equal mass holds the bins above a weight
        of k W / `num_bins`, or more, but less than (k + 1) W / `num_bins`. So it ends with the bin
        in which the weight reaches the next multiple of W / `num_bins`. No bin is divided: there
        may be fewer merged bins than `num_bins`. Evaluate with ``num_bins=1000`` so that the merged
        bins have nearly equal weights.

        References
        ----------
        A. Kumar, P. Liang and T. Ma, "Verified Uncertainty Calibration", 2019: norms.
        K. Nguyen and B. O'Connor, "Posterior Calibration and Exploratory Analysis for Natural
        Language Processing Models", 2015: bins of equal mass.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import evaluate
        >>> logits = np.log([[0.85, 0.15], [0.75, 0.25], [0.65, 0.35], [0.95, 0.05]])
        >>> evaluation = evaluate(logits, [0, 1, 0, 0], num_bins=10)
        >>> evaluation.binned_calibration_error() == evaluation.calibration_error
        True
        >>> [round(evaluation.binned_calibration_error(norm), 6) for norm in ("l1", "l2", "max")]
        [0.325, 0.421307, 0.75]
        >>> round(evaluation.binned_calibration_error(num_bins=2, equal_mass=True), 6)
        0.15
        """
        return calibration.calibration_error(self._totals, norm, num_bins, equal_mass)

    def reliability(self) -> calibration.Reliability:
        """Return the accuracy as a rising function of confidence, and how good confidence is.

        Returns
        -------
        Reliability
            A named tuple: `confidence`, `accuracy`, `share` and `recalibrated` of each bin with
            rows, and the decomposition `score` = `miscalibration` - `discrimination` +
            `uncertainty` of the Brier score of the top class.

        Notes
        -----
        `recalibrated` is the isotonic regression of the hits (rows whose top class is the label) on
        the bins, by pooling adjacent violators: the best confidence that never falls while the
        original one rises. It is the same for all rows of a bin, but `score` is computed with the
        confidence of each row. So a finer evaluation, with ``num_bins=1000``, gives a finer
        regression; if bins are wide, `miscalibration` may be slightly below 0.

        `miscalibration` and `discrimination` are within 2**-50 of the formulas, the other numbers
        are correctly rounded, but with sample weights the products of a row are rounded first.

        References
        ----------
        T. Dimitriadis, T. Gneiting and A. I. Jordan, "Stable reliability diagrams for probabilistic
        classifiers", 2021 (CORP).
        M. Ayer et al., "An Empirical Distribution Function for Sampling with Incomplete
        Information", 1955: pooling adjacent violators.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import evaluate
        >>> logits = np.log([[0.85, 0.15], [0.75, 0.25], [0.65, 0.35], [0.95, 0.05]])
        >>> reliability = evaluate(logits, [0, 1, 0, 0], num_bins=10).reliability()
        >>> reliability.accuracy, reliability.recalibrated
        ((1.0, 0.0, 1.0, 1.0), (0.5, 0.5, 1.0, 1.0))
        >>> [round(each, 6) for each in reliability[4:]]
        [0.1775, 0.0525, 0.0625, 0.1875]
        """
        return calibration.reliability(self._totals)

    def risk_coverage(self) -> calibration.RiskCoverage:
        """Return the error of the most confident rows, for each share of rows.

        Returns
        -------
        RiskCoverage
            A named tuple: `threshold`, `coverage` and `risk`, by falling confidence, and the `area`
            under the curve (AURC).

        Notes
        -----
        A classifier that abstains below a threshold of confidence answers the share `coverage` of
        the rows; `risk` is the error among these. Thresholds are the lower edges of the bins, so
        rows of one bin are equally confident: all of them are covered, or none. The area weighs the
        risk of each bin with the share of its rows. With many bins (``num_bins=1000``) it is close
        to that of single rows.

        References
        ----------
        R. El-Yaniv and Y. Wiener, "On the Foundations of Noise-free Selective Classification",
        2010.
        Y. Geifman and R. El-Yaniv, "Selective Classification for Deep Neural Networks", 2017.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import evaluate
        >>> logits = np.log([[0.85, 0.15], [0.75, 0.25], [0.65, 0.35], [0.95, 0.05]])
        >>> curve = evaluate(logits, [0, 1, 0, 0], num_bins=10).risk_coverage()
        >>> curve.coverage, [round(risk, 4) for risk in curve.risk]
        ((0.25, 0.5, 0.75, 1.0), [0.0, 0.0, 0.3333, 0.25])
        >>> round(curve.area, 4)
        0.1458
        """
        return calibration.risk_coverage(self._totals)

    def __repr__(self) -> str:
        return table.line(self)

    def _title(self, interval: float | None = None) -> str:
        return table.title(self)

    def _sections(self, interval: float | None = None) -> list[Section]:
        return table.sections(self, interval)

    def _draw(self, figure: Figure | SubFigure | None) -> Figure | SubFigure:
        from smoothxent._evaluation import plot

        return plot.draw(self, figure)
