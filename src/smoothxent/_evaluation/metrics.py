"""The metrics: each is a function of the totals, and is rounded once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from smoothxent._evaluation import calibration
from smoothxent._evaluation.classes import ClassMetrics
from smoothxent._evaluation.groups import BIT, GroupMetrics
from smoothxent._evaluation.totals import Totals
from smoothxent._totals.exact import Exact
from smoothxent._totals.group_sums import GroupSums
from smoothxent._totals.means import Mean, Means, MeanSums, StandardError, WeightSums

MEANS = {  # the means with a standard error, and their names in tables
    "nll": "nll",
    "accuracy": "accuracy",
    "entropy": "entropy",
    "confidence": "mean confidence",
    "brier": "Brier score",
}


class Bin(NamedTuple):
    """Rows whose confidence (largest probability) lies in [low, high); the last bin includes 1."""

    low: float
    high: float
    count: int  # type: ignore[assignment]  # number of rows; hides tuple.count
    confidence: float  # mean; nan without rows
    accuracy: float  # share of the rows whose top class is the label; nan without rows


# Bins of a table or a picture.
LEAST_SHOWN, MOST_SHOWN = 5, 25


def _mean_of(total: int, weight: int) -> float:
    return total / weight if weight else math.nan


def _bins(totals: Totals, size: int) -> Iterator[Bin]:
    """Yield bins, each `size` of those of the totals."""
    bins: dict[int, calibration.BinSums] = {}
    for number, each in calibration.counted_bins(totals).items():
        i = number // size
        bins[i] = bins[i] + each if i in bins else each
    count = totals.settings.num_bins // size
    for i in range(count):
        b = bins.get(i, calibration.NO_ROWS)
        means = _mean_of(b.confidence, b.weight), _mean_of(b.hits, b.weight)
        yield Bin(i / count, (i + 1) / count, b.count, *means)


@dataclass(frozen=True, slots=True)
class Metrics(Means):
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

    nll = Mean("Mean of -log p of the label, without label smoothing or class weights, in nats.")
    nll_stderr = StandardError("Standard error of `nll`, in nats.")

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

    accuracy = Mean("Share of the rows whose largest logit is that of the label.")
    accuracy_stderr = StandardError("Standard error of `accuracy`.")

    @property
    def top_k(self) -> dict[int, float]:
        """For each k, the share of the rows whose label is among the k largest logits."""
        return {k: self._mean(f"top_{k}") for k in self._totals.settings.top_k}

    @property
    def top_k_stderr(self) -> dict[int, float]:
        """Standard errors of `top_k`."""
        return {k: self._stderr(f"top_{k}") for k in self._totals.settings.top_k}

    entropy = Mean("Mean entropy of the probabilities, in nats.")
    entropy_stderr = StandardError("Standard error of `entropy`, in nats.")
    confidence = Mean("Mean of the largest probability.")
    confidence_stderr = StandardError("Standard error of `confidence`.")
    brier = Mean("Mean squared distance of the probabilities from the label's one-hot row, 0 to 2.")
    brier_stderr = StandardError("Standard error of `brier`.")

    @property
    def calibration_error(self) -> float:
        """Mean over the rows of abs(accuracy - confidence) of their bin."""
        return calibration.calibration_error(self._totals)

    @property
    def bins(self) -> tuple[Bin, ...]:
        """Confidence and accuracy in bins of equal width over [0, 1]."""
        return tuple(_bins(self._totals, 1))

    def shown_bins(self) -> tuple[Bin, ...]:
        """Return bins that a reader can survey: neighbours are merged if there are many.

        If their number has no divisor that leaves 5 to 25 bins, all of them are returned.
        """
        count = self._totals.settings.num_bins
        if count > MOST_SHOWN:
            for shown in range(MOST_SHOWN, LEAST_SHOWN - 1, -1):
                if count % shown == 0:
                    return tuple(_bins(self._totals, count // shown))
        return self.bins

    @property
    def histogram(self) -> tuple[int, ...]:
        """Numbers of rows by nll, in half octaves from 2**-32 to 2**10."""
        return self._totals.histogram

    @property
    def groups(self) -> GroupMetrics | None:
        """The metrics of each group, if there are groups."""
        groups = self._totals.groups
        return None if groups is None else GroupMetrics(groups.counted())

    @property
    def classes(self) -> ClassMetrics | None:
        """The metrics of each class, if they were asked for."""
        classes = self._totals.classes
        return None if classes is None else ClassMetrics(classes, self._totals.settings.num_classes)

    def _names(self) -> tuple[str, ...]:
        return (*MEANS, *(f"top_{k}" for k in self._totals.settings.top_k))

    def _weights(self) -> WeightSums:
        sums = self._totals.sums
        return WeightSums(sums.weight, sums.weight_square, self._sums_of_groups("weight"))

    def _sums(self, name: str) -> MeanSums:
        totals = self._totals
        if name == "accuracy" or name.startswith("top_"):
            k = 1 if name == "accuracy" else int(name.removeprefix("top_"))
            hits = totals.hits[totals.settings.top_k.index(k)]
            of_groups = self._sums_of_groups("hits") if k == 1 else None
            return MeanSums(hits, hits, of_groups, is_share=True)  # 0 and 1 are their own squares
        total, squares = getattr(totals.sums, name), getattr(totals.sums, f"{name}_square")
        return MeanSums(total, squares, self._sums_of_groups(name))

    def _sums_of_groups(self, name: str) -> GroupSums | None:
        groups = self._totals.groups
        return None if groups is None else groups.sums.get(name)
