"""Output of a command's result: printed in a format, saved as JSON, plotted."""

import argparse
import csv
import io
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from smoothxent import Comparison, Evaluation, Temperature
from smoothxent._records.files import text_of, write_whole
from smoothxent._reports.numbers import number, plural
from smoothxent.cli import inputs, options

Result: TypeAlias = Evaluation | Comparison | Temperature


def add_arguments(parser: argparse.ArgumentParser, to_save: str) -> None:
    """Add the options for the format and the files of the result."""
    inputs.add_arguments(parser, "--format", choices=FORMATS)
    inputs.add_arguments(parser, "--json", help=f"{to_save}; - prints it to stdout instead")
    inputs.add_arguments(parser, "--plot", "--quiet")
    parser.set_defaults(bytes=None, interval=None)


def check(arguments: argparse.Namespace, *names: str | None) -> None:
    """Raise, before the work begins, if its result can't be saved or plotted.

    An output that is also an input, or the other output, is a usage error.
    """
    if arguments.json == "-" and arguments.format not in (None, "json"):
        arguments.error(f"argument --json: - prints JSON to stdout, not {arguments.format}")
    used = [file for each in names if each is not None for file in _files_of(each)]
    for output in ("json", "plot", "per_class", "per_group", "apply_json"):
        option, name = f"--{output.replace('_', '-')}", getattr(arguments, output, None)
        if name in (None, "-", True, False):
            continue
        file = Path(name)
        if any(_are_same(file, each) for each in used):
            rule = f"must differ from all other input and output files, got {str(file)!r}"
            arguments.error(f"argument {option}: {rule}")
        options.check_writable(file, option)
        used.append(file)
    if arguments.plot:
        import matplotlib  # noqa: F401


def _files_of(argument: str) -> list[Path]:
    """Return all files that an argument may mean; a `::NAME` at its end is dropped."""
    path = argument if Path(argument).exists() else argument.rpartition("::")[0] or argument
    return inputs.files(path)


def _are_same(file: Path, other: Path) -> bool:
    if file.exists() and other.exists():
        return file.samefile(other)
    return os.path.realpath(file) == os.path.realpath(other)


def write(result: Result, arguments: argparse.Namespace) -> None:
    """Save the result to the files that the options name, then print it."""
    save(result, arguments.json)
    if arguments.plot:
        figure = result.plot().figure
        write_whole(arguments.plot, lambda draft: figure.savefig(draft, dpi=144))
    for option, attribute in (("per_class", "classes"), ("per_group", "groups")):
        if isinstance(file := getattr(arguments, option, None), Path):
            write_whole(file, _writer(_csv_of_each(attribute, getattr(result, attribute))))
    if arguments.json == "-":
        print(_json(result, arguments), end="")
    elif not arguments.quiet:
        print(FORMATS[arguments.format or "table"](result, arguments), end="")


def save(result: Result, name: str | None) -> None:
    """Save the result as JSON, unless the name is None, or - for stdout."""
    if name not in (None, "-"):
        result.save(name)


def _writer(text: str) -> Callable[[Path], object]:
    # A surrogate in an id, which UTF-8 lacks, is escaped as in tables.
    return lambda draft: draft.write_text(text, encoding="utf-8", errors="backslashreplace")


def _table(result: Result, arguments: argparse.Namespace) -> str:
    return f"{result.to_text(interval=arguments.interval)}\n{_bits(result, arguments)}"


def _markdown(result: Result, arguments: argparse.Namespace) -> str:
    return result.to_markdown(interval=arguments.interval) + _bits(result, arguments)


def _bits(result: Result, arguments: argparse.Namespace) -> str:
    """Return an empty line and one with the bits per byte, if the number of bytes is known."""
    if arguments.bytes is None or not isinstance(result, Evaluation):
        return ""
    bits = number(result.bits(per=arguments.bytes))
    return f"\nbits per byte: {bits}, for {plural(arguments.bytes, 'byte')}\n"


def _json(result: Result, _: argparse.Namespace) -> str:
    return text_of(result.to_dict())


def _csv(result: Result, arguments: argparse.Namespace) -> str:
    columns = _columns(result, result.to_dict()["metrics"])
    if isinstance(result, Comparison):
        columns["a_name"], columns["b_name"] = result.names
    if (groups := getattr(result, "groups", None)) is not None:
        columns["groups"] = len(groups.ids)
    if arguments.bytes is not None and isinstance(result, Evaluation):
        columns["bits_per_byte"] = result.bits(per=arguments.bytes)
    return _csv_of(columns, *([value] for value in columns.values()))


def _csv_of_each(attribute: str, metrics: Any) -> str:
    """Return a line for each class or group."""
    first, names = COLUMNS[attribute]
    arrays = [getattr(metrics, name).tolist() for name in names]
    keys = metrics.ids.tolist() if attribute == "groups" else range(len(metrics))
    return _csv_of([first, *names], keys, *arrays)


def _csv_of(head: Iterable[str], *columns: Iterable[object]) -> str:
    return "".join(map(_csv_line, [head, *zip(*columns, strict=True)]))


def _csv_line(cells: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # which quotes each \r and \n
    return text.getvalue()[:-2] + "\n"


def _columns(result: Any, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics of a record by name, with nan and inf as they are."""
    columns: dict[str, Any] = {}
    for name, written in metrics.items():
        value = getattr(result, name)
        if not isinstance(written, Mapping):
            if name != "groups":  # without groups
                columns[name] = value
            continue
        if isinstance(value, Mapping):  # by k or by share of the rows
            parts = dict(zip(written, value.values(), strict=True))
        else:
            parts = _columns(value, written)
        columns |= {f"{PREFIXES.get(name, name)}_{key}": each for key, each in parts.items()}
    return columns


PREFIXES = {"evaluation_before": "before", "evaluation": "after"}

COLUMNS = {  # of the files with a line for each group or class
    "groups": (
        "group",
        ["count", "weight", "nll", "nll_sum", "perplexity", "accuracy", "brier", "all_greedy"],
    ),
    "classes": (
        "class",
        ["count", "support", "predicted", "hits", "recall", "precision", "f1", "iou", "nll"],
    ),
}

FORMATS: dict[str, Callable[[Result, argparse.Namespace], str]] = {
    "table": _table,
    "markdown": _markdown,
    "json": _json,
    "csv": _csv,
}
