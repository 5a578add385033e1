"""Comparison: the paired metrics of two classifiers on the same labelled rows."""

from __future__ import annotations  # help() shows types by their names

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smoothxent._comparison import table
from smoothxent._comparison.pair_metrics import PairMetrics
from smoothxent._evaluation.readers import finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

FORMAT, VERSION = "smoothxent.Comparison", 1

METRICS = ("nll_difference", "nll_difference_stderr", "agreement", "kl", "kl_stderr")


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(PairMetrics):
    """Two classifiers' logits over the same labelled rows, as `compare` returns them.

    Paired metrics have much smaller standard errors than the difference of two means, because the
    same rows are difficult for both classifiers. A comparison prints as a table. Its `repr` is one
    line. It is immutable. Comparisons with the same numbers are equal; here nan equals nan.

    Attributes
    ----------
    a, b : Evaluation
        The metrics of a and b over the rows that are not ignored.
    nll_difference, nll_difference_stderr : float
        Mean over the rows of the nll of b minus the nll of a, in nats, and its standard error,
        which is nan for fewer than two rows. If the difference is positive, a is better.
    agreement : float
        Share of the rows in which both have the same top class, right or wrong. Among equal logits
        the top class is the one with the lowest index.
    kl, kl_stderr : float
        Mean over the rows of the Kullback-Leibler divergence sum p_a log(p_a / p_b) of b from a, in
        nats, 0 or more, and its standard error.
    kl_quantiles : dict of float to float
        Quantiles 0, 0.25, 0.5, 0.75, 0.9, 0.99 and 1 of the divergences of rows: 0 is the smallest,
        1 the largest.

    Notes
    -----
    Each quantile is the divergence of some row: the inverse of the distribution function, without
    interpolation. A row that holds nan or +inf, or only -inf, in a or in b, makes the means and the
    quantiles nan and does not count as agreement. If a class has probability 0 in b but not in a,
    the divergence is inf. Without rows all metrics are nan.

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
    """

    __slots__ = ()  # see Evaluation

    def to_dict(self) -> dict[str, Any]:
        """Return a dict for JSON, for other programs; smoothxent can't read it back.

        Returns
        -------
        dict
            "format" and "version" identify the record. "a" and "b" are the results of
            `Evaluation.to_dict`. "metrics" holds the other attributes, with null for nan and inf.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import compare
        >>> record = compare(3 * np.eye(2), 2 * np.eye(2), [0, 1]).to_dict()
        >>> record["version"], record["metrics"]["agreement"]
        (1, 1.0)
        """
        metrics = {name: getattr(self, name) for name in METRICS}
        quantiles = {f"{share:g}": kl for share, kl in self.kl_quantiles.items()}
        return {
            "format": FORMAT,
            "version": VERSION,
            "metrics": {
                **{name: finite(value) for name, value in metrics.items()},
                "kl_quantiles": {share: finite(kl) for share, kl in quantiles.items()},
            },
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
        }

    def to_markdown(self) -> str:
        """Return the metrics of both and of their pairs of rows as Markdown tables.

        Returns
        -------
        str
            The title and two tables, an empty line before each; it ends with a line break.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import compare
        >>> print(compare(3 * np.eye(2), 2 * np.eye(2), [0, 1]).to_markdown().splitlines()[2])
        | metric | A | B | B - A |
        """
        return table.markdown(self)

    def __repr__(self) -> str:
        return table.line(self)

    def __str__(self) -> str:
        return table.text(self)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Comparison) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        """Return the value that equality and hash use: nan as text, because nan != nan."""
        numbers = (*(getattr(self, name) for name in METRICS), *self._kl_quantiles)
        return self.a, self.b, *("nan" if math.isnan(number) else number for number in numbers)

    def plot(self, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
        """Return a figure with the plots of both evaluations (see `Evaluation.plot`), a above b.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, optional
            The figure to draw into; by default a new Figure.

        Returns
        -------
        matplotlib Figure or SubFigure
            Two plots, titled A and B.

        Raises
        ------
        ModuleNotFoundError
            matplotlib is not installed; the extra "cli" installs it.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import compare
        >>> comparison = compare(3 * np.eye(2), 2 * np.eye(2), [0, 1])
        >>> comparison.plot().savefig("comparison.png")  # doctest: +SKIP
        """
        try:
            from smoothxent._comparison import plot
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'plot needs matplotlib; pip install "smoothxent[cli]"', name=error.name
            ) from error
        return plot.draw(self, figure)
