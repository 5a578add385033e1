"""Totals over the rows of each group: exact, so that shards may divide a group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray
from smoothxent._arguments.groups import Groups, encoded
from smoothxent._evaluation.group_sums import GroupSums
from smoothxent._evaluation.row_metrics import RowMetrics

# Groups that have a whole evaluation each: it takes about 80 kB for each thread.
MOST_EVALUATIONS = 16


@dataclass(frozen=True, slots=True, eq=False)
class GroupTotals:
    """Sums over the rows of each group that are not ignored; s is a row's sample weight."""

    ids: AnyArray  # int64 or str, ascending
    count: NDArray[np.int64]  # number of rows, at least 1
    misses: NDArray[np.int64]  # number of rows whose top class is not the label
    weight: GroupSums  # of s
    hits: GroupSums  # of s over the rows whose top class is the label
    nll: GroupSums  # of s * nll
    brier: GroupSums  # of s * Brier score

    @classmethod
    def of(cls, rows: RowMetrics, groups: Groups) -> Self:
        """Return the totals of the groups of these rows."""
        size, numbers = len(groups.ids), groups.of_rows
        return cls(
            groups.ids,
            np.bincount(numbers, minlength=size),
            np.bincount(numbers[~rows.is_hit], minlength=size),
            rows.weights(numbers, size),
            rows.weights(numbers, size, rows.is_hit),
            rows.sums(rows.nll, numbers, size),
            rows.sums(rows.brier, numbers, size),
        )

    @classmethod
    def merged(cls, parts: Sequence[Self]) -> Self:
        """Return the totals of the rows of all parts."""
        parts = [part for part in parts if len(part.ids)] or parts[:1]
        ids, places = encoded(np.concatenate([part.ids for part in parts]))
        numbers = np.split(places, np.cumsum([len(part.ids) for part in parts])[:-1])
        count, misses = np.zeros((2, len(ids)), np.int64)
        for part, its_numbers in zip(parts, numbers, strict=True):
            count[its_numbers] += part.count
            misses[its_numbers] += part.misses
        sums = (
            GroupSums.merged(
                [(getattr(part, name), its) for part, its in zip(parts, numbers, strict=True)],
                len(ids),
            )
            for name in ("weight", "hits", "nll", "brier")
        )
        return cls(ids, count, misses, *sums)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupTotals):
            return NotImplemented
        return (
            np.array_equal(self.ids, other.ids)
            and np.array_equal(self.count, other.count)
            and np.array_equal(self.misses, other.misses)
            and (self.weight, self.hits) == (other.weight, other.hits)
            and (self.nll, self.brier) == (other.nll, other.brier)
        )

    def __hash__(self) -> int:
        return hash((len(self.ids), self.weight, self.nll))
