"""One table per group: for the terminal (rich if installed) and in Markdown for the README."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from .cases import Case
from .records import Run

OURS = "smoothxent"


def seconds_text(seconds: float) -> str:
    """Write three digits with the unit that suits: 1.23 ms."""
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    unit, scale = next((u for u in units.items() if seconds >= u[1]), ("µs", 1e-6))
    value = seconds / scale
    return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f} {unit}"


def rate_text(rate: float) -> str:
    """Write three digits with k, M or G: 624 k."""
    units = {"G": 1e9, "M": 1e6, "k": 1e3}
    unit, scale = next((u for u in units.items() if rate >= u[1]), ("", 1.0))
    return f"{rate / scale:#.3g}".rstrip(".") + f" {unit}".rstrip()


def _gb_text(gb_per_s: float) -> str:
    return f"{gb_per_s:.2f}" if gb_per_s >= 0.01 else "-"


def ratio_text(ratio: float) -> str:
    return f"{ratio:.1f}x" if ratio < 9.95 else f"{ratio:.0f}x"


def case_label(case: Case) -> str:
    """Name the shape, and the options where they are not float32 and 0.1."""
    options = [case.dtype] if case.dtype != "float32" else []
    options += [f"eps {case.label_smoothing:g}"] if case.label_smoothing != 0.1 else []
    return ", ".join([case.shape, *options])


def table(run: Run, group: str) -> tuple[list[str], list[list[str]]]:
    """Return (header, rows): our time and rates, then everyone else's time and ratio to ours."""
    others = [name for name in run.contenders(group) if name != OURS]
    header = ["name", "rows x classes", OURS, "GB/s", "rows/s", *others]
    rows = []
    for case in run.cases(group):
        ours = run.find(group, case, OURS)
        row = [case.name, case_label(case)]
        row += ([seconds_text(ours.median_s), _gb_text(ours.gb_per_s), rate_text(ours.rows_per_s)]
                if ours else ["-"] * 3)
        for name in others:
            theirs, ratio = run.find(group, case, name), run.ratio(group, case, name)
            row.append("-" if theirs is None else seconds_text(theirs.median_s)
                       + (f" ({ratio_text(ratio)})" if ratio else ""))
        rows.append(row)
    return header, rows


def print_tables(run: Run) -> None:
    printer = _print_rich if find_spec("rich") else _print_plain
    for group in run.groups():
        printer(f"{group}, mean over rows, median time of a call", *table(run, group))
    print(run.heading())


def _print_rich(title: str, header: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    grid = Table(title=title, title_justify="left", title_style="bold")
    for name in header:
        ours = name == OURS
        grid.add_column(name, justify="left" if name in header[:2] else "right", no_wrap=True,
                        style="bold green" if ours else None)
    for row in rows:
        grid.add_row(*row)
    # A file or a pipe has no width; there a table must not be folded to 80 columns.
    Console(width=None if sys.stdout.isatty() else 160).print(grid)


def _print_plain(title: str, header: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print(f"\n{title}")
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [cell.ljust(w) if i < 2 else cell.rjust(w)
                 for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        print("  ".join(cells).rstrip())


def markdown(run: Run) -> str:
    """Write the tables and the machine they were measured on, ready to be included."""
    explained = (
        "Median time of one call, mean over rows, float32 and label smoothing 0.1 unless said "
        "otherwise; in brackets how many times as long as smoothxent. NumPy and SciPy have no "
        "threads. Each library ran in a process of its own, checked against float64 first.\n"
    )
    parts = [explained]
    for group in run.groups():
        header, rows = table(run, group)
        rule = [":--", ":--", *["--:"] * (len(header) - 2)]
        lines = (f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])
        parts.append(f"**{group.capitalize()}**\n\n" + "\n".join(lines) + "\n")
    parts.append(f"Measured by `make bench` on {run.heading()}.\n")
    return "\n".join(parts)
