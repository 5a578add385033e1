"""Numbers and columns of the tables, as text, HTML and Markdown."""

import math
from collections.abc import Sequence

STYLE = (
    "<style>.smoothxent td, .smoothxent th { text-align: right; padding: 1px 10px; "
    "font-variant-numeric: tabular-nums; } "
    ".smoothxent td:first-child, .smoothxent td:last-child, .smoothxent th:first-child "
    "{ text-align: left; } "
    ".smoothxent .numbers td:last-child { text-align: right; } "
    ".smoothxent .bar { background: #2f6fab; height: 0.8em; }</style>"
)


def number(value: float) -> str:
    """Return the number with four decimals, or in scientific notation if it is small or large."""
    if value == 0 or 0.001 <= abs(value) < 100_000:
        return f"{value:.4f}"
    return f"{value:.3e}"


def deviation(stderr: float) -> str:
    """Return " ± " and a standard error with two digits, or "" if the error is nan."""
    if math.isnan(stderr):
        return ""
    return f" ± {stderr:.2g}" if stderr == 0 or 0.0001 <= stderr < 100 else f" ± {number(stderr)}"


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Return aligned columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


def markdown_table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table; the first row is the head."""
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    head, *others = [f"| {' | '.join(row)} |" for row in escaped]
    return "\n".join([head, f"|---|{'--:|' * (len(rows[0]) - 1)}", *others])


def number_table(head: Sequence[str], rows: Sequence[tuple[str, ...]]) -> str:
    """Return an HTML table whose columns after the first are numbers."""
    return html_table(head, rows).replace("<table>", '<table class="numbers">', 1)


def html_table(head: Sequence[str], rows: Sequence[tuple[str, ...]]) -> str:
    cells = "".join(f"<th>{each}</th>" for each in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{cells}</tr></thead>' * bool(head)}<tbody>{body}</tbody></table>"
