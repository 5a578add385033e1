"""The table of both classifiers, and the sentences that sum it up."""

import textwrap

from training import WRONG

SECTIONS = {
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


def show(*runs):
    """Print the table of both runs and the sentences that sum it up."""
    plain = runs[0]
    print_wrapped(
        f"Handwritten digits: {plain.train.count} for training, {WRONG:.0%} of them with a wrong "
        f"label; {plain.temperature.evaluation.count} for the temperature and {plain.test.count} "
        "for testing, with right labels. Losses are in nats; eps is the label smoothing."
    )
    print_row("", *(f"eps = {run.label_smoothing:g}" for run in runs))
    for section, rows in SECTIONS.items():
        print(f"\n{section}")
        for name, number in rows.items():
            print_row(f"  {name}", *(text(number(run)) for run in runs))
    print()
    print_wrapped(lesson(*runs))


def print_wrapped(sentences):
    print(textwrap.fill(sentences, 100), end="\n\n")


def print_row(name, *columns):
    print(f"{name:<26}" + "".join(f"{column:>12}" for column in columns))


def text(value):
    return f"{value:.4f}" if value >= 0.001 or value == 0 else f"{value:.1e}"


def lesson(plain, smoothed):
    """Return three sentences about the two runs, with their numbers."""
    test, smoothed_test = plain.test, smoothed.test
    fitted, smoothed_fitted = plain.calibrated, smoothed.calibrated
    return (
        "Without smoothing, the loss on the training labels, wrong ones included, goes to "
        f"{text(plain.train.nll)}; with eps = {smoothed.label_smoothing:g} it goes to "
        f"{text(smoothed.train.nll)}. On the test digits, smoothing takes the accuracy from "
        f"{test.accuracy:.3f} to {smoothed_test.accuracy:.3f} and the nll from {test.nll:.3f} to "
        f"{smoothed_test.nll:.3f}. It takes the confidence from {gap(test)} to "
        f"{gap(smoothed_test)}; with fitted temperatures, the calibration error is "
        f"{fitted.calibration_error:.3f} and {smoothed_fitted.calibration_error:.3f}, and the nll "
        f"{fitted.nll:.3f} and {smoothed_fitted.nll:.3f}."
    )


def gap(evaluation):
    points = 100 * (evaluation.confidence - evaluation.accuracy)
    return f"{abs(points):.1f} points {'above' if points > 0 else 'below'} accuracy"
