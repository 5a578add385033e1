"""Time the loss on this machine: smoothxent, a NumPy formula and, if installed, PyTorch."""

import argparse
import json
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import smoothxent
from smoothxent.cli import options, results
from smoothxent.cli.bench.stopwatch import LABEL_SMOOTHING, LIBRARIES

SHAPES = ("1x10", "100000x3", "100000x10", "20000x100", "8192x1000", "1024x32000", "256x128256")
QUICK_SHAPES = ("100000x10", "8192x1000")
SECONDS, QUICK_SECONDS = 0.5, 0.2  # for each library and shape
MODULES = {"smoothxent": "smoothxent", "NumPy": "numpy", "PyTorch": "torch"}
CHILD = "import sys; from smoothxent.cli.bench.stopwatch import main; sys.exit(main(sys.argv[1:]))"

Facts = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `smoothxent bench`."""
    parser.add_argument(
        "--threads",
        metavar="T",
        type=options.positive,
        default=smoothxent.info()["num_threads"],
        help="number of threads of each library that has threads (default: as many as the process "
        "may use)",
    )
    parser.add_argument("--quick", action="store_true", help="two shapes, a few seconds")
    parser.add_argument(
        "--json",
        metavar="FILE",
        type=options.file,
        help="save the figures; - prints them to stdout instead",
    )


def run(arguments: argparse.Namespace) -> None:
    """Time each library in a process of its own; print the table, save the figures."""
    shapes = QUICK_SHAPES if arguments.quick else SHAPES
    seconds = QUICK_SECONDS if arguments.quick else SECONDS
    if arguments.json == "-":
        print(json.dumps(measured(arguments.threads, seconds, shapes), indent=1))
        return
    from rich.console import Console

    if arguments.json:
        options.check_writable(Path(arguments.json), "--json")
    waiting = "timing; results are best on an idle machine"
    with Console(stderr=True).status(waiting, spinner="line"):  # an ASCII spinner
        figures = measured(arguments.threads, seconds, shapes)
    if arguments.json:
        results.write_text(Path(arguments.json), json.dumps(figures, indent=1) + "\n")
    show(figures)


def measured(threads: int, seconds: float, shapes: tuple[str, ...]) -> Facts:
    """Return the figures of all libraries, and the versions and settings behind them."""
    results = [
        facts
        for library in LIBRARIES
        if find_spec(MODULES[library])
        for facts in _timed(library, threads, seconds, shapes)
    ]
    for facts in results:
        rate = facts["num_rows"] * facts["num_classes"] / facts["median_s"]
        facts |= {"elements_per_s": rate, "gb_per_s": 4e-9 * rate}
    return {
        "smoothxent": smoothxent.__version__,
        "isa": smoothxent.info()["isa"],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "threads": threads,
        "dtype": "float32",
        "label_smoothing": LABEL_SMOOTHING,
        "results": results,
    }


def _timed(library: str, threads: int, seconds: float, shapes: tuple[str, ...]) -> list[Facts]:
    # Each library in its own process: waiting thread pools disturb each other's measurements.
    command = [sys.executable, "-c", CHILD, library, str(threads), str(seconds), *shapes]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(f"smoothxent: {library} failed and is left out", file=sys.stderr)
        return []
    return [json.loads(line) for line in done.stdout.splitlines()]


def show(figures: Facts) -> None:
    """Print one line a shape: time, rates, and the other libraries' times relative to ours."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    by_shape: dict[tuple[int, int], dict[str, Facts]] = {}
    for facts in figures["results"]:
        shape = (facts["num_rows"], facts["num_classes"])
        by_shape.setdefault(shape, {})[facts["library"]] = facts
    others = [
        name
        for name in LIBRARIES
        if name != "smoothxent" and any(name in timed for timed in by_shape.values())
    ]

    console = Console(highlight=False)
    title = "Mean loss: median time of a call, 1e9 logits per second, GB per second"
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    table.add_column("rows x classes", no_wrap=True)
    for header in ("smoothxent", "1e9/s", "GB/s", *others):
        table.add_column(header, justify="right", no_wrap=True)
    for (num_rows, num_classes), timed in by_shape.items():
        ours = timed.get("smoothxent")
        if ours is None:
            continue
        table.add_row(
            f"{num_rows:,} x {num_classes:,}",
            _duration(ours["median_s"]),
            f"{ours['elements_per_s'] / 1e9:.2f}",
            f"{ours['gb_per_s']:.1f}",
            *(_compared(timed.get(name), ours) for name in others),
        )
    console.print(table)
    threads = figures["threads"]
    console.print(
        f"float32, label_smoothing {figures['label_smoothing']}, {threads} "
        f"thread{'s' if threads > 1 else ''}, {figures['isa']}, NumPy {figures['numpy']}; in "
        f"brackets the time relative to smoothxent. The losses agree to "
        f"{_disagreement(by_shape):.0e}."
    )


def _compared(theirs: Facts | None, ours: Facts) -> str:
    if theirs is None:
        return "-"
    ratio = theirs["median_s"] / ours["median_s"]
    return f"{_duration(theirs['median_s'])} ({ratio:.{1 if ratio < 9.95 else 0}f}x)"


def _duration(seconds: float) -> str:
    unit, scale = ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
    return f"{seconds * scale:#.3g}".rstrip(".") + f" {unit}" if seconds < 1 else f"{seconds:.2f} s"


def _disagreement(by_shape: dict[tuple[int, int], dict[str, Facts]]) -> float:
    """Return the largest relative difference between two libraries' losses."""
    losses = [[facts["loss"] for facts in timed.values()] for timed in by_shape.values()]
    return max((max(each) / min(each) - 1 for each in losses), default=0.0)
