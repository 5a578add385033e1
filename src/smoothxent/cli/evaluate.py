"""Say what logits in files are worth on labels in files: every metric, from one read.

LOGITS and LABELS are .npy files, or quoted patterns of the shards of one: 'part-*.npy'.
"""

import argparse

from smoothxent import evaluate_file
from smoothxent.cli import inputs, progress, refusals, results

OF_ROWS = ("sample_weight",)
OF_CLASSES = ("class_weight", "prior")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and options of `smoothxent evaluate`."""
    parser.add_argument("logits", metavar="LOGITS", help=f"shape (N, C): {inputs.FILES}")
    parser.add_argument("labels", metavar="LABELS", help="N class indices: the same")
    inputs.add_arguments(parser)
    for name in (*OF_ROWS, *OF_CLASSES):
        of = "row" if name in OF_ROWS else "class"
        parser.add_argument(
            f"--{name.replace('_', '-')}", metavar="FILE", help=f"a number for each {of}"
        )
    results.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate the files, a bar on the terminal meanwhile, and hand over the result."""
    results.check(arguments)
    logits, labels = inputs.files(arguments.logits), inputs.files(arguments.labels)
    given = {name: getattr(arguments, name) for name in (*OF_ROWS, *OF_CLASSES)}
    settings = inputs.settings(arguments)
    settings |= {name: inputs.array(file) for name, file in given.items()}
    with refusals.naming(**given), progress.shown(not arguments.quiet) as tell:
        evaluation = evaluate_file(logits, labels, **settings, progress=tell)
    results.hand_over(evaluation, arguments)
