"""Evaluate logits in files against labels in files: every metric, from one read.

LOGITS and LABELS are files of arrays, or quoted patterns of the shards of one.
"""

import argparse

from smoothxent import evaluate_file
from smoothxent.cli import inputs, options, progress, refusals, results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and options of `smoothxent evaluate`."""
    parser.add_argument("logits", metavar="LOGITS", help=f"shape (N, C): {inputs.FILES}")
    parser.add_argument("labels", metavar="LABELS", help="N class indices: the same, or .txt")
    inputs.add_arguments(parser)
    parser.add_argument("--sample-weight", metavar="FILE", help="a number for each row: the same")
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=options.above_zero,
        default=1.0,
        help="divides the logits (default: %(default)g)",
    )
    parser.add_argument(
        "--softcap",
        metavar="C",
        type=options.above_zero,
        help="what no logit exceeds, C tanh(x / C), before the temperature",
    )
    for option in ("--class-weight", "--prior"):
        parser.add_argument(option, metavar="FILE", help="a number for each class, .npy")
    results.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate the files, a bar on the terminal meanwhile, and hand over the result."""
    results.check(arguments)
    of_classes = {"class_weight": arguments.class_weight, "prior": arguments.prior}
    settings = inputs.settings(arguments)
    settings |= {"temperature": arguments.temperature, "softcap": arguments.softcap}
    settings |= {name: inputs.array(file) for name, file in of_classes.items()}
    settings["sample_weight"] = arguments.sample_weight
    with refusals.naming(**of_classes), progress.shown(not arguments.quiet) as tell:
        evaluation = evaluate_file(arguments.logits, arguments.labels, **settings, progress=tell)
    results.hand_over(evaluation, arguments)
