"""The figure of a comparison: the plots of both evaluations, one above the other."""

from matplotlib.figure import Figure, SubFigure

from smoothxent._comparison.pair_metrics import PairMetrics


def draw(comparison: PairMetrics, figure: Figure | SubFigure | None) -> Figure | SubFigure:
    """Draw into the figure, or into a new one, and return it."""
    if figure is None:
        figure = Figure(figsize=(11, 10), layout="constrained")
    parts = figure.subfigures(2, squeeze=False, hspace=0.05).flat
    for name, part, evaluation in zip("AB", parts, (comparison.a, comparison.b), strict=True):
        evaluation.plot(part)
        part.suptitle(name, x=0.01, ha="left", fontsize=16, fontweight="bold")
    return figure
