"""The demo's table, and a sentence that sums it up."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from smoothxent import Evaluation
from smoothxent.cli.demo.training import Run

ROWS = {
    "loss, as trained": "loss",
    "loss on the label (NLL)": "nll",
    "accuracy": "accuracy",
    "mean confidence": "confidence",
    "Brier score": "brier",
    "calibration error": "calibration_error",
}


def show(plain: Run, smoothed: Run, *, num_rows: tuple[int, int]) -> None:
    """Print the table of both runs and the sentence that sums it up."""
    console = Console(highlight=False)
    title = (
        f"Handwritten digits: {num_rows[0]} for training, {num_rows[1]} for testing; losses in nats"
    )
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for run in (plain, smoothed):
        for part in ("train", "test"):
            table.add_column(f"eps = {run.label_smoothing:g}\n{part}", justify="right")
    for title, name in ROWS.items():
        evaluations = (plain.train, plain.test, smoothed.train, smoothed.test)
        table.add_row(title, *(_number(getattr(each, name)) for each in evaluations))
    console.print(table)
    console.print(lesson(plain, smoothed))


def _number(value: float) -> str:
    return f"{value:.4f}" if value >= 0.001 else f"{value:.1e}"


def lesson(plain: Run, smoothed: Run) -> str:
    """Return a sentence about the two runs, with their numbers."""
    before, after = plain.test, smoothed.test
    return (
        f"On the training digits, the loss on the label is {_trend(plain)} without smoothing, "
        f"{_trend(smoothed)} with it. On the test digits, confidence goes from {_gap(before)} to "
        f"{_gap(after)}, accuracy from {before.accuracy:.3f} to {after.accuracy:.3f}, the "
        f"calibration error from {before.calibration_error:.3f} to {after.calibration_error:.3f}."
    )


def _trend(run: Run) -> str:
    """Return the last training loss on the label, and whether the last half moved it by a tenth."""
    end = run.curve.train[-1]
    half = next(
        (
            loss
            for epoch, loss in zip(run.curve.epochs, run.curve.train, strict=True)
            if run.curve.epochs[-1] <= 2 * epoch < 2 * run.curve.epochs[-1]
        ),
        None,
    )
    if half is None:  # one epoch shows no trend
        return _number(end)
    moving = "still falling" if end < 0.9 * half else "rising" if end > 1.1 * half else "settled"
    return f"{_number(end)} and {moving}"


def _gap(evaluation: Evaluation) -> str:
    points = 100 * (evaluation.confidence - evaluation.accuracy)
    return f"{abs(points):.1f} points {'above' if points > 0 else 'below'} accuracy"
