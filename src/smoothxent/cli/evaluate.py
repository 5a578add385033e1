"""Compute loss, accuracy, calibration and other metrics of logits in files.

LOGITS and LABELS are files of arrays, or quoted patterns that match shards.
"""

import argparse

from smoothxent import evaluate_file
from smoothxent.cli import errors, inputs, options, progress, results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and options of `smoothxent evaluate`."""
    parser.add_argument("logits", metavar="LOGITS", type=options.file, help=inputs.LOGITS)
    parser.add_argument("labels", metavar="LABELS", type=options.file, help=inputs.LABELS)
    inputs.add_label_smoothing(parser)
    inputs.add_arguments(parser)
    parser.add_argument(
        "--temperature",
        metavar="T",
        type=options.temperature,
        default=1.0,
        help="divide the logits by T, a number or a file that `smoothxent calibrate --json` saved "
        "(default: %(default)g)",
    )
    inputs.add_softcap(parser)
    parser.add_argument(
        "--class-weight",
        metavar="FILE",
        type=options.file,
        help=".npy file with a weight for each class",
    )
    parser.add_argument(
        "--prior",
        metavar="FILE",
        type=options.file,
        help=".npy file with the share of each class in label smoothing (default: uniform)",
    )
    inputs.add_groups(parser, ", and the groups with the highest and the lowest nll")
    results.add_files(parser)
    results.add_arguments(parser, "save the result as JSON, for `smoothxent merge`")
    results.add_interval(parser)
    results.add_bytes(parser)


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
