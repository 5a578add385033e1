"""How a command hands over an evaluation: printed in a format, saved as JSON, drawn."""

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smoothxent import Evaluation
from smoothxent.cli import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where a result goes, and how it looks."""
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="table",
        help="how the result is printed (default: %(default)s)",
    )
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="save the exact totals, which `smoothxent merge` adds up; - prints them alone",
    )
    parser.add_argument(
        "--plot",
        metavar="FILE.png",
        type=options.picture_file,
        help="draw how sure against how right, and the losses; .pdf and .svg will do too",
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def check(arguments: argparse.Namespace) -> None:
    """Raise before the work is done where its result could not be saved or drawn."""
    if arguments.json not in (None, "-"):
        options.require_place_for(Path(arguments.json), "--json")
    if arguments.plot:
        import matplotlib  # noqa: F401

        options.require_place_for(arguments.plot, "--plot")


def hand_over(result: Evaluation, arguments: argparse.Namespace) -> None:
    """Save what is to be saved, then print the result."""
    if arguments.json not in (None, "-"):
        Path(arguments.json).write_text(_json(result), encoding="utf-8")
    if arguments.plot:
        result.plot().figure.savefig(arguments.plot, dpi=144)
    if arguments.json == "-":
        sys.stdout.write(_json(result))
    elif not arguments.quiet:
        sys.stdout.write(FORMATS[arguments.format](result))


def _table(result: Evaluation) -> str:
    return f"{result}\n"


def _markdown(result: Evaluation) -> str:
    return result.to_markdown()


def _json(result: Evaluation) -> str:
    return json.dumps(result.to_dict(), allow_nan=False, indent=1) + "\n"


def _csv(result: Evaluation) -> str:
    text = io.StringIO()
    columns = _columns(result)
    csv.writer(text, lineterminator="\n").writerows([columns, columns.values()])
    return text.getvalue()


def _columns(result: Evaluation) -> dict[str, Any]:
    """Return the numbers that `to_dict` names, by name, nan and inf among them."""
    names = ("count", "ignored", "weight", "label_smoothing", *result.to_dict()["metrics"])
    columns = {name: getattr(result, name) for name in names if name != "top_k"}
    return columns | {f"top_{k}": share for k, share in result.top_k.items() if k != 1}


FORMATS: dict[str, Callable[[Evaluation], str]] = {
    "table": _table,
    "markdown": _markdown,
    "json": _json,
    "csv": _csv,
}
