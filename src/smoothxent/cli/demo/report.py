"""The demo's table, and the sentences that sum it up."""

from collections.abc import Callable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from smoothxent import Evaluation
from smoothxent.cli.demo.training import WRONG, Run

SECTIONS: dict[str, dict[str, Callable[[Run], float]]] = {
    "training digits": {
        "loss, as trained": lambda run: run.train.loss,
        "loss on the label (nll)": lambda run: run.train.nll,
    },
    "test digits": {
        "accuracy": lambda run: run.test.accuracy,
        "loss on the label (nll)": lambda run: run.test.nll,
        "Brier score": lambda run: run.test.brier,
        "mean confidence": lambda run: run.test.confidence,
        "calibration error": lambda run: run.test.calibration_error,
    },
    "test digits, with a fitted temperature": {
        "temperature": lambda run: run.temperature.value,
        "loss on the label (nll)": lambda run: run.calibrated.nll,
        "Brier score": lambda run: run.calibrated.brier,
        "mean confidence": lambda run: run.calibrated.confidence,
        "calibration error": lambda run: run.calibrated.calibration_error,
    },
}


def show(plain: Run, smoothed: Run) -> None:
    """Print the table of both runs and the sentences that sum it up."""
    console = Console(highlight=False)
    runs = plain, smoothed
    console.print(
        f"Handwritten digits: {plain.train.count} for training, {WRONG:.0%} of them with a wrong "
        f"label; {plain.temperature.evaluation.count} for the temperature and {plain.test.count} "
        "for testing, with right labels. Losses are in nats; eps is the label smoothing."
    )
    table = Table(box=SIMPLE_HEAD)
    table.add_column("")
    for run in runs:
        table.add_column(f"eps = {run.label_smoothing:g}", justify="right")
    for section, rows in SECTIONS.items():
        table.add_row(f"[bold]{section}[/bold]")
        for name, number in rows.items():
            table.add_row(f"  {name}", *(_text(number(run)) for run in runs))
        table.add_section()
    console.print(table)
    console.print(lesson(plain, smoothed))


def _text(value: float) -> str:
    return f"{value:.4f}" if value >= 0.001 or value == 0 else f"{value:.1e}"


def lesson(plain: Run, smoothed: Run) -> str:
    """Return three sentences about the two runs, with their numbers."""
    test, smoothed_test = plain.test, smoothed.test
    fitted, smoothed_fitted = plain.calibrated, smoothed.calibrated
    return (
        "Without smoothing, the loss on the training labels, wrong ones included, goes to "
        f"{_text(plain.train.nll)}; with eps = {smoothed.label_smoothing:g} it goes to "
        f"{_text(smoothed.train.nll)}. On the test digits, smoothing takes the accuracy from "
        f"{test.accuracy:.3f} to {smoothed_test.accuracy:.3f} and the nll from {test.nll:.3f} to "
        f"{smoothed_test.nll:.3f}. It takes the confidence from {_gap(test)} to "
        f"{_gap(smoothed_test)}; with fitted temperatures, the calibration error is "
        f"{fitted.calibration_error:.3f} and {smoothed_fitted.calibration_error:.3f}, and the nll "
        f"{fitted.nll:.3f} and {smoothed_fitted.nll:.3f}."
    )


def _gap(evaluation: Evaluation) -> str:
    points = 100 * (evaluation.confidence - evaluation.accuracy)
    return f"{abs(points):.1f} points {'above' if points > 0 else 'below'} accuracy"
