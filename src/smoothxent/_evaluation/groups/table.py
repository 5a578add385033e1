"""The tables of groups as text (80 columns), HTML and Markdown."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from smoothxent._evaluation import table
from smoothxent._evaluation.columns import (
    STYLE,
    columns,
    deviation,
    html_table,
    markdown_table,
    number,
)

if TYPE_CHECKING:
    from smoothxent._evaluation.groups.grouped_evaluation import GroupedEvaluation

SHOWN = 5  # groups with the highest nll, and as many with the lowest
LONGEST_ID = 24  # letters

METRICS = ("metric", "rows", "±", "± by groups", "groups")
GROUPS = ("group", "rows", "nll", "accuracy", "brier")


class Tables(NamedTuple):
    """Rows of text: the metrics, and titles with the groups below."""

    metrics: list[tuple[str, ...]]
    groups: dict[str, list[tuple[str, ...]]]


def text(grouped: "GroupedEvaluation") -> str:
    """Return the title, the metrics, and the groups with the highest and the lowest nll."""
    if not len(grouped):
        return title(grouped)
    tables = tables_of(grouped)
    parts = [title(grouped), columns([METRICS, *tables.metrics])]
    parts += [f"{name}\n{columns([GROUPS, *rows])}" for name, rows in tables.groups.items()]
    return "\n\n".join(parts)


def markdown(grouped: "GroupedEvaluation") -> str:
    """Return the same as Markdown tables."""
    tables = tables_of(grouped)
    parts = [title(grouped), markdown_table([METRICS, *tables.metrics])]
    for name, rows in tables.groups.items():
        parts += [name, markdown_table([GROUPS, *rows])]
    return "\n\n".join(parts) + "\n"


def html(grouped: "GroupedEvaluation") -> str:
    """Return the same as HTML."""
    tables = tables_of(grouped)
    parts = [f"<strong>{escape(title(grouped))}</strong>", _html([METRICS, *tables.metrics])]
    for name, rows in tables.groups.items():
        parts += [f"<p>{escape(name)}</p>", _html([GROUPS, *rows])]
    return f'<div class="smoothxent">{STYLE}{"".join(parts)}</div>'


def title(grouped: "GroupedEvaluation") -> str:
    """Return the title of the tables."""
    groups = f"{len(grouped):,} group{'s' * (len(grouped) != 1)}"
    rows = table.counts(grouped.total)
    return f"Evaluation of {rows}, in {groups}{'; losses in nats' * bool(len(grouped))}"


def tables_of(grouped: "GroupedEvaluation") -> Tables:
    """Return the cells of all tables."""
    total = grouped.total
    metrics = [
        ("nll", total.nll, total.nll_stderr, grouped.nll_stderr, grouped.macro_nll),
        (
            "accuracy",
            total.accuracy,
            total.accuracy_stderr,
            grouped.accuracy_stderr,
            grouped.macro_accuracy,
        ),
        ("brier", total.brier, total.brier_stderr, grouped.brier_stderr, grouped.macro_brier),
    ]
    cells: list[tuple[str, ...]] = [
        (name, number(mean), _error(error), _error(clustered), number(macro))
        for name, mean, error, clustered, macro in metrics
    ]
    counted = np.flatnonzero(grouped.weight > 0)
    order = counted[np.argsort(-grouped.nll[counted], kind="stable")]
    if len(order) <= 2 * SHOWN:
        return Tables(cells, {"groups, the highest nll first": _rows(grouped, order)})
    return Tables(
        cells,
        {
            "groups with the highest nll": _rows(grouped, order[:SHOWN]),
            "groups with the lowest nll": _rows(grouped, order[::-1][:SHOWN]),
        },
    )


def _rows(grouped: "GroupedEvaluation", chosen: NDArray[np.intp]) -> list[tuple[str, ...]]:
    arrays = (grouped.ids, grouped.count, grouped.nll, grouped.accuracy, grouped.brier)
    return [
        (_short(str(name)), f"{count:,}", number(nll), number(accuracy), number(brier))
        for name, count, nll, accuracy, brier in zip(
            *(each[chosen].tolist() for each in arrays), strict=True
        )
    ]


def _short(name: str) -> str:
    plain = name if name.isprintable() else ascii(name)[1:-1]
    return plain if len(plain) <= LONGEST_ID else f"{plain[: LONGEST_ID - 1]}…"


def _error(stderr: float) -> str:
    return deviation(stderr).removeprefix(" ± ")


def _html(rows: Sequence[tuple[str, ...]]) -> str:
    head, *others = rows
    return html_table(list(head), [tuple(map(escape, row)) for row in others])
