"""Totals over pairs of rows: exact, so that the totals of two batches add up to those of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._comparison.groups.totals import GroupedPairs, PairGroupTotals
from smoothxent._comparison.sketch import Sketch
from smoothxent._evaluation.sums.exact import Exact, exact_squares, exact_sum

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

    measures: NDArray[np.float64]  # (len(MEASURES), N)
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
    groups: PairGroupTotals | None  # of each group, if there are groups

    @classmethod
    def of(
        cls,
        pairs: Pairs,
        weights: NDArray[np.float64] | None,
        ranks: Sequence[int],
        groups: GroupedPairs | None,
    ) -> Self:
        """Return the totals of some pairs; their weights are above 0, and 1 by default.

        ranks: each k of top_k, or the number of classes if that is less.
        """

        def weight_of(chosen: NDArray[np.bool_]) -> Exact:
            if weights is None:
                return Exact.of(int(np.count_nonzero(chosen)), 0)
            return exact_sum(weights[chosen])

        sums = {"agreement": weight_of(pairs.agrees)}
        measures = dict(zip(MEASURES, pairs.measures, strict=True))
        for name, values in measures.items():
            squares, rests = exact_squares(values)
            sums[name] = _weighted_sum(values, weights)
            sums[f"{name}_square"] = _weighted_sum(squares, weights) + _weighted_sum(rests, weights)
        rank_a, rank_b = pairs.ranks
        changed = ((rank_a < k) != (rank_b < k) for k in ranks)
        of_groups = None
        if groups is not None:
            measures["agreement"] = pairs.agrees.astype(np.float64)
            # 1 for a hit of b only, -1 for one of a only
            hits = (np.subtract(rank_b < k, rank_a < k, dtype=np.float64) for k in ranks)
            of_groups = PairGroupTotals.of(groups, weights, measures, hits)
        return cls(
            PairSums(**sums),
            tuple(map(weight_of, changed)),
            Sketch.of(measures["kl"], weights),
            Sketch.of(measures["probability_change"], weights),
            of_groups,
        )

    def __add__(self, other: Self) -> Self:
        """Return the totals of the pairs of both, with the same numbers k of top_k."""
        groups = None
        if self.groups is not None and other.groups is not None:
            groups = PairGroupTotals.merged([self.groups, other.groups])
        return type(self)(
            PairSums(*(a + b for a, b in zip(self.sums, other.sums, strict=True))),
            tuple(a + b for a, b in zip(self.changed_hits, other.changed_hits, strict=True)),
            self.kl + other.kl,
            self.probability_change + other.probability_change,
            groups,
        )


def _weighted_sum(values: NDArray[np.float64], weights: NDArray[np.float64] | None) -> Exact:
    """Return the exact sum of the products of value and weight, each rounded to float64."""
    if weights is None:
        return exact_sum(values)
    with np.errstate(over="ignore"):
        return exact_sum(values * weights)
