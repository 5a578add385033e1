"""The figure of an evaluation: a reliability diagram and a histogram of the losses."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from smoothxent._evaluation.calibration import reliability
from smoothxent._evaluation.metrics import Bin, Metrics
from smoothxent._evaluation.totals import HISTOGRAM_START, HISTOGRAM_STEPS
from smoothxent._reports.numbers import measured, number

BLUE, RED, GREEN, INK, FAINT = "#2f6fab", "#c44e52", "#55a868", "#333333", "#bbbbbb"
PLACES: Any = [["reliability", "losses"], ["counts", "losses"]]
BARS: dict[str, Any] = {"align": "edge", "edgecolor": "white", "linewidth": 0.8}
MOST_EDGES = 50  # bins whose bars have white edges
TITLE_PAD = 32  # points; puts the title at the height of the title over the histogram
HEADROOM = 1.25  # times the tallest bar: space for the legend

# Half octaves; one more at each end shows the count of the losses beyond.
EDGES = np.exp2(np.arange(-1, HISTOGRAM_STEPS + 2) / 2 + HISTOGRAM_START)
ONE_NAT = 64  # centre of the axis if there are no rows
FEWEST = 12  # half octaves on the axis, plus one at each end: they contain two powers of 10
# Ticks above the losses: probabilities of the label, far enough apart on this axis.
PROBABILITIES = ("0.99999999", "0.999999", "0.9999", "0.99", "0.9", "0.5", "0.01")


def draw(
    metrics: Metrics, figure: Figure | SubFigure | None, same_axes: Sequence[Metrics] = ()
) -> Figure | SubFigure:
    """Draw into the figure, or into a new one, and return it.

    The limits of the axes are those for `metrics` and all of `same_axes`.
    """
    if figure is None:
        figure = Figure(figsize=(11, 4.8), layout="constrained")
    axes = figure.subplot_mosaic(PLACES, height_ratios=(3, 1), width_ratios=(1, 1.4))
    axes["counts"].sharex(axes["reliability"])
    shown = (metrics, *same_axes)
    _draw_reliability(axes["reliability"], metrics)
    most = max(each.count for one in shown for each in one.shown_bins())
    _draw_counts(axes["counts"], metrics, most)
    _draw_losses(axes["losses"], metrics, np.array([each.histogram for each in shown]))
    styled(axes.values())
    return figure


def styled(axes: Iterable[Axes]) -> None:
    """Give all axes the style of our pictures."""
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.tick_params(colors=INK, labelsize=9)
        each.title.set(fontsize=11.5, fontweight="bold", color=INK)


def draw_stacked(
    titles: Sequence[str], evaluations: Sequence[Metrics], figure: Figure | SubFigure | None
) -> Figure | SubFigure:
    """Draw evaluations, one above the other and with the same axes, and return the figure."""
    if figure is None:
        figure = Figure(figsize=(11, 10), layout="constrained")
    parts = figure.subfigures(len(evaluations), squeeze=False, hspace=0.05).flat
    for title, part, evaluation in zip(titles, parts, evaluations, strict=True):
        draw(evaluation, part, same_axes=evaluations)
        part.suptitle(title, x=0.01, ha="left", fontsize=16, fontweight="bold", parse_math=False)
    return figure


def _draw_reliability(axes: Axes, metrics: Metrics) -> None:
    filled, style = _bars(metrics)
    low = [each.low for each in filled]
    kept = [min(each.accuracy, each.confidence) for each in filled]
    axes.bar(low, kept, color=BLUE, **style)
    for name, colour, sign in (("overconfident", RED, 1), ("underconfident", GREEN, -1)):
        gap = [max(0.0, sign * (each.confidence - each.accuracy)) for each in filled]
        if any(gap):
            axes.bar(low, gap, bottom=kept, color=colour, alpha=0.55, label=name, **style)
    curve = reliability(metrics._totals)
    if curve.confidence:
        axes.plot(curve.confidence, curve.recalibrated, color=INK, linewidth=1.5, label="isotonic")
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_title("Reliability diagram", pad=TITLE_PAD)
    axes.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.tick_params(labelbottom=False)
    # The legend is above the axes, because bars may reach the top.
    above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0, "ncols": 3}
    _explain(axes, f"calibration error {number(metrics.calibration_error)}", **above)


def _draw_counts(axes: Axes, metrics: Metrics, most: int) -> None:
    filled, style = _bars(metrics)
    low, count = [each.low for each in filled], [each.count for each in filled]
    axes.bar(low, count, color=FAINT, **style)
    axes.set(xlabel="confidence", ylabel="rows", ylim=(0, 1.05 * max(1, most)))
    _tick_rows(axes, 3)


def _bars(metrics: Metrics) -> tuple[list[Bin], dict[str, Any]]:
    """Return the bins with rows, and the style of their bars: many bars need all their width."""
    bins = metrics.shown_bins()
    edges = {} if len(bins) <= MOST_EDGES else {"linewidth": 0}
    return [each for each in bins if each.count], BARS | {"width": 1 / len(bins)} | edges


def _draw_losses(axes: Axes, metrics: Metrics, histograms: NDArray[np.int64]) -> None:
    counts = np.array(metrics.histogram)
    filled = np.flatnonzero(histograms.any(axis=0))
    first, last = (filled[0], filled[-1]) if filled.size else (ONE_NAT, ONE_NAT)
    lacking = max(0, FEWEST - 1 - (last - first))
    first = min(max(0, first - lacking // 2), len(counts) - FEWEST)
    last = max(last, first + FEWEST - 1)
    axes.set_xscale("log")
    axes.bar(EDGES[1:-2], counts[1:-1], np.diff(EDGES[1:-1]), color=BLUE, **BARS)
    for i, side in ((0, f"below {EDGES[1]:.1e}"), (-1, f"{EDGES[-2]:g} or more")):
        if counts[i]:
            left, right = EDGES[:-1][i], EDGES[1:][i]
            axes.bar(left, counts[i], right - left, color=FAINT, label=side, **BARS)
    if 0 < metrics.nll < math.inf:
        mean = " ".join(["mean", *measured(metrics.nll, metrics.nll_stderr)]).rstrip()
        axes.axvline(metrics.nll, color=RED, linewidth=1.6, label=mean)
    axes.set_xlim(EDGES[max(first - 1, 0)], EDGES[min(last + 2, len(EDGES) - 1)])
    axes.set(title="Loss on the label", xlabel="nats", ylabel="rows")
    _tick_rows(axes, 6)
    axes.set_ylim(0, HEADROOM * max(1, int(histograms.max())))
    _explain(axes)
    _mark_probabilities(axes)


def _mark_probabilities(axes: Axes) -> None:
    """Add an axis of probabilities, exp(-nats), on top."""
    low, high = axes.get_xlim()
    places = {name: -math.log(float(name)) for name in PROBABILITIES}
    shown = {name: place for name, place in places.items() if low <= place <= high}
    top = axes.secondary_xaxis("top")
    top.set_xticks(list(shown.values()), list(shown))
    top.xaxis.set_minor_locator(NullLocator())
    top.tick_params(colors=INK, labelsize=8)
    top.spines["top"].set_visible(False)
    top.set_xlabel("probability of the label", fontsize=8.5, color=INK)


def _explain(axes: Axes, title: str | None = None, **place: Any) -> None:
    handles, _ = axes.get_legend_handles_labels()
    style: dict[str, Any] = {"alignment": "left", "fontsize": 8.5, "title_fontsize": 9}
    place = {"loc": "upper left"} | place
    axes.legend(handles=handles, title=title, frameon=False, **style, **place)


def _tick_rows(axes: Axes, most: int) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(most, integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
