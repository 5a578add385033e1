"""The figure of a comparison: what changes from a to b."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from smoothxent._comparison.pair_metrics import PairMetrics
from smoothxent._comparison.settings import NAMES
from smoothxent._evaluation.plot import BLUE, INK, RED, styled
from smoothxent._reports.numbers import measured, number

MOST_POINTS = 400  # square points of a bin that has all rows


def draw(comparison: PairMetrics, figure: Figure | SubFigure | None) -> Figure | SubFigure:
    """Draw into the figure, or into a new one, and return it."""
    if figure is None:
        figure = Figure(figsize=(13, 4.4), layout="constrained")
    reliability, change, divergence = figure.subplots(1, 3)
    _draw_reliability(reliability, comparison)
    change.set(title="Change of the label's probability", ylabel="probability of the label, B - A")
    change.axhline(0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    _draw_quantiles(change, comparison, "probability_change", "+")
    divergence.set(title="KL divergence of B from A", ylabel="nats")
    if any(0 < each < math.inf for each in comparison.kl_quantiles.values()):
        divergence.set_yscale("log")
    _draw_quantiles(divergence, comparison, "kl")
    styled((reliability, change, divergence))
    return figure


def _draw_reliability(axes: Axes, comparison: PairMetrics) -> None:
    both = zip(NAMES, comparison.names, (comparison.a, comparison.b), (BLUE, RED), strict=True)
    for letter, name, evaluation, colour in both:
        filled = [each for each in evaluation.shown_bins() if each.count]
        confidence = [each.confidence for each in filled]
        accuracy = [each.accuracy for each in filled]
        # The area of a point is its share of the rows.
        sizes = [MOST_POINTS * each.count / evaluation.count for each in filled]
        axes.plot(confidence, accuracy, color=colour, linewidth=0.9, alpha=0.6)
        shown = letter if name == letter else f"{letter}: {name}"
        error = f"calibration error {number(evaluation.calibration_error)}"
        axes.scatter(confidence, accuracy, sizes, color=colour, label=f"{shown}\n{error}")
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.set_title("Reliability")
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8.5)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _draw_quantiles(axes: Axes, comparison: PairMetrics, name: str, sign: str = "") -> None:
    """Draw the quantiles of a measure, and write its mean below the title."""
    quantiles = getattr(comparison, f"{name}_quantiles")
    shares = [100 * share for share in quantiles]
    axes.plot(shares, list(quantiles.values()), color=BLUE, marker=".")
    mean = " ".join(["mean", *measured(*comparison._measured(name), sign)]).rstrip()
    axes.set(title=f"{axes.get_title()}\n{mean}", xlabel="share of the rows, %", xlim=(0, 100))
