"""Parts that the pictures share: colours, fonts, and saving a figure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.peers import OURS

from .records import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {OURS: "#0b7a53", "PyTorch": "#e4572e"}
OTHERS = "#9aa5b8"
GREEN, RED = COLOURS[OURS], "#c62828"
INK, GREY, FAINT = "#24292f", "#57606a", "#d8dee4"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": GREY,
    "xtick.color": GREY,
    "ytick.color": INK,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}


@contextmanager
def figure(path: Path, size: tuple[float, float]) -> Iterator[Figure]:
    """Open a figure of `size` inches, saved at the end; 10 inches are the width of the README."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        canvas = plt.figure(figsize=size, layout="constrained")
        yield canvas
        canvas.savefig(path, dpi=160, facecolor="white", metadata={"Software": None})
        plt.close(canvas)


def plain(ax: Axes, grid: Literal["x", "y"]) -> None:
    """Remove the frame, and keep the grid lines of one axis."""
    ax.grid(axis=grid, color=FAINT, lw=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)


def machine(run: Run) -> str:
    threads = "1 thread" if run.threads == 1 else f"{run.threads} threads"
    return f"{run.cpu}, {threads}, {run.instruction_set}; {run.day}"
