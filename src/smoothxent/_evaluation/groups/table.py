"""The tables of groups as text (80 columns), HTML and Markdown."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smoothxent._evaluation.classes import table as classes
from smoothxent._evaluation.groups.metrics import GroupMetrics
from smoothxent._evaluation.report import table
from smoothxent._evaluation.report.columns import (
    STYLE,
    columns,
    deviation,
    markdown_table,
    number,
    number_table,
)

SHOWN = 5  # groups with the highest nll, and as many with the lowest
LONGEST_ID = 40  # letters

METRICS = ("by group", "mean of rows", "± by group", "mean of groups")
GROUPS = ("group", "rows", "nll", "accuracy", "brier")


class Tables(NamedTuple):
    """Rows of text: the metrics, and titles with the groups below."""

    metrics: list[tuple[str, ...]]
    groups: dict[str, list[tuple[str, ...]]]


def text(grouped: GroupMetrics, num_bytes: int | None = None) -> str:
    """Return the title and, if there are rows, the metrics, some groups and the classes.

    The groups are those with the highest and the lowest nll.
    """
    parts = [title(grouped)]
    if len(grouped):
        tables = tables_of(grouped)
        parts.append(table.text_of(table.lines(grouped.total, num_bytes)))
        parts.append(columns([METRICS, *tables.metrics]))
        parts += [f"{name}\n{columns([GROUPS, *rows])}" for name, rows in tables.groups.items()]
        if grouped.total.classes is not None:
            parts.append(classes.text(grouped.total.classes))
    return "\n\n".join(parts)


def markdown(grouped: GroupMetrics, num_bytes: int | None = None) -> str:
    """Return the same as Markdown tables."""
    parts = [title(grouped)]
    if len(grouped):
        tables = tables_of(grouped)
        parts.append(table.markdown_of(table.lines(grouped.total, num_bytes)))
        parts.append(markdown_table([METRICS, *tables.metrics]))
        for name, rows in tables.groups.items():
            parts += [name, markdown_table([GROUPS, *rows])]
        if grouped.total.classes is not None:
            parts.append(classes.markdown(grouped.total.classes))
    return "\n\n".join(parts) + "\n"


def html(grouped: GroupMetrics) -> str:
    """Return the same as HTML."""
    parts = [f"<strong>{escape(title(grouped))}</strong>"]
    if len(grouped):
        tables = tables_of(grouped)
        parts.append(table.html_of(table.lines(grouped.total)))
        parts.append(_html([METRICS, *tables.metrics]))
        for name, rows in tables.groups.items():
            parts += [f"<p>{escape(name)}</p>", _html([GROUPS, *rows])]
        if grouped.total.classes is not None:
            parts.append(classes.html(grouped.total.classes))
    return f'<div class="smoothxent">{STYLE}{"".join(parts)}</div>'


def title(grouped: GroupMetrics) -> str:
    """Return the title of the tables."""
    rows = table.counts(grouped.total)
    return f"Evaluation of {rows}, in {counts(grouped)}{'; losses in nats' * bool(len(grouped))}"


def line(grouped: GroupMetrics) -> str:
    """Return one line with the number of groups and that of the total."""
    return f"GroupedEvaluation({counts(grouped)}, {grouped.total!r})"


def counts(grouped: GroupMetrics) -> str:
    """Return how many groups there are."""
    return f"{len(grouped):,} group{'s' * (len(grouped) != 1)}"


def tables_of(grouped: GroupMetrics) -> Tables:
    """Return the cells of all tables."""
    total = grouped.total
    metrics = [
        ("nll", total.nll, grouped.nll_stderr, grouped.macro_nll),
        ("accuracy", total.accuracy, grouped.accuracy_stderr, grouped.macro_accuracy),
        ("brier", total.brier, grouped.brier_stderr, grouped.macro_brier),
    ]
    cells: list[tuple[str, ...]] = [
        (name, number(mean), _error(error), number(macro)) for name, mean, error, macro in metrics
    ]
    counted = np.flatnonzero(grouped.weight > 0)
    nll = np.nan_to_num(grouped.nll[counted], nan=np.inf, posinf=np.inf)  # nan is the worst
    order = counted[np.argsort(-nll, kind="stable")]
    if len(order) <= 2 * SHOWN:
        return Tables(cells, {"groups, the highest nll first": _rows(grouped, order)})
    return Tables(
        cells,
        {
            "groups with the highest nll": _rows(grouped, order[:SHOWN]),
            "groups with the lowest nll": _rows(grouped, order[::-1][:SHOWN]),
        },
    )


def _rows(grouped: GroupMetrics, chosen: NDArray[np.intp]) -> list[tuple[str, ...]]:
    arrays = (grouped.ids, grouped.count, grouped.nll, grouped.accuracy, grouped.brier)
    return [
        (_short(str(name)), f"{count:,}", number(nll), number(accuracy), number(brier))
        for name, count, nll, accuracy, brier in zip(
            *(each[chosen].tolist() for each in arrays), strict=True
        )
    ]


def _short(name: str) -> str:
    plain = name if name.isprintable() else ascii(name)[1:-1]
    half = LONGEST_ID // 2
    return plain if len(plain) <= LONGEST_ID else f"{plain[: half - 1]}…{plain[-half:]}"


def _error(stderr: float) -> str:
    return deviation(stderr).removeprefix(" ± ")


def _html(rows: Sequence[tuple[str, ...]]) -> str:
    head, *others = rows
    return number_table(head, [tuple(map(escape, row)) for row in others])
