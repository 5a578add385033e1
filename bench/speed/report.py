"""The tables for the terminal (with rich, if it is installed) and in Markdown."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from bench import figures
from bench.figures import Table, aligned

from .records import Run
from .tables import BEHIND, readme_table, standing, tables

EXPLAINED = f"""\
Times are the median of one call that computes the mean loss. Without a note, logits are float32 \
and come from memory, and label smoothing is 0.1. The number in brackets is the time relative to \
smoothxent; {BEHIND} marks a library that is faster than smoothxent. Each library ran in a process \
of its own, on the same number of threads (NumPy and SciPy use only one), and its results were \
first checked in float64. If a library has several ways to compute the loss, the table has the \
fastest for that shape. scikit-learn has no smoothing: NumPy adds that term. Plain Cython is \
ext/reference.pyx, a straightforward loop, which has no gradient.
"""


def print_tables(run: Run) -> None:
    printer = _print_rich if find_spec("rich") else _print_plain
    for table in tables(run):
        printer(table)
    print(f"\n{standing(run)}\n{run.heading()}")


def _print_rich(table: Table) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid(title=table.title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    for index, name in enumerate(table.header):
        grid.add_column(name, justify="right" if index else "left", no_wrap=index == 0)
    for row in table.rows:
        grid.add_row(*(f"[red]{cell}[/red]" if BEHIND in cell else cell for cell in row))
    # A file or a pipe has no width, and a table must not be folded to 80 columns.
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(grid)


def _print_plain(table: Table) -> None:
    print(f"\n{table.title}\n{aligned([table.header, *table.rows])}")


def markdown(run: Run) -> str:
    """Return the page: all tables, the machine and the versions."""
    head = f"<!-- Written by `make race`. -->\n# Speed\n\n{EXPLAINED}"
    parts = [head, *(f"## {table.title}\n\n{_markdown(table)}" for table in tables(run))]
    return "\n".join([*parts, f"{standing(run)}\n\nMeasured by `make race` on {run.heading()}.\n"])


def readme(run: Run) -> str:
    """Return the table of the README, with the comparisons that are lost, machine and versions."""
    return f"{_markdown(readme_table(run))}\n{standing(run)}\n\n{run.heading()}\n"


def _markdown(table: Table) -> str:
    return figures.markdown(table.header, table.rows) + "\n"
