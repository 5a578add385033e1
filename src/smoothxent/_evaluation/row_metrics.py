"""Metrics of each row of an evaluation, and their sums by group."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray
from smoothxent._arguments.options import Targets
from smoothxent._kernel.protocol import EvaluatedRows
from smoothxent._totals.group_sums import Floats, GroupNumbers, GroupSums

LARGEST = np.finfo(np.float64).max


class RowMetrics(NamedTuple):
    """The rows that are not ignored: arrays with one entry each."""

    is_kept: NDArray[np.bool_] | slice  # which rows of the call these are
    labels: NDArray[np.int64]
    weight: Floats | None  # sample weights; None if all are 1
    nll: Floats
    brier: Floats
    top_class: NDArray[np.int64]

    @classmethod
    def of(cls, rows: EvaluatedRows, labels: AnyArray, targets: Targets) -> Self:
        """Return the rows of one call that are not ignored."""
        *_, weight, ignore_index = targets
        flat = labels.reshape(-1)
        is_kept: NDArray[np.bool_] | slice = slice(None)
        if ignore_index is not None:
            is_kept = flat != ignore_index
        weight = None if weight is None else weight[is_kept]
        indices = flat[is_kept].astype(np.int64, copy=False)
        nll, brier, top_class = rows.nll[is_kept], rows.brier[is_kept], rows.top_class[is_kept]
        return cls(is_kept, indices, weight, nll, brier, top_class)

    @property
    def is_hit(self) -> NDArray[np.bool_]:
        """Whether the top class of a row is its label."""
        return np.equal(self.top_class, self.labels)

    def sums(self, values: Floats, groups: GroupNumbers, num_groups: int) -> GroupSums:
        """Return the sums of weight times value, each product rounded, by group."""
        if self.weight is not None:  # as in the kernel, a row of weight 0 counts only if it is nan
            finite = np.where(self.weight == 0, np.minimum(values, LARGEST), values)
            with np.errstate(over="ignore"):
                values = self.weight * finite
        return GroupSums.of(values, groups, num_groups)

    def weights(
        self, groups: GroupNumbers, num_groups: int, rows: NDArray[np.bool_] | slice = slice(None)
    ) -> GroupSums:
        """Return the sums of the weights of the chosen rows by group."""
        if self.weight is None:
            return GroupSums.of_counts(np.bincount(groups[rows], minlength=num_groups))
        return GroupSums.of(self.weight[rows], groups[rows], num_groups)
