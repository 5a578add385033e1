"""The metrics that follow from the totals of groups of rows."""

from __future__ import annotations  # help() shows types by their names

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray
from smoothxent._evaluation.classes.metrics import mean, quotient
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.groups.clustered_error import clustered_error
from smoothxent._evaluation.groups.totals import GroupTotals

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GroupMetrics:
    """The metrics of all rows, those of each group, and standard errors that know the groups."""

    total: Evaluation
    _groups: GroupTotals
    _evaluations: tuple[Evaluation, ...] | None

    def __len__(self) -> int:
        return len(self._counted)

    @property
    def _counted(self) -> GroupTotals:
        return self._groups.counted()

    @property
    def ids(self) -> AnyArray:
        """The ids of the groups, in ascending order."""
        return self._counted.ids.copy()

    @property
    def count(self) -> NDArray[np.int64]:
        """Numbers of rows that are not ignored."""
        return self._counted.count.copy()

    @property
    def weight(self) -> Floats:
        """Sums of the sample weights."""
        return self._counted.weight.floats()

    @property
    def nll_sum(self) -> Floats:
        """Sums of the nll, in nats."""
        return self._counted.nll.floats()

    @property
    def hits(self) -> Floats:
        """Sums of the weights of the rows whose top class is the label."""
        return self._counted.hits.floats()

    @property
    def nll(self) -> Floats:
        """Mean nll of each group, in nats."""
        return quotient(self.nll_sum, self.weight)

    @property
    def accuracy(self) -> Floats:
        """Share of the rows of each group whose top class is the label."""
        return quotient(self.hits, self.weight)

    @property
    def brier(self) -> Floats:
        """Mean Brier score of each group."""
        return quotient(self._counted.brier.floats(), self.weight)

    @property
    def all_greedy(self) -> NDArray[np.bool_]:
        """Whether the top class of every row of the group is its label."""
        return np.equal(self._counted.misses, 0)

    @property
    def nll_stderr(self) -> float:
        """Clustered standard error of `total.nll`, in nats."""
        return clustered_error(self._groups.nll, self._groups.weight)

    @property
    def accuracy_stderr(self) -> float:
        """Clustered standard error of `total.accuracy`."""
        return clustered_error(self._groups.hits, self._groups.weight)

    @property
    def brier_stderr(self) -> float:
        """Clustered standard error of `total.brier`."""
        return clustered_error(self._groups.brier, self._groups.weight)

    @property
    def macro_nll(self) -> float:
        """Mean over the groups of their mean nll, in nats."""
        return self._macro(self.nll)

    @property
    def macro_accuracy(self) -> float:
        """Mean over the groups of their accuracy."""
        return self._macro(self.accuracy)

    @property
    def macro_brier(self) -> float:
        """Mean over the groups of their mean Brier score."""
        return self._macro(self.brier)

    def _macro(self, means: Floats) -> float:
        return mean(means[self.weight > 0])
