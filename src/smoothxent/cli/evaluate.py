"""Compute loss, accuracy, calibration and other metrics of logits in files.

LOGITS and LABELS are files of arrays, or quoted patterns that match shards.
"""

import argparse

from smoothxent import evaluate_file
from smoothxent.cli import errors, inputs, options, progress, results

OF_CLASSES = {
    "--class-weight": "a weight for each class",
    "--prior": "the share of each class in label smoothing (default: uniform)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and options of `smoothxent evaluate`."""
    parser.set_defaults(remedy=inputs.QUOTE)
    inputs.add_arguments(parser, "logits", "labels", "--label-smoothing", *inputs.READING)
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=options.temperature,
        default=1.0,
        help="divide the logits by T, a number or a file that `smoothxent calibrate --json` saved "
        "(default: %(default)g)",
    )
    inputs.add_arguments(parser, "--softcap")
    for option, numbers in OF_CLASSES.items():
        parser.add_argument(
            option, metavar="FILE", type=options.file, help=f".npy file with {numbers}"
        )
    more = ", and the groups with the highest and the lowest nll"
    inputs.add_arguments(parser, "--groups", help=inputs.GROUPS + more)
    inputs.add_arguments(parser, "--per-group", "--per-class")
    results.add_arguments(parser, "save the result as JSON, for `smoothxent merge`")
    inputs.add_arguments(parser, "--interval", "--bytes")


def run(arguments: argparse.Namespace) -> None:
    """Evaluate the files with a progress bar, and write the result."""
    of_classes = {"class_weight": arguments.class_weight, "prior": arguments.prior}
    of_rows = (arguments.logits, arguments.labels, arguments.sample_weight, arguments.groups)
    files = (*of_rows, *of_classes.values())
    if arguments.per_group and not arguments.groups:
        arguments.error("argument --per-group: needs --groups")
    results.check(arguments, *files)
    settings = inputs.settings(arguments, "label_smoothing", "temperature", "softcap", "groups")
    settings |= {name: inputs.array(file) for name, file in of_classes.items()}
    settings["per_class"] = bool(arguments.per_class)
    with errors.as_command_errors(**of_classes), progress.shown(not arguments.quiet) as update:
        evaluation = evaluate_file(arguments.logits, arguments.labels, **settings, progress=update)
    results.write(evaluation, arguments)
