"""The tables for the terminal (rich if it is installed) and in Markdown."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from bench import figures
from bench.figures import Table, aligned

from .records import Run
from .tables import BEHIND, readme_tables, standing, tables

EXPLAINED = f"""\
Median time of one call, mean over rows; float32, label smoothing 0.1 and logits from memory \
unless said otherwise. In brackets how many times as long as smoothxent; {BEHIND} marks what is \
faster than smoothxent. Each library ran in a process of its own, on the same number of threads \
(NumPy and SciPy have none), checked against float64 first; where it offers several ways, the \
fastest on that shape counts. scikit-learn has no smoothing: NumPy adds its term. Plain Cython is \
ext/reference.pyx, the kernel as a newcomer would write it; it has no gradient.

The limits were measured in the same run, on the same arrays and threads: *read* is a bare sum \
of the logits, *exp* is maximum, exp and sum of as many logits that lie in the first-level cache. \
What takes longer is the limit; the fraction is its time by ours.
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
    # A file or a pipe has no width; there a table must not be folded to 80 columns.
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(grid)


def _print_plain(table: Table) -> None:
    print(f"\n{table.title}\n{aligned([table.header, *table.rows])}")


def markdown(run: Run) -> str:
    """Write all tables and the machine they were measured on."""
    head = f"<!-- Written by `make race`. -->\n# Speed\n\n{EXPLAINED}"
    parts = [head, *(f"## {table.title}\n\n{_markdown(table)}" for table in tables(run))]
    return "\n".join([*parts, f"{standing(run)}\n\nMeasured by `make race` on {run.heading()}.\n"])


def readme(run: Run) -> str:
    """Write the README's short tables and what stands under them."""
    parts = [f"{table.title}:\n\n{_markdown(table)}" for table in readme_tables(run)]
    return "\n".join([*parts, f"{standing(run)}\n\n{run.heading()}\n"])


def _markdown(table: Table) -> str:
    return figures.markdown(table.header, table.rows) + "\n"
