"""The demo's picture: loss curves, a reliability diagram and the distribution of confidence."""

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from smoothxent.cli.demo.training import NUM_CLASSES, Run

COLOURS = ("#c44e52", "#2f6fab")  # without, with label smoothing
INK, FAINT = "#333333", "#bbbbbb"


def draw(plain: Run, smoothed: Run, path: Path) -> None:
    """Save the picture of both runs; the suffix of `path` chooses the format."""
    runs = (plain, smoothed)
    figure = Figure(figsize=(14, 4.6), layout="constrained")
    losses, diagram, confidence = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
    _draw_losses(losses, runs)
    _draw_reliability(diagram, runs)
    _draw_confidence(confidence, runs)
    for axes in (losses, diagram, confidence):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK, labelsize=9)
        axes.title.set(fontsize=11.5, fontweight="bold", color=INK)
    figure.savefig(path, dpi=144)


def target_nll(label_smoothing: float, num_classes: int) -> float:
    """Return the loss on the label if the prediction is exactly the smoothed label."""
    return -math.log(1 - label_smoothing + label_smoothing / num_classes)


def _name(run: Run) -> str:
    return f"label_smoothing = {run.label_smoothing:g}"


def _draw_losses(axes: Axes, runs: tuple[Run, Run]) -> None:
    for run, colour in zip(runs, COLOURS, strict=True):
        axes.plot(
            run.curve.epochs,
            run.curve.train,
            color=colour,
            linewidth=2,
            label=f"{_name(run)}, train",
        )
        axes.plot(
            run.curve.epochs,
            run.curve.test,
            color=colour,
            linewidth=1.6,
            linestyle=(0, (4, 2)),
            label=f"{_name(run)}, test",
        )
    floor = target_nll(runs[1].label_smoothing, NUM_CLASSES)
    axes.axhline(floor, color=COLOURS[1], linewidth=0.9, linestyle=":")
    axes.annotate(
        f"prediction = smoothed label: {floor:.3f}",
        (runs[0].curve.epochs[-1], floor),
        (0, -5),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=8.5,
        color=COLOURS[1],
    )
    axes.set(
        title="Loss on the label",
        xlabel="epoch",
        ylabel="loss on the label, nats",
        xscale="log",
        yscale="log",
        xlim=(1, max(2, runs[0].curve.epochs[-1])),
    )
    axes.legend(frameon=False, fontsize=8.5, loc="lower left")


def _draw_reliability(axes: Axes, runs: tuple[Run, Run]) -> None:
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.2, zorder=0)
    for run, colour in zip(runs, COLOURS, strict=True):
        filled = [each for each in run.test.bins if each.count]
        confidence = [each.confidence for each in filled]
        accuracy = [each.accuracy for each in filled]
        axes.plot(confidence, accuracy, color=colour, linewidth=1.4, alpha=0.4)
        axes.scatter(
            confidence,
            accuracy,
            [12 + 300 * each.count / run.test.count for each in filled],
            color=colour,
            alpha=0.75,
            linewidth=0,
            clip_on=False,
            label=f"{_name(run)}, ECE {run.test.calibration_error:.3f}",
        )
    axes.text(0.03, 0.97, "underconfident", va="top", fontsize=9, color=INK, style="italic")
    axes.text(0.97, 0.24, "overconfident", ha="right", fontsize=9, color=INK, style="italic")
    axes.set(
        title="Reliability diagram, test digits",
        xlabel="confidence (mean of a bin)",
        ylabel="accuracy",
        xlim=(0, 1.02),
        ylim=(0, 1.02),
        aspect="equal",
    )
    legend = axes.legend(frameon=False, fontsize=8.5, loc="lower right")
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set(sizes=[40])


def _draw_confidence(axes: Axes, runs: tuple[Run, Run]) -> None:
    for run, colour in zip(runs, COLOURS, strict=True):
        bins = run.test.bins
        axes.bar(
            [each.low for each in bins],
            [each.count / run.test.count for each in bins],
            1 / len(bins),
            align="edge",
            color=colour,
            alpha=0.45,
            label=f"{_name(run)}: mean {run.test.confidence:.3f}",
        )
    axes.set(
        title="Distribution of confidence, test digits",
        xlabel="confidence",
        ylabel="share of the digits",
        xlim=(0, 1),
    )
    axes.legend(frameon=False, fontsize=8.5, loc="upper left")
