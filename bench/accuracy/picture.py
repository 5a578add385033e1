"""docs/accuracy.png: errors in each regime as multiples of smoothxent's bounds."""

from __future__ import annotations

from pathlib import Path

from bench.peers import OURS
from bench.speed.drawing import COLOURS, GREY, OTHERS, figure, plain

from .bounds import FUNCTIONS, MEAN, MEAN_OF_ROWS
from .records import REGIME, Campaign

LEAST, MOST, INFINITE = 0.02, 1e10, 1e11  # multiples of a bound


def draw(campaign: Campaign, path: Path, dtype: str = "float32") -> None:
    functions = [name for name in FUNCTIONS if name not in (MEAN, MEAN_OF_ROWS)]
    libraries = list(campaign.versions)
    with figure(path, (10, 3.6)) as canvas:
        axes = canvas.subplots(1, len(functions), sharey=True)
        for ax, function in zip(axes, functions, strict=True):
            for place, library in enumerate(libraries):
                records = campaign.select(library, function, dtype, REGIME)
                heights = [
                    INFINITE if r.fraction is None else min(max(r.fraction, LEAST), MOST)
                    for r in records
                ]
                colour = COLOURS.get(library, OTHERS)
                ax.scatter([place] * len(heights), heights, s=22, color=colour, alpha=0.7, lw=0)
            ax.axhline(1, color=COLOURS[OURS], lw=1)
            ax.set_yscale("log")
            ax.set_xticks(range(len(libraries)), libraries, rotation=90, fontsize=9)
            ax.set_title(function)
            plain(ax, grid="y")
        axes[0].set_yticks(
            [0.1, 1, 1e3, 1e6, 1e9, INFINITE], [".1", "1", "1e3", "1e6", "1e9", "inf"]
        )
        axes[0].set_ylabel("error / smoothxent's bound (log scale)", fontsize=10)
        canvas.supxlabel(
            f"{dtype}; a dot is the worst error in a regime; {campaign.cpu}, {campaign.day}",
            fontsize=9,
            color=GREY,
        )
