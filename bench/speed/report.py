"""The tables for the terminal and in Markdown."""

from __future__ import annotations

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


def text(run: Run) -> str:
    """Return all tables for the terminal."""
    parts = [f"{table.title}\n{aligned([table.header, *table.rows])}\n" for table in tables(run)]
    return "\n".join([*parts, standing(run), run.heading()])


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
