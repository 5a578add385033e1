"""The README's picture: time per logit of every contender on every shape, log scale."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cases import Case
from .records import Run
from .report import OURS, case_label, ratio_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {OURS: "#0b7a53", "PyTorch": "#e4572e", "NumPy": "#4a6fa5", "SciPy": "#9aa5b8"}
MARKERS = {OURS: "o", "PyTorch": "D", "NumPy": "s", "SciPy": "^"}
INK, GREY, FAINT = "#24292f", "#57606a", "#d8dee4"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 11, "text.color": INK,
    "axes.labelcolor": GREY, "xtick.color": GREY, "ytick.color": INK,
}


def draw(run: Run, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    groups = run.groups()
    cases = list(dict.fromkeys(case for group in groups for case in _shown(run, group)))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(groups), figsize=(10, 0.33 * len(cases) + 1.9), sharey=True, squeeze=False,
            layout="constrained",
        )
        for ax, group in zip(axes[0], groups, strict=True):
            _panel(ax, run, group, cases)
        axes[0, 0].set_yticks(range(len(cases)), [case_label(case) for case in cases])
        axes[0, 0].set_ylim(len(cases) - 0.4, -0.6)
        found = [ax.get_legend_handles_labels() for ax in axes[0]]
        by_name = {name: handle for pair in found for handle, name in zip(*pair, strict=True)}
        names = [name for name in COLOURS if name in by_name]
        figure.legend([by_name[name] for name in names], names, loc="outside upper center",
                      ncols=len(names), frameon=False, handletextpad=0.1)
        threads = "1 thread" if run.threads == 1 else f"{run.threads} threads"
        figure.supxlabel(
            f"rows x classes; in green: times faster than the next best\n"
            f"{run.cpu}, {threads}, {run.instruction_set}; {run.day}", fontsize=9, color=GREY,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150, facecolor="white", metadata={"Software": None})
        plt.close(figure)


def _shown(run: Run, group: str) -> list[Case]:
    """Keep shapes big enough for a time per logit, and smoothing; from few classes to many."""
    cases = [case for case in run.cases(group) if case.size >= 1000 and case.label_smoothing]
    return sorted(cases, key=lambda case: (case.dtype, case.num_classes, case.num_rows))


def _panel(ax: Axes, run: Run, group: str, cases: list[Case]) -> None:
    for line, case in enumerate(cases):
        times = {name: 1e9 * found.median_s / case.size for name in COLOURS
                 if (found := run.find(group, case, name))}
        if not times:
            continue
        ax.plot([min(times.values()), max(times.values())], [line, line], color=FAINT, lw=3,
                solid_capstyle="round", zorder=1)
        for name, value in times.items():
            ours = name == OURS
            ax.scatter(value, line, s=75 if ours else 36, marker=MARKERS[name],
                       color=COLOURS[name], zorder=4 if ours else 3, label=name)
        rivals = [value for name, value in times.items() if name != OURS]
        if OURS in times and rivals:
            ax.annotate(ratio_text(min(rivals) / times[OURS]), (min(times.values()), line),
                        xytext=(-9, 0), textcoords="offset points", ha="right", va="center",
                        color=COLOURS[OURS], fontweight="bold", fontsize=10)
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.set_xlim(low * (low / high) ** 0.13, high)  # room for the first column of figures
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_title(group.capitalize(), loc="left", fontsize=12.5, fontweight="bold")
    ax.set_xlabel("nanoseconds per logit (log scale)", fontsize=10)
    ax.grid(axis="x", color=FAINT, lw=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
