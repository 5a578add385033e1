"""Figures of several evaluations, one above the other."""

from collections.abc import Sequence

from matplotlib.figure import Figure, SubFigure

from smoothxent._comparison.pair_metrics import PairMetrics
from smoothxent._comparison.table import heads
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.report import plot


def draw(comparison: PairMetrics, figure: Figure | SubFigure | None) -> Figure | SubFigure:
    """Draw a comparison into the figure, or into a new one, and return it."""
    return draw_stacked(heads(comparison), (comparison.a, comparison.b), figure)


def draw_stacked(
    titles: Sequence[str], evaluations: Sequence[Evaluation], figure: Figure | SubFigure | None
) -> Figure | SubFigure:
    """Draw evaluations, one above the other and with the same axes, and return the figure."""
    if figure is None:
        figure = Figure(figsize=(11, 10), layout="constrained")
    parts = figure.subfigures(len(evaluations), squeeze=False, hspace=0.05).flat
    for title, part, evaluation in zip(titles, parts, evaluations, strict=True):
        plot.draw(evaluation, part, same_axes=evaluations)
        part.suptitle(title, x=0.01, ha="left", fontsize=16, fontweight="bold", parse_math=False)
    return figure
