"""ClassMetrics: the metrics of each class of an evaluation."""

from __future__ import annotations  # help() shows types by their names

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.options import check_positive
from smoothxent._evaluation.classes.totals import ClassTotals
from smoothxent._evaluation.sums.exact import Exact, exact_sum
from smoothxent._evaluation.sums.group_sums import GroupSums

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class ClassMetrics:
    """Metrics of each class, as `Evaluation.classes` holds them after ``per_class=True``.

    The arrays have shape (C,), one entry for each class. A row is predicted as its top class: that
    of its largest logit, the lowest among equals. Memory is proportional to C; no table of C x C
    is made.

    Attributes
    ----------
    count : ndarray of int64
        The number of rows with this label.
    support, predicted, hits : ndarray of float64
        Sums of the sample weights, 1 without them: of the rows with this label, of the rows
        predicted as this class, and of the rows for which both hold.
    nll : ndarray of float64
        Mean of -log p of the label, in nats, over the rows with this label; nan without rows.
    recall, precision : ndarray of float64
        hits / support, the accuracy on the rows with this label, and hits / predicted; nan where
        the divisor is 0.
    f1 : ndarray of float64
        2 hits / (support + predicted), the harmonic mean of recall and precision; nan where the
        divisor is 0.
    balanced_accuracy : float
        Mean of `recall` over the classes with rows of positive weight.
    macro_precision, macro_recall, macro_f1 : float
        Means over the classes with rows or predictions of positive weight; a nan counts as 0.
    macro_nll : float
        Mean of `nll` over the classes with rows of positive weight, in nats.

    Notes
    -----
    Sums are exact; each entry is a quotient of two correctly rounded sums. The means are those of
    scikit-learn: `balanced_accuracy_score`, and `precision_recall_fscore_support` with
    ``average="macro"`` and ``zero_division=0``.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import evaluate
    >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
    >>> classes = evaluate(logits, [2, 2, 1], per_class=True).classes
    >>> classes.count.tolist(), classes.predicted.tolist(), classes.recall.tolist()
    ([0, 1, 2], [0.0, 2.0, 1.0], [nan, 1.0, 0.5])
    >>> classes.balanced_accuracy, round(classes.macro_f1, 6)
    (0.75, 0.666667)
    """

    __slots__ = ("_totals",)
    _totals: ClassTotals

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to copy and unpickle it: fields can't be assigned."""
        return type(self), (self._totals,)

    def __len__(self) -> int:
        return self._totals.num_classes

    def __repr__(self) -> str:
        return f"ClassMetrics({len(self):,} class{'es' * (len(self) != 1)})"

    @property
    def count(self) -> NDArray[np.int64]:
        """The number of rows with this label."""
        counts = np.zeros(len(self), np.int64)
        counts[self._totals.classes] = self._totals.count
        return counts

    @property
    def support(self) -> Floats:
        """Sum of the weights of the rows with this label."""
        return self._of_all(self._totals.weight)

    @property
    def predicted(self) -> Floats:
        """Sum of the weights of the rows whose top class this is."""
        return self._of_all(self._totals.predicted)

    @property
    def hits(self) -> Floats:
        """Sum of the weights of the rows whose label and top class this is."""
        return self._of_all(self._totals.hits)

    @property
    def nll(self) -> Floats:
        """Mean of -log p of the label, in nats."""
        return quotient(self._of_all(self._totals.nll), self.support)

    @property
    def recall(self) -> Floats:
        """Share of the rows with this label that are predicted as it."""
        return quotient(self.hits, self.support)

    @property
    def precision(self) -> Floats:
        """Share of the rows predicted as this class that have its label."""
        return quotient(self.hits, self.predicted)

    @property
    def f1(self) -> Floats:
        """Harmonic mean of recall and precision."""
        return quotient(self.hits, self.support / 2 + self.predicted / 2)

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes with rows."""
        return mean(self.recall[self.support > 0])

    @property
    def macro_recall(self) -> float:
        """Mean recall of the classes with rows or predictions."""
        return self._macro(self.recall)

    @property
    def macro_precision(self) -> float:
        """Mean precision of the classes with rows or predictions."""
        return self._macro(self.precision)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes with rows or predictions."""
        return self._macro(self.f1)

    @property
    def macro_nll(self) -> float:
        """Mean nll of the classes with rows, in nats."""
        return mean(self.nll[self.support > 0])

    def worst(self, number: int = 10, least_rows: int = 1) -> NDArray[np.int64]:
        """Return the classes of the lowest recall, and of the highest nll among equals.

        Parameters
        ----------
        number : int, default 10
            The largest number of classes to return.
        least_rows : int, default 1
            Classes with fewer rows than this are left out.

        Returns
        -------
        ndarray of int64
            Class indices, the worst first.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import evaluate
        >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
        >>> evaluate(logits, [2, 2, 1], per_class=True).classes.worst(1).tolist()
        [2]
        """
        size = check_positive("number", number)
        has_rows = self.count >= check_positive("least_rows", least_rows)
        counted = np.flatnonzero(has_rows & (self.support > 0))
        order = np.lexsort((-self.nll[counted], self.recall[counted]))
        return counted[order][:size]

    def _macro(self, values: Floats) -> float:
        occurs = (self.support > 0) | (self.predicted > 0)
        return mean(np.nan_to_num(values[occurs], nan=0.0))

    def _of_all(self, sums: GroupSums) -> Floats:
        numbers = np.zeros(len(self))
        numbers[self._totals.classes] = sums.floats()
        return numbers


def quotient(sums: Floats, divisors: Floats) -> Floats:
    """Return sums / divisors; nan where a divisor is 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(divisors == 0, np.nan, sums / divisors)


def mean(values: Floats) -> float:
    """Return the correctly rounded mean; nan without values."""
    return exact_sum(values) / Exact.of(len(values), 0)
