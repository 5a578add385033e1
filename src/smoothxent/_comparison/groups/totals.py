"""Totals over the pairs of rows of each group: exact, so that parts may divide a group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray
from smoothxent._arguments.groups import merged_ids
from smoothxent._evaluation.sums.group_sums import Floats, GroupSums


class GroupedPairs(NamedTuple):
    """The groups of some pairs of rows."""

    ids: AnyArray  # int64, or objects of type str; ascending
    counts: NDArray[np.int64]  # numbers of rows that are not ignored
    of_rows: NDArray[np.int64]  # for each pair whose weight is not 0, the position of its id


@dataclass(frozen=True, slots=True, eq=False)
class PairGroupTotals:
    """Sums over the pairs of each group; s is a pair's sample weight.

    As in `GroupTotals`, groups with only ignored rows are kept.
    """

    ids: AnyArray  # int64, or objects of type str; ascending
    count: NDArray[np.int64]  # number of rows that are not ignored
    weight: GroupSums  # of s
    sums: dict[str, GroupSums]  # of s * measure, by the name of the measure; never changed
    hit_differences: tuple[GroupSums, ...]  # for each k, of s for a hit of b less s for one of a

    @classmethod
    def of(
        cls,
        groups: GroupedPairs,
        weights: Floats | None,
        measures: Mapping[str, Floats],
        hit_differences: Iterable[Floats],
    ) -> Self:
        """Return the totals of some pairs; their weights are above 0, and 1 by default."""

        def sums_of(values: Floats) -> GroupSums:
            if weights is not None:
                with np.errstate(over="ignore"):
                    values = values * weights
            return GroupSums.of(values, groups.of_rows, len(groups.ids))

        return cls(
            groups.ids,
            groups.counts,
            sums_of(np.ones(len(groups.of_rows))),
            {name: sums_of(values) for name, values in measures.items()},
            tuple(map(sums_of, hit_differences)),
        )

    @classmethod
    def merged(cls, parts: Sequence[Self]) -> Self:
        """Return the totals of the pairs of all parts."""
        ids, places = merged_ids([part.ids for part in parts])
        count = np.zeros(len(ids), np.int64)
        for part, its_places in zip(parts, places, strict=True):
            count[its_places] += part.count

        def merged_sums(sums: Sequence[GroupSums]) -> GroupSums:
            return GroupSums.merged(sums, places, len(ids))

        return cls(
            ids,
            count,
            merged_sums([part.weight for part in parts]),
            {name: merged_sums([part.sums[name] for part in parts]) for name in parts[0].sums},
            tuple(map(merged_sums, zip(*(part.hit_differences for part in parts), strict=True))),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PairGroupTotals):
            return NotImplemented
        return (
            np.array_equal(self.ids, other.ids)
            and np.array_equal(self.count, other.count)
            and (self.weight, self.sums) == (other.weight, other.sums)
            and self.hit_differences == other.hit_differences
        )

    def __hash__(self) -> int:
        return hash((len(self.ids), self.weight, self.hit_differences))
