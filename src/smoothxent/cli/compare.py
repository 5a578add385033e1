"""Compare the logits of two models or checkpoints on the same labels, row by row.

LOGITS_A, LOGITS_B and LABELS are files of arrays, or quoted patterns that match shards.
"""

import argparse

from smoothxent import compare_files
from smoothxent.cli import errors, inputs, options, progress, results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and options of `smoothxent compare`."""
    parser.add_argument("a", metavar="LOGITS_A", type=options.file, help=inputs.LOGITS)
    parser.add_argument(
        "b", metavar="LOGITS_B", type=options.file, help="the other logits, of the same shape"
    )
    parser.set_defaults(remedy=inputs.QUOTE)
    inputs.add_arguments(parser, "labels", "--label-smoothing", *inputs.READING)
    parser.add_argument(
        "--temperature",
        metavar="T[,T]",
        type=options.one_or_more(options.temperature),
        default=1.0,
        help="divide logits by T, a number or a file that `smoothxent calibrate --json` saved; two "
        "for A and for B (default: %(default)g)",
    )
    parser.add_argument(
        "--softcap",
        metavar="C[,C]",
        type=options.one_or_more(options.number),
        help="replace each logit x by C tanh(x / C), before the temperature; two for A and for B",
    )
    inputs.add_arguments(parser, "--groups")
    names = "names of A and B in the result (default: LOGITS_A and LOGITS_B)"
    inputs.add_arguments(parser, "--names", help=names)
    results.add_arguments(parser, "save the result as JSON, for `smoothxent merge`")
    inputs.add_arguments(parser, "--interval")


def run(arguments: argparse.Namespace) -> None:
    """Compare the files with a progress bar, and write the result."""
    files = (arguments.a, arguments.b, arguments.labels)
    results.check(arguments, *files, arguments.sample_weight, arguments.groups)
    settings = inputs.settings(arguments, "label_smoothing", "temperature", "softcap", "groups")
    settings["names"] = arguments.names or tuple(map(options.name, files[:2]))
    with errors.as_command_errors(), progress.shown(not arguments.quiet) as update:
        comparison = compare_files(*files, **settings, progress=update)
    results.write(comparison, arguments)
