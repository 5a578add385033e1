"""GroupedEvaluation: the metrics of groups of rows, and standard errors that know the groups."""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Self, TypeAlias

from smoothxent._arguments.options import check_num_bytes
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.groups import table
from smoothxent._evaluation.groups.metrics import GroupMetrics
from smoothxent._evaluation.groups.totals import MOST_EVALUATIONS, GroupTotals
from smoothxent._records.record import Recorded

EvaluationsById: TypeAlias = dict[int | str, Evaluation]


@dataclass(frozen=True, repr=False)
class GroupedEvaluation(GroupMetrics, Recorded):
    r"""The metrics of rows that belong to groups, as ``evaluate(..., groups=ids)`` returns them.

    A group is a document, a sequence, a user, a slice of the data: rows that are alike, so that
    their errors are not independent. Groups that have only ignored rows are left out.

    Attributes
    ----------
    total : Evaluation
        The metrics of all rows, with the bits of ``evaluate`` without groups.
    ids : ndarray of int64, or of str (dtype object), shape (G,)
        The ids of the groups, in ascending order. The other arrays have this order and shape.
    count : ndarray of int64
        Numbers of rows.
    weight, nll_sum, hits : ndarray of float64
        Sums over the rows, weighted by `sample_weight`: of 1, of the nll in nats, and of 1 for the
        rows whose top class is the label. ``-nll_sum`` is the log-likelihood of a sequence.
    nll, accuracy, brier : ndarray of float64
        Means over the rows of each group; nan where `weight` is 0.
    all_greedy : ndarray of bool
        Whether the top class of every row of the group is its label.
    nll_stderr, accuracy_stderr, brier_stderr : float
        Standard errors of `total.nll`, `total.accuracy` and `total.brier` if the groups are
        independent but not the rows of a group; nan for fewer than two groups.
    macro_nll, macro_accuracy, macro_brier : float
        Means over the groups of their means: each group counts the same.

    Notes
    -----
    With :math:`m` the mean over all rows, :math:`s` the sample weights, :math:`W` their sum and G
    groups, the clustered standard error is

    .. math:: \frac{1}{W} \sqrt{\frac{G}{G - 1}
              \sum_g \Bigl(\sum_{n \in g} s_n (x_n - m)\Bigr)^2}

    (Liang & Zeger 1986; Cameron & Miller 2015). With one row for each group and no weights it is
    `total.nll_stderr`. It is reliable for some dozens of groups, not for five. Groups of weight 0
    do not count. The sums of the groups are rounded to float64 before the mean is subtracted, which
    may change the error by 2**-50 of the mean.

    Sums are exact, so the evaluation has the same bits for any order of the rows and number of
    threads, and ``a + b`` those of all rows of a and b, even if both have rows of the same group.
    Means of groups are quotients of two correctly rounded sums.

    Memory: 110 to 260 bytes for each group; up to 600 with float64 probabilities very close to 1.
    The ids of strings come in addition.

    References
    ----------
    K.-Y. Liang and S. L. Zeger, "Longitudinal Data Analysis Using Generalized Linear Models", 1986.
    A. C. Cameron and D. L. Miller, "A Practitioner's Guide to Cluster-Robust Inference", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import evaluate
    >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
    >>> grouped = evaluate(logits, [2, 2, 1], groups=["a", "b", "b"])
    >>> grouped.ids.tolist(), grouped.count.tolist(), grouped.accuracy.tolist()
    (['a', 'b'], [1, 2], [1.0, 0.5])
    >>> grouped.all_greedy.tolist(), grouped.macro_accuracy
    ([True, False], 0.75)
    >>> grouped.total == evaluate(logits, [2, 2, 1])
    True
    """

    _FORMAT, _VERSION = "smoothxent.GroupedEvaluation", 2
    _METRICS = (
        *("nll_stderr", "accuracy_stderr", "brier_stderr"),
        *("macro_nll", "macro_accuracy", "macro_brier", "total"),
    )

    __slots__ = ()

    @classmethod
    def merged(cls, parts: Iterable[GroupedEvaluation]) -> Self:
        """Return the evaluation of the rows of all parts, which need not be whole groups.

        Parameters
        ----------
        parts : iterable of GroupedEvaluation
            At least one. Many parts are merged faster at once than with `+`.

        Returns
        -------
        GroupedEvaluation
            The same, to the last bit, as for all the rows at once.

        Raises
        ------
        ValueError
            There are no parts, or they have different settings or ids of different types.
        TypeError
            A part is no GroupedEvaluation.
        """
        parts = list(parts)
        if not parts:
            raise ValueError("parts must be at least one evaluation, got none")
        for part in parts:
            if not isinstance(part, GroupedEvaluation):
                raise TypeError(f"parts must be evaluations of groups, got {part!r}")
        total = reduce(add, [part.total for part in parts])
        groups = GroupTotals.merged([part._groups for part in parts])
        evaluations = reduce(merged_evaluations, [part._by_id() for part in parts])
        return cls._of(total, groups, evaluations)

    @classmethod
    def _of(
        cls, total: Evaluation, groups: GroupTotals, evaluations: EvaluationsById | None
    ) -> Self:
        if evaluations is None:
            return cls(total, groups, None)
        return cls(total, groups, tuple(evaluations[each] for each in groups.ids.tolist()))

    def _by_id(self) -> EvaluationsById | None:
        if self._evaluations is None:
            return None
        return dict(zip(self._groups.ids.tolist(), self._evaluations, strict=True))

    def __add__(self, other: GroupedEvaluation) -> Self:
        if not isinstance(other, GroupedEvaluation):
            return NotImplemented
        return self.merged([self, other])

    def __radd__(self, other: object) -> Self:
        """`sum` begins with 0."""
        return self if type(other) is int and other == 0 else NotImplemented

    def evaluation(self, group: int | str) -> Evaluation:
        """Return all metrics of one group, if there are at most 16 groups.

        Parameters
        ----------
        group : int or str
            One of `ids`.

        Returns
        -------
        Evaluation
            As `evaluate` returns it for the rows of this group, without `classes`.

        Raises
        ------
        KeyError
            No row has this id.
        ValueError
            There are more than 16 groups, for which only sums are kept.
        """
        if group not in self.ids.tolist():
            raise KeyError(f"group must be one of ids, got {group!r}")
        evaluations = self._by_id()
        if evaluations is None:
            raise ValueError(
                f"groups must be at most {MOST_EVALUATIONS} to have an evaluation each, "
                f"got {len(self._groups)}; evaluate only the rows of the group"
            )
        return evaluations[group]

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to copy and unpickle it: fields can't be assigned."""
        return type(self), (self.total, self._groups, self._evaluations)

    def to_text(self, *, num_bytes: int | None = None) -> str:
        """Return the tables that `print` shows: the metrics, and some groups.

        Parameters
        ----------
        num_bytes : int, optional
            As in `Evaluation.to_text`.

        Returns
        -------
        str
            The metrics of all rows with standard errors for independent rows; those that know the
            groups; the groups with the highest and the lowest nll; the classes, if there are any.
        """
        return table.text(self, check_num_bytes(num_bytes))

    def to_markdown(self, *, num_bytes: int | None = None) -> str:
        """Return the same as Markdown tables."""
        return table.markdown(self, check_num_bytes(num_bytes))

    def __repr__(self) -> str:
        return table.line(self)

    def __str__(self) -> str:
        return table.text(self)

    def _repr_html_(self) -> str:
        return table.html(self)


def merged_evaluations(
    these: EvaluationsById | None, others: EvaluationsById | None
) -> EvaluationsById | None:
    """Return the evaluation of each group of both; None if there are too many groups."""
    if these is None or others is None or len(these.keys() | others.keys()) > MOST_EVALUATIONS:
        return None
    added = {key: these[key] + each if key in these else each for key, each in others.items()}
    return these | added
