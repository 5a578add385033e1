"""Compute loss, accuracy, calibration and other metrics of logits in files, in one read.

LOGITS and LABELS are files of arrays, or quoted patterns of the shards of one.
"""

import argparse

from smoothxent import evaluate_file
from smoothxent.cli import inputs, options, progress, refusals, results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and options of `smoothxent evaluate`."""
    parser.add_argument("logits", metavar="LOGITS", type=options.file, help=inputs.LOGITS)
    parser.add_argument("labels", metavar="LABELS", type=options.file, help=inputs.LABELS)
    inputs.add_arguments(parser)
    parser.add_argument(
        "--sample-weight", metavar="FILE", type=options.file, help="a weight for each row: a file"
    )
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
        help="replaces each logit x by C tanh(x / C), before the temperature",
    )
    parser.add_argument(
        "--class-weight", metavar="FILE", type=options.file, help="a weight for each class: a .npy"
    )
    parser.add_argument(
        "--prior",
        metavar="FILE",
        type=options.file,
        help="a share for each class, for label smoothing: a .npy (default: all equal)",
    )
    results.add_arguments(parser, "save the result as JSON, for `smoothxent merge`")


def run(arguments: argparse.Namespace) -> None:
    """Evaluate the files, a bar on the terminal meanwhile, and hand over the result."""
    of_classes = {"class_weight": arguments.class_weight, "prior": arguments.prior}
    files = (arguments.logits, arguments.labels, arguments.sample_weight, *of_classes.values())
    results.check(arguments, *files)
    settings = inputs.settings(arguments)
    settings |= {"temperature": arguments.temperature, "softcap": arguments.softcap}
    settings |= {name: inputs.array(file) for name, file in of_classes.items()}
    settings["sample_weight"] = arguments.sample_weight
    with refusals.naming(**of_classes), progress.shown(not arguments.quiet) as tell:
        evaluation = evaluate_file(arguments.logits, arguments.labels, **settings, progress=tell)
    results.hand_over(evaluation, arguments)
