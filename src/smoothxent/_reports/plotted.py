"""Plotted: a result that also has a picture."""

from __future__ import annotations  # help() shows types by their names

from abc import abstractmethod
from typing import TYPE_CHECKING, TypeAlias

from smoothxent._reports.report import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

Picture: TypeAlias = "Figure | SubFigure"


class Plotted(Report):
    """A result that prints as tables and has a picture."""

    __slots__ = ()

    @abstractmethod
    def _draw(self, figure: Picture | None) -> Picture:
        """Import matplotlib, and draw into the figure or into a new one."""

    def plot(self, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
        """Return a figure of the result.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, optional
            The figure to draw into; by default a new Figure.

        Returns
        -------
        matplotlib Figure or SubFigure
            Of an evaluation: a reliability diagram with the isotonic regression of `reliability`,
            below it the number of rows of each bin, and a histogram of the loss on the label. Of a
            comparison: the reliability of both in one diagram, and quantiles over the rows of the
            change of the label's probability and of the divergence. Of a temperature: the pictures
            of both evaluations, before above after.

        Raises
        ------
        ModuleNotFoundError
            matplotlib is not installed; the extra "cli" installs it.

        Examples
        --------
        >>> from smoothxent import Evaluation
        >>> Evaluation.empty().plot().savefig("evaluation.png")  # doctest: +SKIP
        """
        try:
            return self._draw(figure)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'plot needs matplotlib; pip install "smoothxent[cli]"', name=error.name
            ) from error
