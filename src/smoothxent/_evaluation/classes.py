"""The classes of an evaluation: their sums, and ClassMetrics, their metrics."""

from __future__ import annotations  # help() shows types by their names

import math
from dataclasses import dataclass
from typing import Any, Never, TypeVar

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.groups import encoded
from smoothxent._arguments.options import check_positive
from smoothxent._evaluation.row_metrics import RowMetrics
from smoothxent._reports.numbers import amount, number, plural
from smoothxent._reports.report import Report, Section
from smoothxent._totals.exact import Exact, exact_sum
from smoothxent._totals.keyed_sums import KeyedSums, Part
from smoothxent._totals.means import Mean

Floats = NDArray[np.float64]
Number = TypeVar("Number", np.int64, np.float64)

SHOWN = 10
LEAST_ROWS = 10  # of a class that is shown, if there is one with so many


def sums_of_classes(rows: RowMetrics) -> KeyedSums:
    """Return the sums of each class: of the rows with this label, and of those predicted as it.

    Classes without rows and predictions are left out: a batch of few rows has few of many classes.
    """
    is_predicted = rows.top_class >= 0
    if rows.weight is not None:
        is_predicted &= rows.weight > 0
    size = len(rows.labels)
    classes, places = encoded(np.concatenate([rows.labels, rows.top_class[is_predicted]]))
    labels, predicted = places[:size], np.zeros(size, np.int64)
    predicted[is_predicted] = places[size:]
    sums = {
        "weight": rows.weights(labels, len(classes)),
        "predicted": rows.weights(predicted, len(classes), is_predicted),
        "hits": rows.weights(labels, len(classes), rows.is_hit),
        "nll": rows.sums(rows.nll, labels, len(classes)),
    }
    return KeyedSums(Part(classes, {"count": np.bincount(labels, minlength=len(classes))}, sums))


class OfKeys:
    """A property: the sums for each key that have this name, or their quotients by others."""

    def __init__(self, doc: str, sums: str, divisors: str = "") -> None:
        self.__doc__, self._sums, self._divisors = doc, sums, divisors

    def __get__(self, result: Any, owner: type | None = None) -> Floats:
        if result is None:
            return self  # type: ignore[return-value]
        sums: Floats = result._sum(self._sums)
        return quotient(sums, result._sum(self._divisors)) if self._divisors else sums

    def __set__(self, result: Any, value: Never) -> None:
        raise AttributeError("metrics can't be set")


class Macro(Mean):
    """A property: the mean over the keys of the metric of its name, without the first word."""

    def _value(self, result: Any) -> float:
        macro: float = result._macro(getattr(result, self._name.partition("_")[2]))
        return macro


def quotient(sums: Floats, divisors: Floats) -> Floats:
    """Return sums / divisors; nan where a divisor is 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(divisors == 0, np.nan, sums / divisors)


def mean(values: Floats) -> float:
    """Return the correctly rounded mean; nan without values."""
    return exact_sum(values) / Exact.of(len(values), 0)


@dataclass(frozen=True, repr=False)
class ClassMetrics(Report):
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
    f1, iou : ndarray of float64
        2 hits / (support + predicted), the harmonic mean of recall and precision; and hits /
        (support + predicted - hits), intersection over union (Jaccard). nan where the divisor is 0.
    balanced_accuracy : float
        Mean of `recall` over the classes with rows of positive weight.
    macro_precision, macro_recall, macro_f1, mean_iou : float
        Means over the classes with rows or predictions of positive weight; a nan counts as 0.
    mcc : float
        Matthews correlation coefficient of labels and predictions, -1 to 1; 0 if all rows have the
        same label or the same prediction.
    kappa : float
        Cohen's kappa: how much more often label and prediction agree than by chance, as a share of
        the most that is possible; nan if there is no such share.
    d2 : float
        1 - nll / entropy of the labels: the share of the entropy that the probabilities explain;
        nan if all rows have the same label.
    macro_nll : float
        Mean of `nll` over the classes with rows of positive weight, in nats.

    Notes
    -----
    Sums are exact; each entry is a quotient of two correctly rounded sums. The means are those of
    scikit-learn: `balanced_accuracy_score`, and `precision_recall_fscore_support` with
    ``average="macro"`` and ``zero_division=0``; also `jaccard_score`, `matthews_corrcoef`,
    `cohen_kappa_score` and `d2_log_loss_score`, for rows that hold no nan.

    References
    ----------
    J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient",
    2004: `mcc`.
    J. Cohen, "A Coefficient of Agreement for Nominal Scales", 1960.

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

    __slots__ = ("_keyed", "_num_classes")
    _keyed: KeyedSums
    _num_classes: int

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to copy and unpickle it: fields can't be assigned."""
        return type(self), (self._keyed, self._num_classes)

    def __len__(self) -> int:
        return self._num_classes

    def __repr__(self) -> str:
        return f"ClassMetrics({plural(len(self), 'class')})"

    @property
    def count(self) -> NDArray[np.int64]:
        """The number of rows with this label."""
        return self._of_all(self._keyed.counts["count"])

    support = OfKeys("Sum of the weights of the rows with this label.", "weight")
    predicted = OfKeys("Sum of the weights of the rows whose top class this is.", "predicted")
    hits = OfKeys("Sum of the weights of the rows whose label and top class this is.", "hits")
    nll = OfKeys("Mean of -log p of the label, in nats.", "nll", "weight")
    recall = OfKeys("Share of the rows with this label that are predicted as it.", "hits", "weight")
    precision = OfKeys(
        "Share of the rows predicted as this class that have its label.", "hits", "predicted"
    )

    @property
    def f1(self) -> Floats:
        """Harmonic mean of recall and precision."""
        return quotient(self.hits, self.support / 2 + self.predicted / 2)

    @property
    def iou(self) -> Floats:
        """Intersection over union of the rows with this label and those predicted as it."""
        return quotient(self.hits, self.support + self.predicted - self.hits)

    @property
    def mcc(self) -> float:
        """Matthews correlation coefficient of labels and predictions."""
        support, predicted, hits, chance = self._shares()
        spread = (1 - math.fsum(support**2)) * (1 - math.fsum(predicted**2))
        if not spread > 0:
            return 0.0 * spread  # nan stays nan
        return (hits - chance) / math.sqrt(spread)

    @property
    def kappa(self) -> float:
        """Cohen's kappa of labels and predictions."""
        _, _, hits, chance = self._shares()
        return (hits - chance) / (1 - chance) if chance < 1 else math.nan

    @property
    def d2(self) -> float:
        """Share of the entropy of the labels that the probabilities explain."""
        support, *_ = self._shares()
        of_labels = -math.fsum(np.log(support[support > 0]) * support[support > 0])
        nll = self._keyed.sums["nll"].total() / self._keyed.sums["weight"].total()
        return 1 - nll / of_labels if of_labels > 0 else math.nan

    def _shares(self) -> tuple[Floats, Floats, float, float]:
        """Return shares of all rows: by label, by prediction, of hits, and of hits by chance."""
        whole = self._keyed.sums["weight"].total() / Exact(1, 0)
        with np.errstate(invalid="ignore"):  # without rows
            support, predicted = self.support / whole, self.predicted / whole
            hits = math.fsum(self.hits / whole)
        return support, predicted, hits, math.fsum(support * predicted)

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes with rows."""
        return mean(self.recall[self.support > 0])

    mean_iou = Macro("Mean intersection over union of the classes with rows or predictions.")
    macro_recall = Macro("Mean recall of the classes with rows or predictions.")
    macro_precision = Macro("Mean precision of the classes with rows or predictions.")
    macro_f1 = Macro("Mean F1 of the classes with rows or predictions.")

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

    def _title(self, interval: float | None = None) -> str:
        return plural(len(self), "class")

    def _sections(self, interval: float | None = None) -> list[Section]:
        """Return the classes with the lowest recall."""
        least = LEAST_ROWS if self.count.max(initial=0) >= LEAST_ROWS else 1
        only = f", of those with {least} rows or more" if least > 1 else ""
        worst = self.worst(SHOWN, least)
        arrays = (self.count, self.predicted, self.recall, self.precision, self.f1, self.nll)
        columns = [worst.tolist(), *(each[worst].tolist() for each in arrays)]
        cells = [
            (str(k), f"{count:,}", amount(predicted), *map(number, numbers))
            for k, count, predicted, *numbers in zip(*columns, strict=True)
        ]
        head = ("class", "rows", "predicted", "recall", "precision", "F1", "nll")
        return [Section(cells, head, f"classes with the lowest recall{only}")] if cells else []

    def _macro(self, values: Floats) -> float:
        occurs = (self.support > 0) | (self.predicted > 0)
        return mean(np.nan_to_num(values[occurs], nan=0.0))

    def _sum(self, name: str) -> Floats:
        return self._of_all(self._keyed.sums[name].floats())

    def _of_all(self, numbers: NDArray[Number]) -> NDArray[Number]:
        """Return the numbers of all classes: 0 for those that are left out."""
        of_all = np.zeros(len(self), numbers.dtype)
        of_all[self._keyed.keys] = numbers
        return of_all
