"""docs/roofline.png: logits per second for every shape, and the limits of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers import OURS
from bench.peers.peer import EXP_LIMIT, LIMITS, LOSS, READ_LIMIT

from .cases import Case
from .drawing import COLOURS, FAINT, GREEN, GREY, OTHERS, figure, machine, plain
from .records import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOFS = {READ_LIMIT: ("#2f6fab", "limit: reading"), EXP_LIMIT: ("#8250a8", "limit: exp")}
HEADROOM = 1.22  # space above the highest limit, for the percentages
OUT_OF_REACH = "#f3f4f6"


def draw(run: Run, path: Path) -> None:
    panels = [panel for panel in _panels(run).items() if panel[1]]
    if not panels:  # only peers were timed
        return
    first, *others = panels
    with figure(path, (10, 6.8)) as canvas:
        grid = canvas.add_gridspec(2, max(1, sum(len(cases) for _, cases in others)))
        top = canvas.add_subplot(grid[0, :])
        _panel(top, run, *first)
        column = 0
        for title, cases in others:
            ax = canvas.add_subplot(grid[1, column : column + len(cases)])
            _panel(ax, run, title, cases)
            column += len(cases)
        handles, names = top.get_legend_handles_labels()
        canvas.legend(
            handles,
            names,
            loc="outside upper center",
            ncols=len(names),
            frameon=False,
            handletextpad=0.5,
            columnspacing=2,
        )
        canvas.supylabel("billions of logits per second", fontsize=10, color=GREY)
        canvas.supxlabel(
            f"rows x classes, loss; {machine(run)}; percentages: smoothxent against "
            "the lower limit",
            fontsize=9,
            color=GREY,
        )


def _panels(run: Run) -> dict[str, list[Case]]:
    cases = [
        case
        for case in run.cases(LOSS)
        if run.fraction(case) and case.label_smoothing and not case.ascending
    ]
    cases.sort(key=lambda case: (case.num_classes, case.num_rows))
    panels = {
        "float32, from memory": [c for c in cases if c.from_memory and c.dtype == "float32"],
        "float32, in cache": [c for c in cases if not c.from_memory],
    }
    for dtype in ("float64", "bfloat16", "float16"):
        panels[dtype] = [c for c in cases if c.dtype == dtype]
    return panels


def _panel(ax: Axes, run: Run, title: str, cases: list[Case]) -> None:
    places = range(len(cases))
    edges = [-0.5, *places, len(cases) - 0.5]
    roofs = []
    for group in LIMITS:
        colour, label = ROOFS[group]
        roof = [_rate(run, group, case, "limits") for case in cases]
        roofs.append([roof[0], *roof, roof[-1]])
        ax.plot(edges, roofs[-1], color=colour, lw=2, label=label)
    ours = [_rate(run, LOSS, case, OURS) for case in cases]
    top = HEADROOM * max(*map(max, roofs), *ours)
    binding = [min(pair) for pair in zip(*roofs, strict=True)]
    ax.fill_between(edges, binding, top, color=OUT_OF_REACH, lw=0, zorder=0)
    ax.plot(places, ours, color=GREEN, lw=1.2, alpha=0.5)
    ax.scatter(places, ours, s=60, color=GREEN, zorder=4, label=OURS)
    for place, case in zip(places, cases, strict=True):
        ax.annotate(
            f"{run.fraction(case):.0%}",
            (place, 0.97),
            ha="center",
            va="top",
            xycoords=("data", "axes fraction"),
            color=GREEN,
            fontweight="bold",
            fontsize=10,
        )
    peers = (("fastest peer", OTHERS, "o"), ("PyTorch", COLOURS["PyTorch"], "D"))
    for name, colour, marker in peers:
        found = [
            run.fastest_peer(LOSS, case) if name == "fastest peer" else run.find(LOSS, case, name)
            for case in cases
        ]
        points = [(place, r.elements_per_s / 1e9) for place, r in enumerate(found) if r]
        ax.scatter(
            [place for place, _ in points],
            [rate for _, rate in points],
            s=26,
            color=colour,
            marker=marker,
            lw=0,
            zorder=3,
            clip_on=False,
            label=name,
        )
    ax.set_xticks(
        places, [f"{case.num_rows:,}\nx {case.num_classes:,}" for case in cases], fontsize=9
    )
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, top)
    ax.set_title(title)
    plain(ax, grid="y")
    ax.axhline(0, color=FAINT, lw=1)


def _rate(run: Run, group: str, case: Case, contender: str) -> float:
    found = run.find(group, case, contender)
    return case.size / found.median_s / 1e9 if found else float("nan")
