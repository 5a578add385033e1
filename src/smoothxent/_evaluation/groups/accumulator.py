"""Sums of evaluations, batch by batch, with or without groups."""

from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.groups.grouped_evaluation import GroupedEvaluation

# Groups of batches that wait to be merged: a merge sorts the ids of all batches.
LEAST_WAITING = 1 << 16


class Accumulator:
    """The sum of the evaluations of many batches; all have groups, or none has."""

    rows: Evaluation  # of all rows; set by the first batch

    def __init__(self) -> None:
        self._parts: list[GroupedEvaluation] = []
        self._num_waiting = 0

    def add(self, batch: Evaluation | GroupedEvaluation) -> None:
        """Add the evaluation of a batch."""
        rows = batch.total if isinstance(batch, GroupedEvaluation) else batch
        self.rows = self.rows + rows if hasattr(self, "rows") else rows
        if isinstance(batch, GroupedEvaluation):
            self._parts.append(batch)
            self._num_waiting += len(batch)
            if self._num_waiting > max(LEAST_WAITING, len(self._parts[0])):
                self._merge()

    def evaluation(self) -> Evaluation | GroupedEvaluation:
        """Return the evaluation of all batches, at least one."""
        if not self._parts:
            return self.rows
        self._merge()
        return self._parts[0]

    def _merge(self) -> None:
        self._parts = [GroupedEvaluation.merged(self._parts)]
        self._num_waiting = 0
