"""Means over rows: their standard errors and intervals, by one rule for all results."""

import math
from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Never

from smoothxent._arguments.options import check_choice, check_share
from smoothxent._totals import interval
from smoothxent._totals.exact import Exact
from smoothxent._totals.group_sums import GroupSums
from smoothxent._totals.standard_error import clustered_error, num_weighted, standard_error


class Mean:
    """A property: the mean of its name."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, result: Any, owner: type | None = None) -> float:
        return self if result is None else self._value(result)  # type: ignore[return-value]

    def __set__(self, result: Any, value: Never) -> None:
        raise AttributeError(f"{self._name} can't be set")

    def _value(self, result: Any) -> float:
        mean: float = result._mean(self._name)
        return mean


class StandardError(Mean):
    """A property: the standard error of the mean of its name, without `_stderr` at the end."""

    def _value(self, result: Any) -> float:
        stderr: float = result._stderr(self._name.removesuffix("_stderr"))
        return stderr


class MeanSums(NamedTuple):
    """Sums over the rows for the mean of x, where s is a row's sample weight."""

    total: Exact  # of s x
    squares: Exact  # of s x**2
    of_groups: GroupSums | None  # of s x; None without groups, or if it is not known
    is_share: bool = False  # x is 0 or 1: the mean is a share of the rows


class WeightSums(NamedTuple):
    """Sums over the rows of the sample weights s."""

    total: Exact  # of s
    squares: Exact  # of s**2
    of_groups: GroupSums | None  # of s; None without groups


class Means(ABC):
    """A result with means over rows."""

    __slots__ = ()

    @abstractmethod
    def _names(self) -> tuple[str, ...]:
        """Return the names of the means that have a standard error."""

    @abstractmethod
    def _sums(self, name: str) -> MeanSums:
        """Return the sums for the mean of this name."""

    @abstractmethod
    def _weights(self) -> WeightSums:
        """Return the sums of the sample weights."""

    def _mean(self, name: str) -> float:
        return self._sums(name).total / self._weights().total

    def _stderr(self, name: str) -> float:
        sums, weights = self._sums(name), self._weights()
        if weights.of_groups is None:
            return standard_error(sums.total, sums.squares, weights.total, weights.squares)
        if sums.of_groups is None:
            return math.nan
        return clustered_error(sums.of_groups, weights.of_groups)

    def _measured(self, name: str) -> tuple[float, float]:
        """Return a mean and its standard error."""
        return self._mean(name), self._stderr(name)

    def _degrees(self) -> int:
        """Return Student's degrees of freedom; without groups 0, for the normal distribution."""
        groups = self._weights().of_groups
        return 0 if groups is None else max(1, num_weighted(groups) - 1)

    def interval(self, name: str, confidence: float = 0.95) -> tuple[float, float]:
        """Return a confidence interval of a mean.

        Parameters
        ----------
        name : str
            The name of an attribute that has a standard error: of an evaluation "nll", "accuracy",
            "entropy", "confidence" or "brier"; of a comparison "nll_difference", "agreement", "kl"
            and others. "top_5" and "top_5_difference" are those of a k of `top_k`.
        confidence : float, default 0.95
            The share of such intervals that contain the mean of all possible rows; in (0, 1).

        Returns
        -------
        low, high : float
            The mean plus and minus its standard error times a quantile: that of the normal
            distribution or, with groups, of Student's with G - 1 degrees of freedom. For shares of
            rows (accuracy, top-k accuracy, agreement) without groups it is Wilson's interval, which
            is right for few rows and for shares near 0 and 1; with groups the interval of a share
            may leave 0 to 1. nan if there is no standard error.

        Raises
        ------
        TypeError
            `confidence` is not a real number.
        ValueError
            `name` is another word, or `confidence` lies outside its range.

        References
        ----------
        E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
        A. C. Cameron and D. L. Miller, "A Practitioner's Guide to Cluster-Robust Inference", 2015.

        Examples
        --------
        >>> from smoothxent import evaluate
        >>> evaluation = evaluate([[3.0, 0]] * 10, [0] * 9 + [1])
        >>> [round(end, 3) for end in evaluation.interval("accuracy")]
        [0.596, 0.982]
        >>> [round(end, 3) for end in evaluation.interval("nll")]
        [-0.239, 0.937]
        """
        known = check_choice("name", name, {each: each for each in self._names()})
        share = check_share("confidence", confidence)
        weights = self._weights()
        if weights.of_groups is None and self._sums(known).is_share:
            num_rows = weights.total / weights.squares * (weights.total / Exact(1, 0))
            return interval.of_share(self._mean(known), num_rows, share)
        return interval.of_mean(*self._measured(known), share, self._degrees())
