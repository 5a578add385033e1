"""Compare the logits of two models or checkpoints on the same labels, pair by pair of rows.

LOGITS_A, LOGITS_B and LABELS are files of arrays, or quoted patterns of the shards of one.
"""

import argparse

from smoothxent import compare_files
from smoothxent.cli import inputs, options, progress, refusals, results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and options of `smoothxent compare`."""
    parser.add_argument("a", metavar="LOGITS_A", type=options.file, help=inputs.LOGITS)
    parser.add_argument(
        "b", metavar="LOGITS_B", type=options.file, help="the other logits, of the same shape"
    )
    parser.add_argument("labels", metavar="LABELS", type=options.file, help=inputs.LABELS)
    inputs.add_arguments(parser)
    parser.add_argument(
        "--temperature",
        metavar="T[,T]",
        type=options.above_zero_each,
        default=1.0,
        help="divides the logits of both, or those of A and those of B (default: %(default)g)",
    )
    parser.add_argument(
        "--softcap",
        metavar="C[,C]",
        type=options.above_zero_each,
        help="replaces each logit x of both, or of A and of B, by C tanh(x / C)",
    )
    results.add_arguments(parser, "save the result as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Compare the files, a bar on the terminal meanwhile, and hand over the result."""
    files = (arguments.a, arguments.b, arguments.labels)
    results.check(arguments, *files)
    settings = inputs.settings(arguments)
    settings |= {"temperature": arguments.temperature, "softcap": arguments.softcap}
    with refusals.naming(), progress.shown(not arguments.quiet) as tell:
        comparison = compare_files(*files, **settings, progress=tell)
    if arguments.format == "table" and not arguments.quiet and arguments.json != "-":
        print(f"A  {arguments.a}\nB  {arguments.b}\n")
    results.hand_over(comparison, arguments)
