"""Add up saved evaluations, or comparisons: the result has the bits of one run over all rows."""

import argparse
import os
import reprlib
from pathlib import Path
from typing import Any, TypeAlias

from smoothxent import Comparison, Evaluation
from smoothxent._records.files import read
from smoothxent.cli import inputs, options, results
from smoothxent.cli.errors import CommandError, as_command_errors, name_file

Mergeable: TypeAlias = Evaluation | Comparison

NAMES: dict[type[Any], str] = {Evaluation: "an evaluation", Comparison: "a comparison"}
KINDS = {f"smoothxent.{kind.__name__}": kind for kind in NAMES}  # by the format of their records
TEMPERATURE = "smoothxent.Temperature"  # one number: it can't be added up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and options of `smoothxent merge`."""
    parser.add_argument(
        "parts",
        metavar="PART.json",
        nargs="+",
        type=options.file,
        help="files that --json saved, all of `smoothxent evaluate` or all of `smoothxent "
        "compare`, or quoted patterns of them",
    )
    names = "names of A and B in the sum of comparisons, for all parts"
    inputs.add_arguments(parser, "--names", help=names)
    inputs.add_arguments(parser, "--per-group", "--per-class")
    results.add_arguments(parser, "save the result as JSON, which can be merged again")
    inputs.add_arguments(parser, "--interval", "--bytes")


def run(arguments: argparse.Namespace) -> None:
    """Add up the parts, and write the result as for a single run."""
    results.check(arguments, *arguments.parts)
    parts = [part for each in arguments.parts for part in inputs.files(each) or [Path(each)]]
    seen: set[str] = set()
    for part in parts:
        place = os.path.realpath(part)
        if place in seen:
            raise CommandError(
                f"{part}: given twice, which would count its rows twice; give it once"
            )
        seen.add(place)
    first, *others = parts
    whole: Any = saved(first, arguments.names)
    for part in others:
        more = saved(part, arguments.names)
        if type(more) is not type(whole):
            rule = f"must hold {NAMES[type(whole)]}, like {first}"
            raise CommandError(f"{part}: {rule}, got {NAMES[type(more)]}; merge them apart")
        with as_command_errors(part):
            whole += more
    for option, name in (("class", "classes"), ("group", "groups")):
        is_wanted = getattr(arguments, f"per_{option}")
        if is_wanted and not hasattr(getattr(whole, name, None), "nll"):
            raise CommandError(f"{first}: holds no metrics of {name}; leave out --per-{option}")
    results.write(whole, arguments)


def saved(part: Path, names: tuple[str, str] | None) -> Mergeable:
    """Return the evaluation or comparison that the file holds; `names` are those of its a and b."""
    if part.is_dir():
        raise CommandError(f"{part}: is a folder; give its files, as in {part}/*.json")
    with as_command_errors(part), name_file(part):
        record = read(part)
        result = _kind_of(record).from_dict(record)
        if names is None:
            return result
        if isinstance(result, Comparison):
            return result.rename(names)
        kind = NAMES[type(result)]
        raise CommandError(f"{part}: holds {kind}, which has no names; leave out --names")


def _kind_of(record: object) -> type[Mergeable]:
    """Return the type of the record."""
    found = record.get("format") if isinstance(record, dict) else record
    if isinstance(found, str) and found in KINDS:
        return KINDS[found]
    rule = f"be one of {', '.join(map(repr, KINDS))}"
    remedy = "; --apply-json saves an evaluation" if found == TEMPERATURE else ""
    raise ValueError(f"format must {rule}, got {reprlib.repr(found)}{remedy}")
