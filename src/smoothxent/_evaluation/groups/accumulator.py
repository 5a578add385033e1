"""Sums of evaluations, batch by batch, with or without groups and classes."""

from collections.abc import Callable, Sequence, Sized
from typing import Generic, TypeVar

from smoothxent._evaluation.classes.totals import ClassTotals
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.groups.grouped_evaluation import GroupedEvaluation, merged_evaluations
from smoothxent._evaluation.groups.totals import GroupTotals

Totals = TypeVar("Totals", bound=Sized)

# Groups or classes of batches that wait to be merged. A batch counts as at least LEAST_OF_BATCH,
# because its arrays have about 2 kB of heads.
LEAST_WAITING, LEAST_OF_BATCH = 1 << 16, 64


class Accumulator:
    """The sum of the evaluations of many batches; all have groups, or none has.

    `total`, for the progress, is without classes.
    """

    def __init__(self, first: Evaluation | GroupedEvaluation) -> None:
        total = first.total if isinstance(first, GroupedEvaluation) else first
        self.total = total._with_classes(None)
        self._classes: Waiting[ClassTotals] | None = None
        self._groups: Waiting[GroupTotals] | None = None
        if total._totals.classes is not None:
            self._classes = Waiting(ClassTotals.merged, total._totals.classes)
        if isinstance(first, GroupedEvaluation):
            self._groups = Waiting(GroupTotals.merged, first._groups)
            self._evaluations = first._by_id()

    def add(self, batch: Evaluation | GroupedEvaluation) -> None:
        """Add the evaluation of a batch."""
        total = batch.total if isinstance(batch, GroupedEvaluation) else batch
        self.total += total._with_classes(None)
        if self._classes is not None and total._totals.classes is not None:
            self._classes.add(total._totals.classes)
        if self._groups is not None and isinstance(batch, GroupedEvaluation):
            self._groups.add(batch._groups)
            self._evaluations = merged_evaluations(self._evaluations, batch._by_id())

    def evaluation(self) -> Evaluation | GroupedEvaluation:
        """Return the evaluation of all batches."""
        total = self.total
        if self._classes is not None:
            total = total._with_classes(self._classes.merged())
        if self._groups is None:
            return total
        return GroupedEvaluation._of(total, self._groups.merged(), self._evaluations)


class Waiting(Generic[Totals]):
    """Totals of batches. They are merged when as many wait as have been merged before.

    A merge sorts the ids of all its parts. So all merges together take about as long as the last.
    """

    def __init__(self, merge: Callable[[Sequence[Totals]], Totals], first: Totals) -> None:
        self._merge = merge
        self._parts = [first]
        self._num_waiting = 0

    def add(self, part: Totals) -> None:
        self._parts.append(part)
        self._num_waiting += max(LEAST_OF_BATCH, len(part))
        if self._num_waiting > max(LEAST_WAITING, len(self._parts[0])):
            self.merged()

    def merged(self) -> Totals:
        """Return the totals of all batches so far."""
        if len(self._parts) > 1:
            self._parts = [self._merge(self._parts)]
            self._num_waiting = 0
        return self._parts[0]
