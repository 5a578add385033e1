"""The groups of rows of an evaluation: their sums, and GroupMetrics, their metrics."""

from __future__ import annotations  # help() shows types by their names

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray
from smoothxent._arguments.groups import Groups
from smoothxent._evaluation.classes import Macro, OfKeys, mean
from smoothxent._evaluation.row_metrics import RowMetrics
from smoothxent._reports.numbers import number, plural
from smoothxent._reports.report import Report, Section
from smoothxent._totals.keyed_sums import KeyedSums, Part

Floats = NDArray[np.float64]

BIT = math.log(2)  # nats
SHOWN = 5  # groups with the highest nll, and as many with the lowest
LONGEST_ID = 36  # letters, as of a UUID: the table then has up to 80 columns


def sums_of_groups(rows: RowMetrics, groups: Groups) -> KeyedSums:
    """Return the sums of all groups of a call, of which these are the rows.

    Groups that have only ignored rows are kept, with sums of 0: another part may have more of their
    rows.
    """
    size, numbers = len(groups.ids), groups.of_rows[rows.is_kept]
    counts = {
        "count": np.bincount(numbers, minlength=size),
        "misses": np.bincount(numbers[~rows.is_hit], minlength=size),
    }
    sums = {
        "weight": rows.weights(numbers, size),
        "hits": rows.weights(numbers, size, rows.is_hit),
        "nll": rows.sums(rows.nll, numbers, size),
        "brier": rows.sums(rows.brier, numbers, size),
    }
    return KeyedSums(Part(groups.ids, counts, sums))


@dataclass(frozen=True, repr=False)
class GroupMetrics(Report):
    """Metrics of each group of rows, as `Evaluation.groups` holds them after ``groups=ids``.

    A group is a document, a sequence, a user, a slice of the data: rows that are alike, so that
    their errors are not independent. Groups that have only ignored rows are left out.

    Attributes
    ----------
    ids : ndarray of int64, or of str (dtype object), shape (G,)
        The ids of the groups, in ascending order. The other arrays have this order and shape.
    count : ndarray of int64
        Numbers of rows.
    weight, nll_sum, hits : ndarray of float64
        Sums over the rows, weighted by `sample_weight`: of 1, of the nll in nats, and of 1 for the
        rows whose top class is the label. ``-nll_sum`` is the log-likelihood of a sequence.
    bits : ndarray of float64
        `nll_sum` in bits.
    nll, perplexity, accuracy, brier : ndarray of float64
        Means over the rows of each group, and exp(nll); nan where `weight` is 0.
    all_greedy : ndarray of bool
        Whether the top class of every row of the group is its label.
    macro_nll, macro_accuracy, macro_brier : float
        Means over the groups of their means: each group counts the same.

    Notes
    -----
    Sums are exact, and means of groups are quotients of two correctly rounded sums.

    Memory: 110 to 260 bytes for each group; up to 600 with float64 probabilities very close to 1.
    The ids of strings come in addition.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import evaluate
    >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
    >>> groups = evaluate(logits, [2, 2, 1], groups=["a", "b", "b"]).groups
    >>> groups.ids.tolist(), groups.count.tolist(), groups.accuracy.tolist()
    (['a', 'b'], [1, 2], [1.0, 0.5])
    >>> groups.all_greedy.tolist(), groups.macro_accuracy
    ([True, False], 0.75)
    """

    _METRICS = ("macro_nll", "macro_accuracy", "macro_brier")

    __slots__ = ("_keyed",)
    _keyed: KeyedSums  # without groups that have only ignored rows

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to copy and unpickle it: fields can't be assigned."""
        return type(self), (self._keyed,)

    def __len__(self) -> int:
        return len(self._keyed)

    def __repr__(self) -> str:
        return f"GroupMetrics({plural(len(self), 'group')})"

    @property
    def ids(self) -> AnyArray:
        """The ids of the groups, in ascending order."""
        return self._keyed.keys.copy()

    @property
    def count(self) -> NDArray[np.int64]:
        """Numbers of rows that are not ignored."""
        return self._keyed.counts["count"].copy()

    weight = OfKeys("Sums of the sample weights.", "weight")
    nll_sum = OfKeys("Sums of the nll, in nats.", "nll")
    hits = OfKeys("Sums of the weights of the rows whose top class is the label.", "hits")
    nll = OfKeys("Mean nll of each group, in nats.", "nll", "weight")
    accuracy = OfKeys(
        "Share of the rows of each group whose top class is the label.", "hits", "weight"
    )
    brier = OfKeys("Mean Brier score of each group.", "brier", "weight")

    @property
    def bits(self) -> Floats:
        """Sums of the nll, in bits."""
        return self.nll_sum / BIT

    @property
    def perplexity(self) -> Floats:
        """exp(nll) of each group."""
        with np.errstate(over="ignore"):
            return np.exp(self.nll)

    @property
    def all_greedy(self) -> NDArray[np.bool_]:
        """Whether the top class of every row of the group is its label."""
        return np.equal(self._keyed.counts["misses"], 0)

    macro_nll = Macro("Mean over the groups of their mean nll, in nats.")
    macro_accuracy = Macro("Mean over the groups of their accuracy.")
    macro_brier = Macro("Mean over the groups of their mean Brier score.")

    def _sum(self, name: str) -> Floats:
        return self._keyed.sums[name].floats()

    def _macro(self, means: Floats) -> float:
        return mean(means[self.weight > 0])

    def _title(self, interval: float | None = None) -> str:
        return plural(len(self), "group")

    def _sections(self, interval: float | None = None) -> list[Section]:
        """Return the groups with the highest and the lowest nll."""
        counted = np.flatnonzero(self.weight > 0)
        nll = np.nan_to_num(self.nll[counted], nan=np.inf, posinf=np.inf)  # nan is the worst
        order = counted[np.argsort(-nll, kind="stable")]
        chosen = {"groups, the highest nll first": order}
        if len(order) > 2 * SHOWN:
            chosen = {
                "groups with the highest nll": order[:SHOWN],
                "groups with the lowest nll": order[::-1][:SHOWN],
            }
        head = ("group", "rows", "nll", "accuracy", "Brier score")
        return [
            Section(self._cells(part), head, name) for name, part in chosen.items() if len(part)
        ]

    def _cells(self, chosen: NDArray[np.intp]) -> list[tuple[str, ...]]:
        arrays = (self.ids, self.count, self.nll, self.accuracy, self.brier)
        return [
            (_short(str(name)), f"{count:,}", *map(number, means))
            for name, count, *means in zip(*(each[chosen].tolist() for each in arrays), strict=True)
        ]


def _short(name: str) -> str:
    shown = name if name.isprintable() else ascii(name)[1:-1]
    half = LONGEST_ID // 2
    return shown if len(shown) <= LONGEST_ID else f"{shown[: half - 1]}…{shown[-half:]}"
