"""Comparison: the paired metrics of two classifiers on the same labelled rows."""

from __future__ import annotations  # help() shows types by their names

from dataclasses import dataclass, replace
from typing import Self

from smoothxent._arguments.options import check_choice, check_real
from smoothxent._comparison import table
from smoothxent._comparison.pair_metrics import PairMetrics
from smoothxent._comparison.settings import check_names
from smoothxent._comparison.totals import MEASURES
from smoothxent._records.record import Recorded
from smoothxent._reports.plotted import Picture, Plotted
from smoothxent._reports.report import Section
from smoothxent._totals.interval import quantile


@dataclass(frozen=True, repr=False)
class Comparison(PairMetrics, Plotted, Recorded):
    """Two classifiers' logits over the same labelled rows, as `compare` returns them.

    Paired metrics have much smaller standard errors than the difference of two means, because the
    same rows are difficult for both classifiers. Like an `Evaluation`, a comparison holds exact
    sums over the rows. So `a + b` has, to the last bit, the metrics of all rows of both
    comparisons, for any order of the rows and any number of files, processes or machines. A
    comparison prints as a table, in a notebook too. Its `repr` is one line. It is immutable.

    Attributes
    ----------
    a, b : Evaluation
        The metrics of a and b over the rows that are not ignored.
    names : tuple of str
        The names of a and b.
    nll_difference, nll_difference_stderr : float
        Mean over the rows of the nll of b minus the nll of a, in nats, and its standard error. If
        the difference is positive, a is better.
    entropy_difference, entropy_difference_stderr : float
    confidence_difference, confidence_difference_stderr : float
    brier_difference, brier_difference_stderr : float
    accuracy_difference, accuracy_difference_stderr : float
        The same for the other means of `Evaluation`.
    top_k_difference, top_k_difference_stderr : dict of int to float
        The same for each k of `top_k`.
    agreement, agreement_stderr : float
        Share of the rows in which both have the same top class, right or wrong, and its standard
        error. Among equal logits the top class is the one with the lowest index.
    kl, kl_stderr : float
        Mean over the rows of the Kullback-Leibler divergence sum p_a log(p_a / p_b) of b from a, in
        nats, 0 or more, and its standard error.
    kl_quantiles : dict of float to float
        Quantiles of the divergences of rows at 0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99,
        0.999 and 1: 0 is the smallest divergence, 1 the largest.
    probability_change, probability_change_stderr : float
        Mean over the rows of the label's probability in b minus that in a, and its standard error.
    probability_change_rms : float
        Root mean square of the changes of the label's probability.
    probability_change_quantiles : dict of float to float
        Quantiles of the changes of the label's probability, at the same shares as `kl_quantiles`.
    wins, losses : float
        Sums of the weights of the rows that only b, and that only a, gets right; without sample
        weights, their numbers.
    groups : ComparedGroups or None
        With `groups`, a named tuple of arrays: `ids`, and `count`, the numbers of rows. Groups with
        only ignored rows are left out.

    Notes
    -----
    Means, shares and quantiles are weighted by `sample_weight`. Standard errors are those of
    `Evaluation`, for the difference of each row instead of its nll; they are nan for fewer than two
    rows. Rows with weight 0 have no part in them.

    A quantile is the inverse of the distribution function, without interpolation: the smallest
    divergence such that this share of the rows has divergences up to it. The smallest and the
    largest value are exact. The others are rounded to 11 significant bits, in the middle between
    two such numbers: a relative error of at most 2**-11 (0.05 %). The comparison holds a count for
    each rounded value that occurs, of which there are 1,024 for a factor of 2, so its size is
    bounded for any number of rows: about 7 MB for divergences from 1e-17 to 1e3.

    A row that holds nan or +inf, or only -inf, in a or in b, makes the differences, divergences and
    their quantiles nan; it does not count as agreement, and its label is a miss. If a class has
    probability 0 in b but not in a, the divergence is inf. Without rows all metrics are nan.

    With groups, all standard errors are clustered, as in `Evaluation`, for the difference of each
    row instead of its nll. A group needs 500 to 1,000 bytes.

    Comparisons can be added if they have the same names, and the evaluations can be added, those of
    a and those of b. Any difference is a ValueError. Both may have rows of the same group.

    References
    ----------
    S. Kullback and R. A. Leibler, "On Information and Sufficiency", 1951.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import compare
    >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
    >>> same = compare(logits, logits, [2, 2, 1])
    >>> same.nll_difference, same.agreement, same.kl
    (0.0, 1.0, 0.0)
    >>> parts = [compare(logits[i : i + 1], logits[i : i + 1] / 2, [i]) for i in range(3)]
    >>> sum(parts) == compare(logits, logits / 2, [0, 1, 2])
    True
    """

    _FORMAT, _VERSION = "smoothxent.Comparison", 4
    _METRICS = (
        *(f"{name}{suffix}" for name in (*MEASURES, "agreement") for suffix in ("", "_stderr")),
        *("probability_change_rms", "accuracy_difference", "accuracy_difference_stderr"),
        *("top_k_difference", "top_k_difference_stderr"),
        *("wins", "losses", "kl_quantiles", "probability_change_quantiles", "a", "b"),
    )

    __slots__ = ()  # see Evaluation

    def __add__(self, other: Comparison) -> Self:
        if not isinstance(other, Comparison):
            return NotImplemented
        if self.names != other.names:
            rule = "must be the same in comparisons that are added"
            remedy = "if they mean the same, use rename"
            raise ValueError(f"names {rule}, got {self.names} and {other.names}; {remedy}")
        for letter, ours, theirs in (("A", self.a, other.a), ("B", self.b, other.b)):
            ours._totals.settings.joined(theirs._totals.settings, f" of {letter}")
        a, b = self.a + other.a, self.b + other.b
        return type(self)(a, b, self.names, self._totals + other._totals)

    def __radd__(self, other: object) -> Self:
        """`sum` begins with 0."""
        return self if type(other) is int and other == 0 else NotImplemented

    def rename(self, names: tuple[str, str]) -> Self:
        """Return the same comparison with other names of a and b.

        Parameters
        ----------
        names : tuple of two str
            As in `compare`.

        Returns
        -------
        Comparison
            All other attributes are the same.

        Raises
        ------
        TypeError, ValueError
            `names` are not two texts of one line.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import compare
        >>> compare(3 * np.eye(2), 2 * np.eye(2), [0, 1]).rename(("base", "int8")).names
        ('base', 'int8')
        """
        return replace(self, names=check_names(names))

    def detectable_difference(self, name: str = "nll_difference", *, power: float = 0.8) -> float:
        """Return the smallest difference that a sample of this size would probably show.

        Parameters
        ----------
        name : str, default "nll_difference"
            As in `interval`.
        power : float, default 0.8
            The probability with which the difference is found; in [0.5, 1).

        Returns
        -------
        float
            The difference whose 95 % interval leaves out 0 with this probability: the standard
            error times the sum of two quantiles, at 0.975 and `power`, of the distribution of
            `interval`: the normal one or, with groups, Student's with G - 1 degrees of freedom.

        Raises
        ------
        TypeError
            `power` is not a real number.
        ValueError
            `name` is another word, or `power` lies outside its range.

        References
        ----------
        J. Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import compare
        >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
        >>> round(compare(logits, logits / 2, [2, 2, 1]).detectable_difference(), 3)
        0.322
        """
        known = check_choice("name", name, {each: each for each in self._names()})
        degrees, share = self._degrees(), check_real("power", power)
        if not 0.5 <= share < 1:
            raise ValueError(f"power must lie in [0.5, 1), got {power}")
        quantiles = quantile(0.025, degrees) + quantile(1 - share, degrees)
        return quantiles * self._stderr(known)

    def __repr__(self) -> str:
        return table.line(self)

    def _title(self, interval: float | None = None) -> str:
        return table.title(self, interval)

    def _sections(self, interval: float | None = None) -> list[Section]:
        return table.sections(self, interval)

    def _draw(self, figure: Picture | None) -> Picture:
        from smoothxent._comparison import plot

        return plot.draw(self, figure)
