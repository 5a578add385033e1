"""Figures of several evaluations, one above the other."""

from collections.abc import Mapping

from matplotlib.figure import Figure, SubFigure

from smoothxent._comparison.pair_metrics import PairMetrics
from smoothxent._evaluation.evaluation import Evaluation


def draw(comparison: PairMetrics, figure: Figure | SubFigure | None) -> Figure | SubFigure:
    """Draw a comparison into the figure, or into a new one, and return it."""
    return draw_stacked({"A": comparison.a, "B": comparison.b}, figure)


def draw_stacked(
    evaluations: Mapping[str, Evaluation], figure: Figure | SubFigure | None
) -> Figure | SubFigure:
    """Draw two evaluations by title into the figure, or into a new one, and return it."""
    if figure is None:
        figure = Figure(figsize=(11, 10), layout="constrained")
    parts = figure.subfigures(len(evaluations), squeeze=False, hspace=0.05).flat
    for (title, evaluation), part in zip(evaluations.items(), parts, strict=True):
        evaluation.plot(part)
        part.suptitle(title, x=0.01, ha="left", fontsize=16, fontweight="bold")
    return figure
