"""Totals over the rows of each class: of the rows with this label, and of those predicted as it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._evaluation.group_sums import GroupSums
from smoothxent._evaluation.row_metrics import RowMetrics


@dataclass(frozen=True, slots=True, eq=False)
class ClassTotals:
    """Sums over the rows that are not ignored, one for each class; s is a row's sample weight."""

    count: NDArray[np.int64]  # number of rows with this label
    weight: GroupSums  # of s over the rows with this label
    predicted: GroupSums  # of s over the rows whose top class this is
    hits: GroupSums  # of s over the rows whose label and top class this is
    nll: GroupSums  # of s * nll over the rows with this label

    @classmethod
    def of(cls, rows: RowMetrics, num_classes: int) -> Self:
        """Return the totals of these rows."""
        labels = rows.labels
        return cls(
            np.bincount(labels, minlength=num_classes),
            rows.weights(labels, num_classes),
            rows.weights(rows.top_class, num_classes, rows.top_class >= 0),
            rows.weights(labels, num_classes, rows.is_hit),
            rows.sums(rows.nll, labels, num_classes),
        )

    @classmethod
    def empty(cls, num_classes: int) -> Self:
        """Return the totals of no rows."""
        none = np.zeros(num_classes, np.int64)
        return cls(none, *[GroupSums.of_counts(none)] * 4)

    def __len__(self) -> int:
        return len(self.count)

    def __add__(self, other: Self) -> Self:
        """Return the totals of the rows of both; their numbers of classes must agree."""
        classes = np.arange(len(self))
        ours, theirs = self._sums(), other._sums()
        return type(self)(
            self.count + other.count,
            *(
                GroupSums.merged([(a, classes), (b, classes)], len(self))
                for a, b in zip(ours, theirs, strict=True)
            ),
        )

    def _sums(self) -> tuple[GroupSums, ...]:
        return self.weight, self.predicted, self.hits, self.nll

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClassTotals):
            return NotImplemented
        return np.array_equal(self.count, other.count) and self._sums() == other._sums()

    def __hash__(self) -> int:
        return hash(self._sums())
