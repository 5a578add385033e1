"""Fit the temperature that calibrates logits in files: the one with the least loss.

LOGITS and LABELS are files of arrays, or quoted patterns that match shards. Take rows that the
classifier was not trained on.
"""

import argparse

from smoothxent import fit_temperature_file
from smoothxent.cli import errors, inputs, options, progress, results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and options of `smoothxent calibrate`."""
    parser.set_defaults(remedy=inputs.QUOTE)
    inputs.add_arguments(parser, "logits", "labels", *inputs.READING, "--softcap")
    parser.add_argument(
        "--bounds",
        metavar="LOW,HIGH",
        type=options.several(options.number),
        default=(0.01, 100.0),
        help="the lowest and the highest temperature (default: 0.01,100)",
    )
    parser.add_argument(
        "--apply-json",
        metavar="FILE",
        type=options.saved_file,
        help="save the evaluation at the fitted temperature T, as `smoothxent evaluate "
        "--temperature T --json FILE` would",
    )
    results.add_arguments(parser, "save the temperature and both evaluations as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Fit the temperature with a progress bar for each read, and write the result."""
    files = (arguments.logits, arguments.labels, arguments.sample_weight)
    results.check(arguments, *files)
    settings = inputs.settings(arguments, "softcap", "bounds")
    named = errors.as_command_errors(logits=arguments.logits, labels=arguments.labels)
    with named, progress.shown(not arguments.quiet) as update:
        temperature = fit_temperature_file(*files[:2], **settings, progress=update)
    results.save(temperature.evaluation, arguments.apply_json)
    results.write(temperature, arguments)
