"""Temperature: the result of a fit, with the evaluations before and after it."""

from __future__ import annotations  # help() shows types by their names

from dataclasses import dataclass
from typing import Literal, TypeAlias

from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.metrics import MEANS
from smoothxent._evaluation.table import counts, label
from smoothxent._records.record import Recorded
from smoothxent._reports.numbers import number, plural
from smoothxent._reports.plotted import Picture, Plotted
from smoothxent._reports.report import Section

Bound: TypeAlias = Literal["lower", "upper"]

ENDS = {
    None: "",
    "lower": "\nat the lower bound, below which the nll falls further",
    "upper": "\nat the upper bound, above which the nll falls further",
}


@dataclass(frozen=True, repr=False)
class Temperature(Plotted, Recorded):
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

    _FORMAT, _VERSION = "smoothxent.Temperature", 3
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

    def __repr__(self) -> str:
        nll = f"nll {number(self.nll_before)} -> {number(self.nll_after)}"
        return f"Temperature({digits(self.value)}, {nll}, {counts(self.evaluation)})"

    def _title(self, interval: float | None = None) -> str:
        reads = plural(self.iterations, "read")
        rows = f"{counts(self.evaluation)}, {reads} of the logits"
        return f"Temperature {digits(self.value)} from {rows}; losses in nats{ENDS[self.bound]}"

    def _sections(self, interval: float | None = None) -> list[Section]:
        both = self.evaluation_before, self.evaluation
        names = dict.fromkeys(["nll", "perplexity", *MEANS, "calibration_error"])
        metrics = [(label(name), *(number(getattr(each, name)) for each in both)) for name in names]
        temperatures = ("temperature", *(digits(each.temperature) for each in both))
        return [Section([temperatures, *metrics], ("", "before", "after"))]

    def _draw(self, figure: Picture | None) -> Picture:
        from smoothxent._evaluation import plot

        both = self.evaluation_before, self.evaluation
        titles = [f"Temperature {digits(each.temperature)}" for each in both]
        return plot.draw_stacked(titles, both, figure)


def digits(value: float) -> str:
    """Return all digits of a temperature."""
    return f"{value:.8g}"
