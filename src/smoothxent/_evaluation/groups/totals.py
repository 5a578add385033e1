"""Totals over the rows of each group: exact, so that shards may divide a group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray
from smoothxent._arguments.groups import Groups, merged_ids
from smoothxent._evaluation.row_metrics import RowMetrics
from smoothxent._evaluation.sums.group_sums import GroupSums

# Groups that have a whole evaluation each: it takes about 80 kB for each thread.
MOST_EVALUATIONS = 16

SUMS = ("weight", "hits", "nll", "brier")


@dataclass(frozen=True, slots=True, eq=False)
class GroupTotals:
    """Sums over the rows of each group that are not ignored; s is a row's sample weight.

    Groups without such rows are kept, with sums of 0: another part may have the others of their
    rows, and `Evaluation.ignored` counts all.
    """

    ids: AnyArray  # int64, or objects of type str; ascending
    count: NDArray[np.int64]  # number of rows
    misses: NDArray[np.int64]  # number of rows whose top class is not the label
    weight: GroupSums  # of s
    hits: GroupSums  # of s over the rows whose top class is the label
    nll: GroupSums  # of s * nll
    brier: GroupSums  # of s * Brier score

    @classmethod
    def of(cls, rows: RowMetrics, groups: Groups) -> Self:
        """Return the totals of all groups of a call, of which these are the rows."""
        size, numbers = len(groups.ids), groups.of_rows[rows.is_kept]
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
        ids, places = merged_ids([part.ids for part in parts])
        count, misses = np.zeros((2, len(ids)), np.int64)
        for part, its_places in zip(parts, places, strict=True):
            count[its_places] += part.count
            misses[its_places] += part.misses
        sums = (
            GroupSums.merged([getattr(part, name) for part in parts], places, len(ids))
            for name in SUMS
        )
        return cls(ids, count, misses, *sums)

    def counted(self) -> Self:
        """Return the totals of the groups with rows that are not ignored."""
        if self.count.all():
            return self
        chosen = np.flatnonzero(self.count)
        sums = (getattr(self, name).take(chosen) for name in SUMS)
        return type(self)(self.ids[chosen], self.count[chosen], self.misses[chosen], *sums)

    def __len__(self) -> int:
        return len(self.ids)

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
