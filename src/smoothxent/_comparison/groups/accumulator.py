"""Totals of pairs of rows, batch by batch, with or without groups."""

from dataclasses import replace

from smoothxent._comparison.groups.totals import PairGroupTotals
from smoothxent._comparison.totals import PairTotals
from smoothxent._evaluation.groups.accumulator import Waiting


class PairAccumulator:
    """The sum of the totals of many batches; all have groups, or none has."""

    def __init__(self, first: PairTotals) -> None:
        self._total = replace(first, groups=None)
        self._groups: Waiting[PairGroupTotals] | None = None
        if first.groups is not None:
            self._groups = Waiting(PairGroupTotals.merged, first.groups)

    def add(self, batch: PairTotals) -> None:
        """Add the totals of a batch."""
        self._total += replace(batch, groups=None)
        if self._groups is not None and batch.groups is not None:
            self._groups.add(batch.groups)

    def totals(self) -> PairTotals:
        """Return the totals of all batches."""
        groups = None if self._groups is None else self._groups.merged()
        return replace(self._total, groups=groups)
