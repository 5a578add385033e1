"""Figures as text, and tables of figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table; the first columns are names, the others are figures."""

    title: str
    header: list[str]
    rows: list[list[str]]


def aligned(rows: list[list[str]], left: int = 1) -> str:
    """Write rows in columns, the first ones flush left and the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n < left else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Write a table in Markdown, the first columns flush left and the others flush right."""
    rule = [":--"] * left + ["--:"] * (len(header) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])


def replaced(page: str, begin: str, content: str) -> str:
    """Return the page with this content between the comment `begin` and the next `end`."""
    begin, end = f"<!-- {begin} -->", "<!-- end -->"
    pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    page, count = pattern.subn(lambda _: f"{begin}\n{content}\n{end}", page)
    if count != 1:
        raise ValueError(f"the page must have one place for {begin!r}, got {count}")
    return page


def seconds_text(seconds: float) -> str:
    """Write three digits with the unit s, ms or µs: 1.23 ms."""
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    unit, scale = next((u for u in units.items() if seconds >= u[1]), ("µs", 1e-6))
    return f"{three_digits(seconds / scale)} {unit}"


def rate_text(rate: float) -> str:
    """Write three digits with k, M or G: 624 k."""
    units = {"G": 1e9, "M": 1e6, "k": 1e3}
    unit, scale = next((u for u in units.items() if rate >= u[1]), ("", 1.0))
    return f"{three_digits(rate / scale)} {unit}".rstrip()


def three_digits(value: float) -> str:
    return f"{value:.{max(0, 3 - len(str(int(value))))}f}"


def ratio_text(ratio: float) -> str:
    return f"{ratio:.{2 if ratio < 1 else 1 if ratio < 9.95 else 0}f}x"
