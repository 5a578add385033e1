"""The picture: loss and accuracy over the epochs, and a reliability diagram."""

import math

from matplotlib.figure import Figure
from training import NUM_CLASSES

COLOURS = ("#c44e52", "#2f6fab")  # without, with label smoothing
INK, FAINT = "#333333", "#bbbbbb"
FEWEST = 10  # rows of a bin in the reliability diagram: the accuracy of fewer says little


def draw(plain, smoothed, path):
    """Save the picture of both runs; the suffix of `path` chooses the format."""
    runs = (plain, smoothed)
    figure = Figure(figsize=(14, 4.6), layout="constrained")
    losses, accuracy, diagram = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 1))
    draw_losses(losses, runs)
    draw_accuracy(accuracy, runs)
    draw_reliability(diagram, runs)
    for axes in (losses, accuracy, diagram):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK, labelsize=9)
        axes.title.set(fontsize=11.5, fontweight="bold", color=INK)
    figure.savefig(path, dpi=144)


def target_nll(label_smoothing, num_classes):
    """Return the loss on the label if the prediction is exactly the smoothed label."""
    return -math.log(1 - label_smoothing + label_smoothing / num_classes)


def eps_of(run):
    return f"eps = {run.label_smoothing:g}"


def marker(run):
    """Return a mark for each epoch where a line would not be visible."""
    return "o" if len(run.curve.epochs) < 3 else ""


def draw_losses(axes, runs):
    for run, colour in zip(runs, COLOURS, strict=True):
        axes.plot(
            run.curve.epochs,
            run.curve.train,
            color=colour,
            linewidth=2,
            marker=marker(run),
            label=f"{eps_of(run)}, train",
        )
        axes.plot(
            run.curve.epochs,
            run.curve.test,
            color=colour,
            linewidth=1.6,
            linestyle=(0, (4, 2)),
            marker=marker(run),
            label=f"{eps_of(run)}, test",
        )
    floor = target_nll(runs[1].label_smoothing, NUM_CLASSES)
    axes.axhline(floor, color=COLOURS[1], linewidth=0.9, linestyle=":")
    axes.annotate(
        f"prediction = smoothed label: {floor:.3f}",
        (1, floor),
        (4, -4),
        textcoords="offset points",
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


def draw_accuracy(axes, runs):
    for run, colour in zip(runs, COLOURS, strict=True):
        axes.plot(
            run.curve.epochs,
            run.curve.accuracy,
            color=colour,
            linewidth=2,
            marker=marker(run),
            label=f"{eps_of(run)}: {run.test.accuracy:.3f} at the end",
        )
    axes.set(
        title="Accuracy, test digits",
        xlabel="epoch",
        ylabel="accuracy",
        xscale="log",
        xlim=(1, max(2, runs[0].curve.epochs[-1])),
        ylim=(min(0.5, *runs[0].curve.accuracy[-1:], *runs[1].curve.accuracy[-1:]), 1),
    )
    axes.legend(frameon=False, fontsize=8.5, loc="lower right")


def draw_reliability(axes, runs):
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.2, zorder=0)
    for run, colour in zip(runs, COLOURS, strict=True):
        for evaluation, style, name in (
            (run.test, "-", eps_of(run)),
            (run.calibrated, (0, (2, 2)), f"temperature {run.temperature.value:.2f}"),
        ):
            filled = [each for each in evaluation.bins if each.count >= FEWEST]
            axes.plot(
                [each.confidence for each in filled],
                [each.accuracy for each in filled],
                color=colour,
                linestyle=style,
                linewidth=1.6,
                marker="o",
                markersize=3.5,
                label=f"{name}: {evaluation.calibration_error:.3f}",
            )
    axes.text(0.03, 0.97, "underconfident", va="top", fontsize=9, color=INK, style="italic")
    axes.text(0.97, 0.42, "overconfident", ha="right", fontsize=9, color=INK, style="italic")
    axes.set(
        title="Calibration error, test digits",
        xlabel="confidence (mean of a bin)",
        ylabel="accuracy",
        xlim=(0, 1.02),
        ylim=(0, 1.02),
        aspect="equal",
    )
    axes.legend(frameon=False, fontsize=8.5, loc="lower right")
