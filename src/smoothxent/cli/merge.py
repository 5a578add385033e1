"""Add up saved evaluations of parts, exactly: the same bits as one evaluation of all the rows."""

import argparse
import json
from pathlib import Path

from smoothxent import Evaluation
from smoothxent.cli import inputs, options, results
from smoothxent.cli.refusals import Refusal, naming


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and options of `smoothxent merge`."""
    parser.add_argument(
        "parts",
        metavar="PART.json",
        nargs="+",
        type=options.file,
        help="what `smoothxent evaluate --json` saved; or quoted patterns of such files",
    )
    results.add_arguments(parser, "save the result as JSON, to be merged again")


def run(arguments: argparse.Namespace) -> None:
    """Add up the parts, and print and save the whole as if it were evaluated at once."""
    results.check(arguments, *arguments.parts)
    parts = [part for each in arguments.parts for part in inputs.files(each) or [Path(each)]]
    seen: set[Path] = set()
    for part in parts:
        if part.resolve() in seen:
            raise Refusal(f"{part}: given twice, which would count its rows twice; give it once")
        seen.add(part.resolve())
    first, *others = parts
    whole = saved(first)
    for part in others:
        with naming(part):
            whole += saved(part)
    results.hand_over(whole, arguments)


def saved(part: Path) -> Evaluation:
    """Return the evaluation that the file holds."""
    with naming(part):
        try:
            record = json.loads(part.read_text(encoding="utf-8"))
        except (RecursionError, ValueError) as error:
            remedy = "give a file that `smoothxent evaluate --json` saved"
            raise Refusal(f"{part}: not JSON; {remedy}") from error
        if isinstance(record, dict) and record.get("format") == "smoothxent.Comparison":
            remedy = "compare all rows at once, with patterns of shards"
            raise Refusal(f"{part}: a comparison, which can't be merged; {remedy}")
        return Evaluation.from_dict(record)
