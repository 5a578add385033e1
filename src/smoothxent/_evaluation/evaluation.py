"""Evaluation: what a classifier's logits are worth on labelled rows."""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import plain_array
from smoothxent._evaluation import table
from smoothxent._evaluation.metrics import Metrics
from smoothxent._evaluation.record import record_of, totals_of
from smoothxent._evaluation.settings import Options, Settings
from smoothxent._evaluation.totals import Totals
from smoothxent._kernel.protocol import KernelEvaluation
from smoothxent._loss.reductions import NUM_ROWS, PLACES, WEIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


@dataclass(frozen=True, repr=False)
class Evaluation(Metrics):
    """The metrics of a classifier's logits over labelled rows, as `evaluate` returns them.

    It holds exact sums over the rows; a mean is one quotient of two of them, correctly rounded. So
    `a + b` has the metrics of the rows of both to the last bit, in whatever order and from however
    many files, processes or machines they come; what was evaluated otherwise is not added. It
    prints as a table, which a notebook shows, has one line as its `repr`, and never changes.

    Attributes
    ----------
    count, ignored : int
        Rows that are counted, and those whose label is `ignore_index`, which are not.
    nan_rows : int
        Rows of `count` that hold nan, +inf or nothing but -inf: one is enough for means of nan.
    weight : float
        Sum of the sample weights of the rows that are counted: `count` where none are given.
    softcap, temperature : float
        What every metric was evaluated with; `softcap` is None where none was given.
    label_smoothing, z_loss : float
        What `loss` was evaluated with.
    loss : float
        Mean loss in nats, as `cross_entropy` returns it for the same options.
    nll, nll_stderr : float
        Mean of -log p of the label in nats, without label smoothing or class weights, and its
        standard error; the latter is nan for fewer than two rows, and where a square overflows.
    perplexity : float
        exp(nll); inf where that is too large.
    accuracy : float
        Share of the rows whose largest logit is the label's.
    top_k : dict of int to float
        For each k, 1 included, the share of the rows whose label is among the k largest logits.
    entropy, confidence : float
        Mean entropy of the probabilities in nats, and mean of the largest of them.
    brier : float
        Mean squared distance of the probabilities from the label's one-hot row, 0 to 2.
    calibration_error : float
        Mean over the rows of their bin's abs(accuracy - confidence) (ECE).
    bins : tuple of Bin
        low, high, count, confidence and accuracy of the rows whose confidence lies in [low, high),
        the last bin including 1; nan without rows.
    histogram : tuple of int
        Numbers of rows by nll: below 2**-32, 84 half octaves, 2**10 and above.

    Notes
    -----
    Shares and means are weighted by `sample_weight`; counts are of rows. Where the weights sum to 0
    every mean is nan. A row that holds nan, +inf or nothing but -inf makes the metrics of its
    probabilities nan and is a miss for `accuracy` and `top_k`.

    Evaluations are added where `softcap`, `temperature`, `z_loss`, `label_smoothing`, the keys of
    `top_k`, the number of `bins`, the prior and the class weights are the same; of the last two
    checksums are kept and compared. Anything else is a ValueError.

    With sample weights s the standard error is sqrt(variance / (n - 1)) of the weighted variance
    and n = (sum s)**2 / sum s**2, the effective number of rows; without, that is the standard
    deviation of the sample by the square root of its size. Without weights it is correctly rounded,
    however alike the rows are: 0 where they are equal. With weights, each product of a weight and
    an nll or its square is rounded to float64: of rows that are nearly equal the error may be
    2**-25 of `nll`, divided by the square root of n - 1. An nll above 1e154 has no square in
    float64.

    References
    ----------
    G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950.
    M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using
    Bayesian Binning", 2015.
    L. Kish, "Survey Sampling", 1965: the effective number of rows.

    Examples
    --------
    >>> from smoothxent import Evaluation
    >>> nothing = Evaluation.empty(top_k=(1, 3))
    >>> nothing
    Evaluation(0 rows)
    >>> nothing + nothing == nothing
    True
    """

    # By hand: dataclass(slots=True) makes a second class, and an assignment would raise a TypeError
    # about super() instead of a FrozenInstanceError.
    __slots__ = ()

    @classmethod
    def _of_kernel(cls, settings: Settings, result: KernelEvaluation) -> Self:
        """Return the evaluation that the kernel made, with a number of hits for each k."""
        weights, loss, special, count, sums, hits, bins, histogram = result
        places = weights[PLACES]
        return cls(
            Totals.of(
                settings,
                count,
                weights[NUM_ROWS] - count,
                sums
                | {"loss": (loss, places, special), "loss_weight": (weights[WEIGHT], places, 0.0)},
                hits,
                bins,
                histogram,
            )
        )

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
        """Return the evaluation of no rows, to which others of the same settings are added.

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
            An argument is of another kind.
        ValueError
            An argument lies outside its range.

        Examples
        --------
        >>> from smoothxent import Evaluation
        >>> sum([Evaluation.empty(), Evaluation.empty()], Evaluation.empty()).count
        0
        """
        of_classes = {"prior": prior, "class_weight": class_weight}
        sizes = [
            plain_array(name, value).size for name, value in of_classes.items() if value is not None
        ]
        num_classes = sizes[0] if sizes else 0
        transforms, targets = (softcap, temperature, z_loss), (label_smoothing, prior, class_weight)
        options = Options.of(num_classes, transforms, targets, top_k, num_bins)
        return cls(Totals.empty(options.settings))

    def __add__(self, other: Evaluation) -> Self:
        if not isinstance(other, Evaluation):
            return NotImplemented
        ours, theirs = self._totals.settings.by_name(), other._totals.settings.by_name()
        for name in ours:
            if ours[name] != theirs[name]:
                raise ValueError(
                    f"{name} must be the same in evaluations that are added, "
                    f"got {ours[name]} and {theirs[name]}"
                )
        return type(self)(self._totals + other._totals)

    def __radd__(self, other: object) -> Self:
        """`sum` begins with 0."""
        return self if type(other) is int and other == 0 else NotImplemented

    def to_dict(self) -> dict[str, Any]:
        """Return a dict for JSON, of which `from_dict` makes this very evaluation again.

        Returns
        -------
        dict
            "format" and "version" say what it is. "sums", "hits" and "bins" hold exact sums as
            hexadecimal text, which `float.fromhex` reads (and rounds). "softcap" is null without
            one, "prior" and "class_weight" are checksums (CRC-32), "" without them. "metrics" is
            for other readers: the attributes of these names, null where they are nan or inf.

        Examples
        --------
        >>> import json
        >>> from smoothxent import Evaluation
        >>> text = json.dumps(Evaluation.empty().to_dict(), allow_nan=False)
        >>> Evaluation.from_dict(json.loads(text)) == Evaluation.empty()
        True
        """
        return record_of(self._totals)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the evaluation that `to_dict` made into this record.

        Parameters
        ----------
        record : dict
            What `to_dict` returned, on this machine or another. The "metrics", which follow from
            the sums, may miss.

        Returns
        -------
        Evaluation
            Equal to the one that the record was made of.

        Raises
        ------
        ValueError
            Something is missing, unknown, of another kind, out of range or at odds with the rest;
            the key is named.

        Examples
        --------
        >>> from smoothxent import Evaluation
        >>> Evaluation.from_dict(Evaluation.empty().to_dict()).count
        0
        """
        return cls(totals_of(record))

    def __repr__(self) -> str:
        return table.line(self)

    def __str__(self) -> str:
        return table.text(self)

    def to_markdown(self) -> str:
        """Return the metrics as a table of Markdown, for a README or an issue.

        Returns
        -------
        str
            The title, an empty line and the table; it ends with a line break.

        Examples
        --------
        >>> from smoothxent import Evaluation
        >>> print(Evaluation.empty().to_markdown().splitlines()[2])
        | metric | value | |
        """
        return table.markdown(self)

    def _repr_html_(self) -> str:
        return table.html(self)

    def plot(self, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
        """Return a figure of how sure against how right, and of the histogram of the losses.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, optional
            What to draw into; a new Figure unless given.

        Returns
        -------
        matplotlib Figure or SubFigure
            A reliability diagram with the numbers of rows below it, and the numbers of rows by loss
            on the label, on a logarithmic axis.

        Raises
        ------
        ModuleNotFoundError
            matplotlib is not installed; the extra "cli" brings it.

        Examples
        --------
        >>> from smoothxent import Evaluation
        >>> Evaluation.empty().plot().savefig("evaluation.png")  # doctest: +SKIP
        """
        try:
            from smoothxent._evaluation import plot
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'plot needs matplotlib; pip install "smoothxent[cli]"', name=error.name
            ) from error
        return plot.draw(self, figure)
