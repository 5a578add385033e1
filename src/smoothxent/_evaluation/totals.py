"""Totals over rows: exact, so that the totals of two batches add up to those of all their rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.options import check_num_bins, check_top_k
from smoothxent._evaluation.settings import Settings
from smoothxent._kernel.protocol import NUM_ROWS, PLACES, WEIGHT, KernelEvaluation, Triple
from smoothxent._totals.exact import ZERO, Exact
from smoothxent._totals.group_sums import GroupSums
from smoothxent._totals.keyed_sums import KeyedSums, Part

Integers: TypeAlias = NDArray[np.int64]

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


# Sums of each bin: of the sample weights, of these times the confidences, and of the hits' weights.
BIN_SUMS = "weight", "confidence", "hits"


def bins_of(numbers: Integers, counts: Integers, digits: Integers, lowest: int) -> Part:
    """Return counts and sums of bins; digits that are any int64 must be merged before use."""
    special = np.zeros(len(numbers))
    sums = [GroupSums(each, lowest, special) for each in digits]
    return Part(numbers, {"count": counts}, dict(zip(BIN_SUMS, sums, strict=True)))


NOTHING = np.zeros(0, np.int64)
NO_BINS = bins_of(NOTHING, NOTHING, np.zeros((3, 0, 1), np.int64), 0)


@dataclass(frozen=True, slots=True)
class Totals:
    """All data of an evaluation; every metric is a function of them."""

    settings: Settings
    count: int
    ignored: int
    sums: Sums
    hits: tuple[Exact, ...]  # for each k of top_k, the weight of the rows whose rank is below k
    bins: KeyedSums  # of each bin that has rows, by its number; num_bins equal steps of [0, 1]
    histogram: tuple[int, ...]
    groups: KeyedSums | None = None  # of each group, if there are groups
    classes: KeyedSums | None = None  # of each class, if they were asked for
    looks_like_probabilities: bool = field(default=False, compare=False)  # the first batch of rows
    _result: KernelEvaluation | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_kernel(cls, settings: Settings, result: KernelEvaluation) -> Self:
        """Return the totals that the kernel has computed; the numbers are made when one is read."""
        totals = cls.__new__(cls)
        for name, value in (*NOT_MADE, ("settings", settings), ("_result", result)):
            object.__setattr__(totals, name, value)
        return totals

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            """Make the numbers of the kernel's result: only fields that are missing come here."""
            if name not in MADE:
                raise AttributeError(name)
            for each, value in zip(MADE, numbers_of(self._result), strict=True):
                object.__setattr__(self, each, value)
            return getattr(self, name)

    @classmethod
    def empty(cls, settings: Settings) -> Self:
        """Return the totals of no rows."""
        return cls(
            settings,
            0,
            0,
            Sums(*[ZERO] * len(Sums._fields)),
            (ZERO,) * len(settings.top_k),
            KeyedSums(NO_BINS),
            (0,) * HISTOGRAM_SIZE,
        )

    def _check(self) -> None:
        """Raise unless all sizes and names are those of the settings."""
        top_k, num_bins, num_classes = self.settings[-3:]
        sizes = len(self.hits), len(self.histogram)
        fits = sizes == (len(top_k), HISTOGRAM_SIZE) and top_k == check_top_k(top_k)
        fits &= self.bins.names() == {"count", *BIN_SUMS}
        fits &= all(key in range(check_num_bins(num_bins)) for key in self.bins.keys.tolist())
        if self.groups is not None:
            fits &= self.groups.names() == {"count", "misses", "weight", "hits", "nll", "brier"}
        if self.classes is not None:
            fits &= self.classes.names() == {"count", "weight", "predicted", "hits", "nll"}
            fits &= all(key in range(num_classes) for key in self.classes.keys.tolist())
        if not fits:
            raise ValueError(f"totals must fit their settings, got {sizes}")

    @property
    def num_rows(self) -> int:
        """The number of rows, with those that are ignored."""
        return self.count + self.ignored

    def __add__(self, other: Self) -> Self:
        """Return the totals of the rows of both; raise unless their settings agree."""
        first = self if self.num_rows else other
        return type(self)(
            self.settings.joined(other.settings),
            self.count + other.count,
            self.ignored + other.ignored,
            Sums(*map(add, self.sums, other.sums)),
            tuple(map(add, self.hits, other.hits)),
            self.bins + other.bins,
            tuple(map(add, self.histogram, other.histogram)),
            self._keyed("groups", other, "pass groups for both"),
            self._keyed("classes", other, "use per_class for both"),
            first.looks_like_probabilities,
        )

    def _keyed(self, name: str, other: Self, remedy: str) -> KeyedSums | None:
        """Return the sum of both keyed sums; a part without rows may have none."""
        parts = [(getattr(each, name), each.num_rows) for each in (self, other)]
        given = [keyed for keyed, _ in parts if keyed is not None]
        if len(given) == 1 and any(rows for keyed, rows in parts if keyed is None):
            rule = "be in both evaluations that are added or in neither"
            raise ValueError(f"{name} must {rule}, got them in one; {remedy}")
        return reduce(add, given) if given else None


# A number of the kernel, a tuple that has the fields of an Exact, as an Exact.
exact: Callable[[Triple], Exact] = partial(tuple.__new__, Exact)

MADE = "count", "ignored", "sums", "hits", "bins", "histogram"
NOT_MADE = ("groups", None), ("classes", None), ("looks_like_probabilities", False)


def numbers_of(
    result: KernelEvaluation,
) -> tuple[int, int, Sums, tuple[Exact, ...], KeyedSums, tuple[int, ...]]:
    """Return the fields MADE."""
    weights, loss, special, count, sums, hits, bins, histogram = result
    places = weights[PLACES]
    return (
        count,
        weights[NUM_ROWS] - count,
        Sums(
            loss=Exact.of(loss, places, special),
            loss_weight=Exact.of(weights[WEIGHT], places),
            **{name: exact(each) for name, each in sums.items()},
        ),
        tuple([exact(each) for each in hits]),
        KeyedSums(NO_BINS, bins_of(*bins)),
        histogram,
    )
