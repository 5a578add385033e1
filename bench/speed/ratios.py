"""docs/benchmark.png: times of other libraries relative to smoothxent, for every shape."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures import ratio_text

from .cases import Case
from .drawing import COLOURS, GREEN, GREY, OTHERS, RED, figure, machine, plain
from .records import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW, GAP = 1.0, 0.6  # distance of shapes, and additional distance of kinds of shapes
FEWEST_LOGITS = 1000  # the time of smaller calls is mostly their constant cost


def draw(run: Run, path: Path) -> None:
    groups = run.groups()
    lines = _lines({case for group in groups for case in run.cases(group) if _is_drawn(case)})
    with figure(path, (10, 0.27 * max(lines.values(), default=1) + 2.2)) as canvas:
        axes = canvas.subplots(1, len(groups), sharey=True, sharex=True, squeeze=False)[0]
        for ax, group in zip(axes, groups, strict=True):
            _panel(ax, run, group, lines)
        axes[0].set_yticks(list(lines.values()), [case.label for case in lines])
        axes[0].set_ylim(max(lines.values(), default=0) + 0.7, -0.7)
        axes[0].tick_params(axis="y", pad=52)  # room for the column of figures
        handles, names = axes[0].get_legend_handles_labels()
        entries = dict(zip(names, handles, strict=True))
        canvas.legend(
            entries.values(),
            entries.keys(),
            loc="outside upper center",
            ncols=len(entries),
            frameon=False,
            handletextpad=0.3,
            columnspacing=2,
        )
        canvas.supxlabel(
            f"{machine(run)}; figures: smoothxent against the fastest peer", fontsize=9, color=GREY
        )


def _is_drawn(case: Case) -> bool:
    return case.size >= FEWEST_LOGITS and case.label_smoothing > 0 and not case.ascending


def _lines(cases: set[Case]) -> dict[Case, float]:
    """Return the height of each shape, by kind and then by classes, with a gap between kinds."""
    dtypes = ("float32", "float64", "bfloat16", "float16")

    def kind(case: Case) -> tuple[int, bool]:
        return dtypes.index(case.dtype), not case.from_memory

    ordered = sorted(cases, key=lambda case: (*kind(case), case.num_classes, case.num_rows))
    lines = dict.fromkeys(ordered[:1], 0.0)
    for above, case in pairwise(ordered):
        lines[case] = lines[above] + ROW + GAP * (kind(case) != kind(above))
    return lines


def _panel(ax: Axes, run: Run, group: str, lines: dict[Case, float]) -> None:
    for case, line in lines.items():
        ratios = {
            name: ratio for name in run.peers(group) if (ratio := run.ratio(group, case, name))
        }
        if not ratios:
            continue
        least = min(ratios.values())
        colour = GREEN if least >= 1 else RED
        ax.barh(line, least - 1, left=1, height=0.62, color=colour, alpha=0.85, zorder=2)
        ax.annotate(
            ratio_text(least),
            (0, line),
            xycoords=("axes fraction", "data"),
            xytext=(-7, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color=colour,
            fontweight="bold",
            fontsize=10,
        )
        others = [ratio for name, ratio in ratios.items() if name != "PyTorch"]
        ax.scatter(others, [line] * len(others), s=20, color=OTHERS, zorder=3, lw=0)
        if "PyTorch" in ratios:
            ax.scatter(
                ratios["PyTorch"], line, s=42, marker="D", color=COLOURS["PyTorch"], zorder=4, lw=0
            )
    ax.barh(0, 0, color=GREEN, alpha=0.85, label="lead over the fastest peer")
    ax.scatter([], [], s=42, marker="D", color=COLOURS["PyTorch"], label="PyTorch")
    ax.scatter([], [], s=20, color=OTHERS, label="every other contender")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    ax.axvline(1, color=GREY, lw=1.2, zorder=5)
    ax.set_title(group.capitalize())
    ax.set_xlabel("times as long as smoothxent (log scale)", fontsize=10)
    plain(ax, grid="x")
