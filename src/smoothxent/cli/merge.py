"""Add up saved evaluations: the result has the same bits as one evaluation of all the rows."""

import argparse
import json
from pathlib import Path

from smoothxent import Evaluation
from smoothxent.cli import inputs, options, results
from smoothxent.cli.errors import CommandError, as_command_errors


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and options of `smoothxent merge`."""
    parser.add_argument(
        "parts",
        metavar="PART.json",
        nargs="+",
        type=options.file,
        help="files that `smoothxent evaluate --json` saved, or quoted patterns of them",
    )
    results.add_arguments(parser, "save the result as JSON, which can be merged again")


def run(arguments: argparse.Namespace) -> None:
    """Add up the parts, and write the result as for a single evaluation."""
    results.check(arguments, *arguments.parts)
    parts = [part for each in arguments.parts for part in inputs.files(each) or [Path(each)]]
    seen: set[Path] = set()
    for part in parts:
        if part.resolve() in seen:
            raise CommandError(
                f"{part}: given twice, which would count its rows twice; give it once"
            )
        seen.add(part.resolve())
    first, *others = parts
    whole = saved(first)
    for part in others:
        with as_command_errors(part):
            whole += saved(part)
    results.write(whole, arguments)


def saved(part: Path) -> Evaluation:
    """Return the evaluation that the file holds."""
    with as_command_errors(part):
        try:
            record = json.loads(part.read_text(encoding="utf-8"))
        except (RecursionError, ValueError) as error:
            remedy = "give a file that `smoothxent evaluate --json` saved"
            raise CommandError(f"{part}: not JSON; {remedy}") from error
        if isinstance(record, dict) and record.get("format") == "smoothxent.Comparison":
            remedy = "compare all rows at once, with patterns of shards"
            raise CommandError(f"{part}: a comparison, which can't be merged; {remedy}")
        return Evaluation.from_dict(record)
