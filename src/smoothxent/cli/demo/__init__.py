"""Train on digits with wrong labels, with and without label smoothing, and show what changes."""

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from smoothxent import cross_entropy, smooth_labels
from smoothxent.cli import options, results

LABEL_SMOOTHING = (0.0, 0.1)

# A common worked example of label smoothing: three rows, all classified correctly.
EXAMPLE_LOGITS = np.array([[4.0, 5.0, 10.0], [1.0, 5.0, 4.0], [1.0, 15.0, 4.0]])
EXAMPLE_LABELS = np.array([[0, 0, 1], [0, 1, 0], [0, 1, 0]])
EXAMPLE_SMOOTHING = 0.001


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `smoothxent demo`."""
    parser.add_argument(
        "--output",
        metavar="FILE.png",
        type=options.picture_file,
        default=Path("smoothxent-demo.png"),
        help="the picture to save, also as .pdf or .svg (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs",
        metavar="N",
        type=options.positive,
        default=700,
        help="passes over the training digits (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        metavar="S",
        type=options.not_negative,
        default=0,
        help="seed of the split, the wrong labels and the first weights (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Print the worked example and the table of both classifiers, and save the picture."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from threadpoolctl import threadpool_limits

    from smoothxent.cli.demo import picture, report, training

    options.check_writable(arguments.output, "--output")
    _print_worked_example()
    digits = training.digits(arguments.seed)
    screen = Console(stderr=True)
    # The products are small: a second BLAS thread would only wait, for long on a busy machine.
    with (
        threadpool_limits(1, user_api="blas"),
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=screen,
            transient=True,
            disable=not screen.is_terminal,
        ) as progress,
    ):
        plain, smoothed = [
            training.train(
                digits,
                label_smoothing=label_smoothing,
                epochs=arguments.epochs,
                seed=arguments.seed,
                advance=partial(
                    progress.advance,
                    progress.add_task(
                        f"label_smoothing = {label_smoothing}", total=arguments.epochs
                    ),
                ),
            )
            for label_smoothing in LABEL_SMOOTHING
        ]
    report.show(plain, smoothed)
    results.write_whole(arguments.output, lambda draft: picture.draw(plain, smoothed, draft))
    print(f"\nPicture: {arguments.output}")


def _print_worked_example() -> None:
    plain = cross_entropy(EXAMPLE_LOGITS, EXAMPLE_LABELS)
    smoothed = cross_entropy(EXAMPLE_LOGITS, EXAMPLE_LABELS, label_smoothing=EXAMPLE_SMOOTHING)
    table = smooth_labels(EXAMPLE_LABELS, EXAMPLE_SMOOTHING)
    rows = zip(EXAMPLE_LOGITS, EXAMPLE_LABELS, table, strict=True)
    print("A worked example: three rows of logits, their labels and the labels smoothed by 0.001\n")
    for logits, labels, targets in rows:
        print(f"  {logits!s:<15} {labels!s:<9}{np.array2string(targets, precision=8)}")
    print(f"\n  loss                        {plain!r}")
    print(f"  loss, label_smoothing=0.001 {smoothed!r}\n")
