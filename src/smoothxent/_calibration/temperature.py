"""Temperature: the result of a fit, with the evaluations before and after it."""

from __future__ import annotations  # help() shows types by their names

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from smoothxent._calibration import table
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.report.needed import matplotlib_is_needed
from smoothxent._records.record import Recorded

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

Bound: TypeAlias = Literal["lower", "upper"]

ENDS = {
    None: "",
    "lower": "; at the lower bound, below which the nll falls further",
    "upper": "; at the upper bound, above which the nll falls further",
}


@dataclass(frozen=True, repr=False)
class Temperature(Recorded):
    """The temperature with the least nll on labelled rows, as `fit_temperature` returns it.

    It prints as a table, in a notebook too. Its `repr` is one line. It is immutable.

    Attributes
    ----------
    value : float
        The temperature: the divisor of the logits, positive and finite; a bound, or a number of at
        most 8 significant digits.
    nll_before, nll_after : float
        Mean of -log p of the label in nats, at temperature 1 and at `value`.
    iterations : int
        The number of reads of the logits.
    bound : {"lower", "upper"} or None
        The bound that `value` is equal to, because the nll is still falling there; None if the
        minimum lies within the bounds.
    evaluation_before, evaluation : Evaluation
        All metrics at temperature 1 and at `value`.

    Examples
    --------
    >>> from smoothxent import fit_temperature
    >>> temperature = fit_temperature([[8.0, 0], [8, 0], [8, 0], [8, 0]], [0, 0, 0, 1])
    >>> round(temperature.value, 4), round(temperature.evaluation.confidence, 4)
    (7.2819, 0.75)
    """

    _FORMAT, _VERSION = "smoothxent.Temperature", 2
    _METRICS = (
        *("value", "nll_before", "nll_after", "iterations", "bound"),
        *("evaluation_before", "evaluation"),
    )

    evaluation_before: Evaluation
    evaluation: Evaluation
    iterations: int
    bound: Bound | None

    @property
    def value(self) -> float:
        """The temperature."""
        return self.evaluation.temperature

    @property
    def nll_before(self) -> float:
        """Mean of -log p of the label at temperature 1, in nats."""
        return self.evaluation_before.nll

    @property
    def nll_after(self) -> float:
        """Mean of -log p of the label at the fitted temperature, in nats."""
        return self.evaluation.nll

    @property
    def _end(self) -> str:
        """The last line of the tables: how the search has ended."""
        return f"{self.iterations} reads of the logits{ENDS[self.bound]}"

    def to_markdown(self) -> str:
        """Return the metrics before and after as a Markdown table.

        Returns
        -------
        str
            The title, an empty line and the table; it ends with a line break.

        Examples
        --------
        >>> from smoothxent import fit_temperature
        >>> temperature = fit_temperature([[8.0, 0], [8, 0], [8, 0]], [0, 0, 1])
        >>> print(temperature.to_markdown().splitlines()[2])
        | metric | before | after |
        """
        return table.markdown(self.evaluation_before, self.evaluation, self._end)

    def __repr__(self) -> str:
        return table.line(self.evaluation_before, self.evaluation)

    def __str__(self) -> str:
        return table.text(self.evaluation_before, self.evaluation, self._end)

    def _repr_html_(self) -> str:
        return table.html(self.evaluation_before, self.evaluation, self._end)

    def plot(self, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
        """Return a figure with the plots of both evaluations (see `Evaluation.plot`).

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, optional
            The figure to draw into; by default a new Figure.

        Returns
        -------
        matplotlib Figure or SubFigure
            Two plots, titled with their temperatures: before above after.

        Raises
        ------
        ModuleNotFoundError
            matplotlib is not installed; the extra "cli" installs it.

        Examples
        --------
        >>> from smoothxent import fit_temperature
        >>> temperature = fit_temperature([[8.0, 0], [8, 0], [8, 0]], [0, 0, 1])
        >>> temperature.plot().savefig("temperature.png")  # doctest: +SKIP
        """
        with matplotlib_is_needed():
            from smoothxent._comparison import plot
        both = self.evaluation_before, self.evaluation
        titles = [f"Temperature {table.digits(each.temperature)}" for each in both]
        return plot.draw_stacked(titles, both, figure)
