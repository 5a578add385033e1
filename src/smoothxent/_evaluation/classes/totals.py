"""Totals over the rows of each class: of the rows with this label, and of those predicted as it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.groups import encoded, merged_ids
from smoothxent._evaluation.row_metrics import RowMetrics
from smoothxent._evaluation.sums.group_sums import GroupSums

SUMS = ("weight", "predicted", "hits", "nll")


@dataclass(frozen=True, slots=True, eq=False)
class ClassTotals:
    """Sums over the rows that are not ignored, one for each class; s is a row's sample weight.

    Classes without rows and predictions are left out: a batch of few rows has few of many classes.
    """

    num_classes: int
    classes: NDArray[np.int64]  # with a count or a predicted weight that is not 0, ascending
    count: NDArray[np.int64]  # number of rows with this label
    weight: GroupSums  # of s over the rows with this label
    predicted: GroupSums  # of s over the rows whose top class this is
    hits: GroupSums  # of s over the rows whose label and top class this is
    nll: GroupSums  # of s * nll over the rows with this label

    @classmethod
    def of(cls, rows: RowMetrics, num_classes: int) -> Self:
        """Return the totals of these rows."""
        is_predicted = rows.top_class >= 0
        if rows.weight is not None:
            is_predicted &= rows.weight > 0
        size = len(rows.labels)
        classes, places = encoded(np.concatenate([rows.labels, rows.top_class[is_predicted]]))
        labels, predicted = places[:size], np.zeros(size, np.int64)
        predicted[is_predicted] = places[size:]
        return cls(
            num_classes,
            classes,
            np.bincount(labels, minlength=len(classes)),
            rows.weights(labels, len(classes)),
            rows.weights(predicted, len(classes), is_predicted),
            rows.weights(labels, len(classes), rows.is_hit),
            rows.sums(rows.nll, labels, len(classes)),
        )

    @classmethod
    def empty(cls, num_classes: int) -> Self:
        """Return the totals of no rows."""
        none = np.zeros(0, np.int64)
        return cls(num_classes, none, none, *[GroupSums.of_counts(none)] * len(SUMS))

    @classmethod
    def merged(cls, parts: Sequence[Self]) -> Self:
        """Return the totals of the rows of all parts; their numbers of classes must agree."""
        classes, places = merged_ids([part.classes for part in parts])
        count = np.zeros(len(classes), np.int64)
        for part, its_places in zip(parts, places, strict=True):
            count[its_places] += part.count
        sums = (
            GroupSums.merged([getattr(part, name) for part in parts], places, len(classes))
            for name in SUMS
        )
        return cls(parts[0].num_classes, classes, count, *sums)

    def __len__(self) -> int:
        return len(self.classes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClassTotals):
            return NotImplemented
        return (
            self.num_classes == other.num_classes
            and np.array_equal(self.classes, other.classes)
            and np.array_equal(self.count, other.count)
            and all(getattr(self, name) == getattr(other, name) for name in SUMS)
        )

    def __hash__(self) -> int:
        return hash((self.num_classes, self.weight, self.nll))
