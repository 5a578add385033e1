"""Totals over rows: exact, so that the totals of two batches add up to those of all their rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from smoothxent._evaluation.classes.totals import ClassTotals
from smoothxent._evaluation.settings import Settings
from smoothxent._evaluation.sums.exact import ZERO, Exact
from smoothxent._kernel.protocol import Triple

# Counts of rows by nll: below 2**-32; by half octaves, [2**(i/2 - 32), 2**((i+1)/2 - 32)) for each
# i below 84; 2**10 and above. Losses below 2**-32 mean a probability of 1 to float32 precision.
HISTOGRAM_START, HISTOGRAM_STEPS = -32, 84
HISTOGRAM_SIZE = HISTOGRAM_STEPS + 2


class Sums(NamedTuple):
    """Sums over the rows that are not ignored; s is a row's sample weight, w its label's weight."""

    weight: Exact  # of s
    weight_square: Exact  # of s**2
    loss: Exact  # of the losses of cross_entropy
    loss_weight: Exact  # of s * w
    nll: Exact  # of s * nll; nll is the loss without label smoothing or class weights
    nll_square: Exact  # of s * nll**2; no square is rounded before it is multiplied by s
    entropy: Exact  # of s * entropy
    entropy_square: Exact
    confidence: Exact  # of s * largest probability
    confidence_square: Exact
    hit_confidence: Exact  # of s * largest probability, over the rows whose top class is the label
    brier: Exact  # of s * squared distance of the probabilities from the label's one-hot row
    brier_square: Exact


class BinTotals(NamedTuple):
    """Totals of the rows whose confidence lies in one bin."""

    num_rows: int
    weight: Exact
    confidence: Exact
    hits: Exact  # the weight of those whose top class is the label


NO_ROWS = BinTotals(0, ZERO, ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Totals:
    """All data of an evaluation; every metric is a function of them."""

    settings: Settings
    count: int
    ignored: int
    sums: Sums
    hits: tuple[Exact, ...]  # for each k of top_k, the weight of the rows whose rank is below k
    bins: tuple[BinTotals, ...]  # num_bins equal steps of [0, 1]
    histogram: tuple[int, ...]
    classes: ClassTotals | None = None  # of each class, if they were asked for
    looks_like_probabilities: bool = field(default=False, compare=False)  # the first batch of rows

    @classmethod
    def of(
        cls,
        settings: Settings,
        count: int,
        ignored: int,
        sums: dict[str, Triple],
        hits: Iterable[Triple],
        bins: tuple[tuple[int, Triple, Triple, Triple], ...],
        histogram: tuple[int, ...],
    ) -> Self:
        """Return the totals for the numbers of the kernel."""
        return cls(
            settings,
            count,
            ignored,
            Sums(**{name: Exact.of(*triple) for name, triple in sums.items()}),
            tuple(Exact.of(*triple) for triple in hits),
            tuple(
                BinTotals(num_rows, Exact.of(*weight), Exact.of(*confidence), Exact.of(*hits))
                if num_rows
                else NO_ROWS
                for num_rows, weight, confidence, hits in bins
            ),
            tuple(histogram),
        )

    @classmethod
    def empty(cls, settings: Settings, classes: ClassTotals | None) -> Self:
        """Return the totals of no rows."""
        return cls(
            settings,
            0,
            0,
            Sums(*[ZERO] * len(Sums._fields)),
            (ZERO,) * len(settings.top_k),
            (NO_ROWS,) * settings.num_bins,
            (0,) * HISTOGRAM_SIZE,
            classes,
        )

    def __add__(self, other: Self) -> Self:
        """Return the totals of the rows of both; raise unless their settings agree."""
        settings = self.settings.joined(other.settings)
        first = self if self.count + self.ignored else other
        pairs = zip(self.bins, other.bins, strict=True)
        classes = [each.classes for each in (self, other) if each.classes is not None]
        if len(classes) == 1:
            rule = "be in both evaluations that are added or in neither"
            raise ValueError(f"classes must {rule}, got them in one; use per_class for both")
        return type(self)(
            settings,
            self.count + other.count,
            self.ignored + other.ignored,
            Sums(*(a + b for a, b in zip(self.sums, other.sums, strict=True))),
            tuple(a + b for a, b in zip(self.hits, other.hits, strict=True)),
            tuple(joined(a, b) for a, b in pairs),
            tuple(a + b for a, b in zip(self.histogram, other.histogram, strict=True)),
            ClassTotals.merged(classes) if classes else None,
            first.looks_like_probabilities,
        )


def joined(a: BinTotals, b: BinTotals) -> BinTotals:
    """Return the totals of the rows of both; most bins of a batch of few rows are empty."""
    if not b.num_rows:
        return a
    if not a.num_rows:
        return b
    return BinTotals(
        a.num_rows + b.num_rows, a.weight + b.weight, a.confidence + b.confidence, a.hits + b.hits
    )
