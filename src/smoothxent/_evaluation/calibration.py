"""Confidence and accuracy of bins: calibration errors, reliability, risk and coverage.

All results but `score` and `miscalibration` follow from the totals of the bins, as integers of one
unit; these two also need exact sums of the squared confidences and of the confidences of hits. So
all are the same for any order or split of the rows.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, groupby
from operator import add, itemgetter
from typing import Literal, NamedTuple, Self, TypeAlias

from smoothxent._arguments.options import check_at_most, check_choice
from smoothxent._evaluation.totals import BIN_SUMS, Totals

Norm: TypeAlias = Literal["l1", "l2", "max"]


class Reliability(NamedTuple):
    """Accuracy as a function of confidence, as `Evaluation.reliability` returns it.

    The tuples have one number for each bin whose rows have a weight, by rising confidence. They are
    empty, and the other numbers nan, if there is no such bin, or if a row holds nan.

    Attributes
    ----------
    confidence, accuracy : tuple of float
        The means of the bin, as in `Evaluation.bins`.
    share : tuple of float
        The share of the rows, by weight, that the bin holds.
    recalibrated : tuple of float
        Isotonic regression of `accuracy`: the confidence that the rows of the bin should have had.
    score : float
        Brier score of the top class, 0 to 1: the mean over the rows of (confidence - hit)**2, with
        hit 1 if the top class is the label, else 0. It is `miscalibration` - `discrimination` +
        `uncertainty`.
    miscalibration : float
        How much lower the score of `recalibrated` is.
    discrimination : float
        How much lower the score of `recalibrated` is than `uncertainty`, 0 or more.
    uncertainty : float
        The score if the confidence of each row were the mean accuracy a: a (1 - a).
    """

    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    share: tuple[float, ...]
    recalibrated: tuple[float, ...]
    score: float
    miscalibration: float
    discrimination: float
    uncertainty: float


class RiskCoverage(NamedTuple):
    """The error of the most confident rows, as `Evaluation.risk_coverage` returns it.

    The tuples have one number for each bin whose rows have a weight, by falling confidence. They
    are empty, and `area` is nan, if there is no such bin, or if a row holds nan.

    Attributes
    ----------
    threshold : tuple of float
        The lower edge of the bin. Rows of at least this confidence are covered.
    coverage : tuple of float
        The share of the rows that are covered.
    risk : tuple of float
        The share of the covered rows whose top class is not the label.
    area : float
        Area under the risk-coverage curve (AURC): the mean over the rows of the risk at the bin of
        the row. A lower area is better.
    """

    threshold: tuple[float, ...]
    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float


@dataclass(frozen=True, slots=True)
class BinSums:
    """Sums over the rows of one or more neighbouring bins."""

    count: int
    weight: int  # this and the others have the same unit, in all bins
    confidence: int
    hits: int

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.count + other.count,
            self.weight + other.weight,
            self.confidence + other.confidence,
            self.hits + other.hits,
        )

    @property
    def gap(self) -> int:
        """The weight times abs(accuracy - confidence)."""
        return abs(self.hits - self.confidence)


NO_ROWS = BinSums(0, 0, 0, 0)


def counted_bins(totals: Totals) -> dict[int, BinSums]:
    """Return each bin that has rows, by its number."""
    bins = totals.bins
    sums = [bins.sums[name] for name in BIN_SUMS]
    lowest = min(each.lowest for each in sums)
    numbers = bins.counts["count"].tolist(), *(each.in_units(lowest) for each in sums)
    return dict(zip(bins.keys.tolist(), map(BinSums, *numbers), strict=True))


def weighted_bins(totals: Totals) -> dict[int, BinSums]:
    """Return each bin that has a weight, by its number; none if a row is in no bin."""
    if totals.sums.confidence.special:
        return {}
    return {i: each for i, each in counted_bins(totals).items() if each.weight}


def calibration_error(
    totals: Totals, norm: Norm = "l1", num_bins: int | None = None, equal_mass: bool = False
) -> float:
    """Return a norm of the gaps between the confidence and the accuracy of bins."""
    norm_of, most = check_choice("norm", norm, NORMS), totals.settings.num_bins
    size = most if num_bins is None else check_at_most("num_bins", num_bins, most)
    if most % size and not equal_mass:
        remedy = "use equal_mass=True, or a multiple of it in evaluate"
        raise ValueError(f"num_bins must divide {most}, the number of bins, got {size}; {remedy}")
    bins = weighted_bins(totals)
    if not bins:
        return math.nan
    whole = reduce(add, bins.values()).weight
    numbers: Iterable[int] = (i * size // most for i in bins)
    if equal_mass:
        below = accumulate((each.weight for each in bins.values()), initial=0)
        numbers = (weight * size // whole for weight in below)
    groups = groupby(zip(numbers, bins.values(), strict=False), itemgetter(0))
    return norm_of([reduce(add, map(itemgetter(1), group)) for _, group in groups], whole)


def _mean_gap(bins: list[BinSums], whole: int) -> float:
    return sum(each.gap for each in bins) / whole


def _root_mean_square_gap(bins: list[BinSums], whole: int) -> float:
    return math.sqrt(math.fsum(each.gap**2 / (each.weight * whole) for each in bins))


def _largest_gap(bins: list[BinSums], whole: int) -> float:
    return max(each.gap / each.weight for each in bins)


NORMS = {"l1": _mean_gap, "l2": _root_mean_square_gap, "max": _largest_gap}


def reliability(totals: Totals) -> Reliability:
    """Return the recalibrated confidence of each bin, and the decomposition of the score."""
    bins = list(weighted_bins(totals).values())
    if not bins:
        return Reliability((), (), (), (), *[math.nan] * 4)
    whole, pools = reduce(add, bins), pooled(bins)
    # In a pool of weight w and hits h, with w and h of all rows W and H, the sum over the rows of
    # s (h / w - hit)**2 is h (w - h) / w, and the square of the distance of h / w from H / W is
    # (h W - H w)**2 / (w W)**2.
    recalibrated = math.fsum(
        each.hits * (each.weight - each.hits) / (each.weight * whole.weight) for each, _ in pools
    )
    discrimination = math.fsum(
        (each.hits * whole.weight - whole.hits * each.weight) ** 2 / (each.weight * whole.weight**3)
        for each, _ in pools
    )
    score = top_class_score(totals)
    return Reliability(
        tuple(each.confidence / each.weight for each in bins),
        tuple(each.hits / each.weight for each in bins),
        tuple(each.weight / whole.weight for each in bins),
        tuple(pool.hits / pool.weight for pool, size in pools for _ in range(size)),
        score,
        score - recalibrated,
        discrimination,
        whole.hits * (whole.weight - whole.hits) / whole.weight**2,
    )


def pooled(bins: Iterable[BinSums]) -> list[tuple[BinSums, int]]:
    """Return pools of neighbouring bins with rising accuracy, and the number of bins in each.

    The accuracies of the pools are the isotonic regression (pool adjacent violators). Not
    scikit-learn's, because evaluation needs only NumPy; and integers need no tolerance.
    """
    pools: list[tuple[BinSums, int]] = []
    for each in bins:
        pool, size = each, 1
        while pools and pools[-1][0].hits * pool.weight >= pool.hits * pools[-1][0].weight:
            lower, lower_size = pools.pop()
            pool, size = lower + pool, lower_size + size
        pools.append((pool, size))
    return pools


def top_class_score(totals: Totals) -> float:
    """Return the mean of (c - hit)**2: its sum is that of c**2, less that of 2 c - 1 over hits."""
    sums = totals.sums
    hits = totals.hits[0].fraction()  # k = 1
    total = sums.confidence_square.fraction() - 2 * sums.hit_confidence.fraction() + hits
    return float(total / sums.weight.fraction())


def risk_coverage(totals: Totals) -> RiskCoverage:
    """Return coverage and risk at the lower edge of each bin, and the area under their curve."""
    bins = sorted(weighted_bins(totals).items(), reverse=True)
    if not bins:
        return RiskCoverage((), (), (), math.nan)
    covered = list(accumulate((each for _, each in bins), add))
    whole = covered[-1].weight
    risk = tuple((each.weight - each.hits) / each.weight for each in covered)
    return RiskCoverage(
        tuple(i / totals.settings.num_bins for i, _ in bins),
        tuple(each.weight / whole for each in covered),
        risk,
        math.fsum(each.weight / whole * r for (_, each), r in zip(bins, risk, strict=True)),
    )
