"""The metrics: each is a function of the totals, and is rounded once."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import NamedTuple

from smoothxent._evaluation import calibration
from smoothxent._evaluation.classes.metrics import ClassMetrics
from smoothxent._evaluation.sums.exact import Exact, square_root
from smoothxent._evaluation.totals import BinTotals, Totals, joined

# The squares of the weights are rounded to float64 before they are summed. An effective number of
# rows this close to 1 means a single row.
ONE_ROW = 1 + Fraction(1, 2**50)

BIT = math.log(2)  # nats


class Bin(NamedTuple):
    """Rows whose confidence (largest probability) lies in [low, high); the last bin includes 1."""

    low: float
    high: float
    count: int  # type: ignore[assignment]  # number of rows; hides tuple.count
    confidence: float  # mean; nan without rows
    accuracy: float  # share of the rows whose top class is the label; nan without rows


# Bins of a table or a picture.
LEAST_SHOWN, MOST_SHOWN = 5, 25


def _bins(totals: Sequence[BinTotals]) -> tuple[Bin, ...]:
    size = len(totals)
    return tuple(
        Bin(i / size, (i + 1) / size, b.num_rows, b.confidence / b.weight, b.hits / b.weight)
        for i, b in enumerate(totals)
    )


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics that follow from the totals."""

    _totals: Totals

    @property
    def count(self) -> int:
        """Number of rows that are not ignored."""
        return self._totals.count

    @property
    def ignored(self) -> int:
        """Number of rows whose label is `ignore_index`."""
        return self._totals.ignored

    @property
    def nan_rows(self) -> int:
        """Number of rows of `count` that hold nan or +inf, or only -inf."""
        return self._totals.count - sum(self._totals.histogram)

    @property
    def weight(self) -> float:
        """Sum of the sample weights of the rows that are not ignored."""
        return self._totals.sums.weight / Exact(1, 0)

    @property
    def label_smoothing(self) -> float:
        """The share of the target that `loss` moves from the label to the prior."""
        return self._totals.settings.label_smoothing

    @property
    def softcap(self) -> float | None:
        """The bound that no logit exceeds, or None."""
        return self._totals.settings.transforms[0]

    @property
    def temperature(self) -> float:
        """The divisor of the logits."""
        return self._totals.settings.transforms[1]

    @property
    def z_loss(self) -> float:
        """The coefficient of the squared log-sum-exp in `loss`."""
        return self._totals.settings.transforms[2]

    @property
    def loss(self) -> float:
        """Mean loss, as `cross_entropy` returns it, in nats."""
        return self._totals.sums.loss / self._totals.sums.loss_weight

    @property
    def nll(self) -> float:
        """Mean of -log p of the label, without label smoothing or class weights, in nats."""
        return self._mean(self._totals.sums.nll)

    @property
    def nll_stderr(self) -> float:
        """Standard error of `nll`, in nats."""
        return self._stderr(self._totals.sums.nll, self._totals.sums.nll_square)

    @property
    def bits_per_token(self) -> float:
        """`nll` in bits."""
        return self.nll / BIT

    @property
    def perplexity(self) -> float:
        """exp(nll): a uniform distribution over this number of classes has the same `nll`."""
        try:
            return math.exp(self.nll)
        except OverflowError:
            return math.inf

    @property
    def accuracy(self) -> float:
        """Share of the rows whose largest logit is that of the label."""
        return self.top_k[1]

    @property
    def accuracy_stderr(self) -> float:
        """Standard error of `accuracy`."""
        return self.top_k_stderr[1]

    @property
    def top_k(self) -> dict[int, float]:
        """For each k, the share of the rows whose label is among the k largest logits."""
        return {k: self._mean(hits) for k, hits in self._hits()}

    @property
    def top_k_stderr(self) -> dict[int, float]:
        """Standard errors of `top_k`."""
        # A hit is 0 or 1, and so is its square.
        return {k: self._stderr(hits, hits) for k, hits in self._hits()}

    @property
    def entropy(self) -> float:
        """Mean entropy of the probabilities, in nats."""
        return self._mean(self._totals.sums.entropy)

    @property
    def entropy_stderr(self) -> float:
        """Standard error of `entropy`, in nats."""
        return self._stderr(self._totals.sums.entropy, self._totals.sums.entropy_square)

    @property
    def confidence(self) -> float:
        """Mean of the largest probability."""
        return self._mean(self._totals.sums.confidence)

    @property
    def confidence_stderr(self) -> float:
        """Standard error of `confidence`."""
        return self._stderr(self._totals.sums.confidence, self._totals.sums.confidence_square)

    @property
    def brier(self) -> float:
        """Mean squared distance of the probabilities from the label's one-hot row, 0 to 2."""
        return self._mean(self._totals.sums.brier)

    @property
    def brier_stderr(self) -> float:
        """Standard error of `brier`."""
        return self._stderr(self._totals.sums.brier, self._totals.sums.brier_square)

    @property
    def calibration_error(self) -> float:
        """Mean over the rows of abs(accuracy - confidence) of their bin."""
        return calibration.calibration_error(self._totals)

    @property
    def bins(self) -> tuple[Bin, ...]:
        """Confidence and accuracy in bins of equal width over [0, 1]."""
        return _bins(self._totals.bins)

    def shown_bins(self) -> tuple[Bin, ...]:
        """Return bins that a reader can survey: neighbours are merged if there are many.

        If their number has no divisor that leaves 5 to 25 bins, all of them are returned.
        """
        bins = self._totals.bins
        sizes = [size for size in range(1, len(bins)) if len(bins) % size == 0]
        for size in sizes if len(bins) > MOST_SHOWN else []:
            if LEAST_SHOWN <= len(bins) // size <= MOST_SHOWN:
                parts = (bins[first : first + size] for first in range(0, len(bins), size))
                return _bins([reduce(joined, part) for part in parts])
        return _bins(bins)

    @property
    def histogram(self) -> tuple[int, ...]:
        """Numbers of rows by nll, in half octaves from 2**-32 to 2**10."""
        return self._totals.histogram

    @property
    def classes(self) -> ClassMetrics | None:
        """The metrics of each class, if they were asked for."""
        totals = self._totals.classes
        return None if totals is None else ClassMetrics(totals)

    def _bits(self, per: float) -> float:
        return self._totals.sums.nll / Exact.of_number(per) / BIT

    def _hits(self) -> Iterator[tuple[int, Exact]]:
        return zip(self._totals.settings.top_k, self._totals.hits, strict=True)

    def _mean(self, total: Exact) -> float:
        return total / self._totals.sums.weight

    def _stderr(self, total: Exact, squares: Exact) -> float:
        """Return the standard error of the mean of x for the sums of s x and s x**2."""
        sums = self._totals.sums
        return standard_error(total, squares, sums.weight, sums.weight_square)


def standard_error(total: Exact, squares: Exact, weight: Exact, weight_square: Exact) -> float:
    """Return the standard error of the mean total / weight; nan for fewer than two rows.

    total, squares: sums of weight times value and of weight times squared value.
    """
    if total.special or squares.special or not weight_square.units:
        return math.nan
    sum_of_weights = weight.fraction()
    effective = sum_of_weights**2 / weight_square.fraction()
    if effective <= ONE_ROW:
        return math.nan
    variance = squares.fraction() / sum_of_weights - (total.fraction() / sum_of_weights) ** 2
    # With equal rows, rounding of weight times value may make the variance slightly negative.
    return square_root(max(variance, Fraction()) / (effective - 1))
