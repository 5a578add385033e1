"""ComparedGroups: standard errors of the metrics of pairs of rows that know groups of rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray
from smoothxent._comparison.groups.totals import PairGroupTotals
from smoothxent._evaluation.groups.clustered_error import clustered_error
from smoothxent._evaluation.report.table import plural
from smoothxent._evaluation.sums.group_sums import GroupSums


@dataclass(frozen=True, repr=False)
class ComparedGroups:
    """The groups of the rows of a comparison, as ``compare(..., groups=ids)`` finds them.

    Attributes
    ----------
    ids : ndarray of int64 or str, shape (G,)
        The ids of the groups, in ascending order. Groups with only ignored rows are left out.
    count : ndarray of int64, shape (G,)
        Numbers of rows that are not ignored.
    nll_difference_stderr, entropy_difference_stderr, confidence_difference_stderr : float
    brier_difference_stderr, accuracy_difference_stderr : float
    agreement_stderr, kl_stderr, probability_change_stderr : float
        Standard errors of the metrics of `Comparison` with these names if the groups are
        independent, but not the rows of a group; nan for fewer than two groups.
    top_k_difference_stderr : dict of int to float
        The same for each k of `top_k`.

    Notes
    -----
    The formula and its accuracy are those of `GroupedEvaluation.nll_stderr`, for the difference of
    each row instead of its nll. Its references are K.-Y. Liang and S. L. Zeger, "Longitudinal Data
    Analysis Using Generalized Linear Models", 1986, and A. C. Cameron and D. L. Miller, "A
    Practitioner's Guide to Cluster-Robust Inference", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import compare
    >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
    >>> comparison = compare(logits, logits / 2, [2, 2, 1], groups=["a", "b", "b"])
    >>> comparison.groups.ids.tolist(), comparison.groups.count.tolist()
    (['a', 'b'], [1, 2])
    >>> round(comparison.groups.nll_difference_stderr, 4)
    0.1272
    """

    _METRICS = (
        *("nll_difference_stderr", "entropy_difference_stderr", "confidence_difference_stderr"),
        *("brier_difference_stderr", "probability_change_stderr", "kl_stderr"),
        *("agreement_stderr", "accuracy_difference_stderr", "top_k_difference_stderr"),
    )

    _totals: PairGroupTotals
    _top_k: Sequence[int]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def ids(self) -> AnyArray:
        """The ids of the groups, in ascending order."""
        return self._totals.ids[self._totals.count > 0]

    @property
    def count(self) -> NDArray[np.int64]:
        """Numbers of rows that are not ignored."""
        return self._totals.count[self._totals.count > 0]

    @property
    def nll_difference_stderr(self) -> float:
        """Clustered standard error of `nll_difference`, in nats."""
        return self._stderr("nll_difference")

    @property
    def entropy_difference_stderr(self) -> float:
        """Clustered standard error of `entropy_difference`, in nats."""
        return self._stderr("entropy_difference")

    @property
    def confidence_difference_stderr(self) -> float:
        """Clustered standard error of `confidence_difference`."""
        return self._stderr("confidence_difference")

    @property
    def brier_difference_stderr(self) -> float:
        """Clustered standard error of `brier_difference`."""
        return self._stderr("brier_difference")

    @property
    def accuracy_difference_stderr(self) -> float:
        """Clustered standard error of `accuracy_difference`."""
        return self.top_k_difference_stderr[1]

    @property
    def top_k_difference_stderr(self) -> dict[int, float]:
        """Clustered standard errors of `top_k_difference`."""
        pairs = zip(self._top_k, self._totals.hit_differences, strict=True)
        return {k: self._stderr_of(hits) for k, hits in pairs}

    @property
    def agreement_stderr(self) -> float:
        """Clustered standard error of `agreement`."""
        return self._stderr("agreement")

    @property
    def probability_change_stderr(self) -> float:
        """Clustered standard error of `probability_change`."""
        return self._stderr("probability_change")

    @property
    def kl_stderr(self) -> float:
        """Clustered standard error of `kl`, in nats."""
        return self._stderr("kl")

    def _stderr(self, name: str) -> float:
        return self._stderr_of(self._totals.sums[name])

    def _stderr_of(self, sums: GroupSums) -> float:
        return clustered_error(sums, self._totals.weight)

    def __repr__(self) -> str:
        return f"ComparedGroups({plural(len(self), 'group')})"
