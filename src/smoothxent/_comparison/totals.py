"""Totals over pairs of rows: exact, so that the totals of two batches add up to those of all."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray
from smoothxent._comparison.sketch import Sketch
from smoothxent._totals.exact import Exact, exact_squares, exact_sum
from smoothxent._totals.group_sums import Floats, GroupSums
from smoothxent._totals.keyed_sums import KeyedSums, Part

# Measures of each pair of rows; a difference or change is that of b minus a, for the row's nll,
# entropy, confidence, Brier score and the label's probability. kl is the divergence of b from a.
MEASURES = (
    "nll_difference",
    "entropy_difference",
    "confidence_difference",
    "brier_difference",
    "probability_change",
    "kl",
)


class Pairs(NamedTuple):
    """N pairs of rows."""

    measures: Floats  # (len(MEASURES), N)
    agrees: NDArray[np.bool_]  # whether both have the same top class
    ranks: NDArray[np.int64]  # (2, N): of the label in a and in b

    @classmethod
    def empty(cls, size: int) -> Self:
        """Return arrays for this number of pairs, with any contents."""
        measures, ranks = np.empty((len(MEASURES), size)), np.empty((2, size), np.int64)
        return cls(measures, np.empty(size, np.bool_), ranks)

    def rows(self, rows: slice) -> Self:
        """Return views of some pairs."""
        return type(self)(self.measures[:, rows], self.agrees[rows], self.ranks[:, rows])


class GroupedPairs(NamedTuple):
    """The groups of some pairs of rows."""

    ids: AnyArray
    counts: NDArray[np.int64]  # numbers of rows that are not ignored
    of_rows: NDArray[np.int64]  # for each pair whose weight is not 0, the position of its id

    def sums(self, measures: Mapping[str, NDArray[Any]], weights: Floats | None) -> KeyedSums:
        """Return the sums of s and of s * measure; groups with only ignored rows are kept."""
        ones = np.ones(len(self.of_rows))
        factors = ones if weights is None else weights
        with np.errstate(over="ignore"):
            sums = {
                name: GroupSums.of(each * factors, self.of_rows, len(self.ids))
                for name, each in {"weight": ones, **measures}.items()
            }
        return KeyedSums(Part(self.ids, {"count": self.counts}, sums))


class PairSums(NamedTuple):
    """Sums over the pairs, of s * measure and s * measure**2; s is a pair's sample weight."""

    nll_difference: Exact
    nll_difference_square: Exact  # with unit weights, the squares are not rounded
    entropy_difference: Exact
    entropy_difference_square: Exact
    confidence_difference: Exact
    confidence_difference_square: Exact
    brier_difference: Exact
    brier_difference_square: Exact
    probability_change: Exact
    probability_change_square: Exact
    kl: Exact
    kl_square: Exact
    agreement: Exact  # of s of the pairs that agree


@dataclass(frozen=True, slots=True)
class PairTotals:
    """All data of a comparison in addition to the evaluations of a and b."""

    sums: PairSums
    changed_hits: tuple[Exact, ...]  # for each k, the weight of the rows that only one has right
    kl: Sketch
    probability_change: Sketch
    groups: KeyedSums | None  # of each group, if there are groups

    @classmethod
    def of(
        cls,
        pairs: Pairs,
        weights: Floats | None,
        ranks: Mapping[int, int],
        groups: GroupedPairs | None,
    ) -> Self:
        """Return the totals of some pairs; their weights are above 0, and 1 by default.

        ranks: each k of top_k, and the same or the number of classes if that is less.
        """

        def weight_of(chosen: NDArray[np.bool_]) -> Exact:
            if weights is None:
                return Exact.of(int(np.count_nonzero(chosen)), 0)
            return exact_sum(weights[chosen])

        sums = {"agreement": weight_of(pairs.agrees)}
        measures: dict[str, NDArray[Any]] = dict(zip(MEASURES, pairs.measures, strict=True))
        for name, values in measures.items():
            squares, rests = exact_squares(values)
            sums[name] = _weighted_sum(values, weights)
            sums[f"{name}_square"] = _weighted_sum(squares, weights) + _weighted_sum(rests, weights)
        hits = {k: pairs.ranks < rank for k, rank in ranks.items()}  # of a and of b
        of_groups = None
        if groups is not None:
            measures["agreement"] = pairs.agrees
            for k, (of_a, of_b) in hits.items():  # 1 for a hit of b only, -1 for one of a only
                measures[f"top_{k}_difference"] = np.subtract(of_b, of_a, dtype=np.float64)
            of_groups = groups.sums(measures, weights)
        return cls(
            PairSums(**sums),
            tuple(weight_of(of_a != of_b) for of_a, of_b in hits.values()),
            Sketch.of(pairs.measures[MEASURES.index("kl")], weights),
            Sketch.of(pairs.measures[MEASURES.index("probability_change")], weights),
            of_groups,
        )

    def __add__(self, other: Self) -> Self:
        """Return the totals of the pairs of both, with the same numbers k of top_k."""
        groups = [each.groups for each in (self, other) if each.groups is not None]
        return type(self)(
            PairSums(*map(add, self.sums, other.sums)),
            tuple(map(add, self.changed_hits, other.changed_hits)),
            self.kl + other.kl,
            self.probability_change + other.probability_change,
            reduce(add, groups) if groups else None,
        )


def _weighted_sum(values: Floats, weights: Floats | None) -> Exact:
    """Return the exact sum of the products of value and weight, each rounded to float64."""
    if weights is None:
        return exact_sum(values)
    with np.errstate(over="ignore"):
        return exact_sum(values * weights)
