"""The tables of docs/promises.md, each between two comments; the first has the table's name."""

from __future__ import annotations

from bench import figures
from bench.figures import replaced
from bench.peers import OURS

from .cases import cases

BEGIN = "{}: python -m bench.promises"

Answers = dict[str, dict[str, str]]  # by library, then by case


def with_tables(text: str, answers: Answers, heading: str) -> str:
    """Return the page with new tables and a new line of versions."""
    for name in dict.fromkeys(case.table for case in cases()):
        text = replaced(text, BEGIN.format(name), _table(name, answers))
    return replaced(text, BEGIN.format("versions"), heading)


def _table(name: str, answers: Answers) -> str:
    """Return a table of cases by libraries; libraries with equal answers share a column."""
    rows = {case.name: case.exact for case in cases() if case.table == name}
    columns: dict[tuple[str, ...], list[str]] = {}
    for library, by_case in answers.items():
        column = tuple(by_case[case] for case in rows)
        # smoothxent has a column of its own, because a test compares it.
        columns.setdefault((*column, OURS) if library == OURS else column, []).append(library)
    header = ["case", "exact", *(", ".join(names) for names in columns.values())]
    lines = [
        [case, exact, *(column[n] for column in columns)]
        for n, (case, exact) in enumerate(rows.items())
    ]
    return figures.markdown(header, lines, left=len(header))


def column_of(text: str, library: str) -> dict[str, str]:
    """Return the answers of a library on the page, by case."""
    answers, place = {}, None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[:2] == ["case", "exact"]:
            place = cells.index(library)
        elif not line.startswith("|"):
            place = None
        elif place is not None and cells[0] != ":--":
            answers[cells[0]] = cells[place]
    return answers
