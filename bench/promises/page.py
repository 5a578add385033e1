"""The tables of docs/promises.md: each stands between two comments that name it."""

from __future__ import annotations

import re

from bench import figures
from bench.peers import OURS

from .cases import cases

BEGIN, END = "<!-- {}: python -m bench.promises -->", "<!-- end -->"

Said = dict[str, dict[str, str]]  # by library, then by case


def with_tables(text: str, said: Said, heading: str) -> str:
    """Return the page with its tables, and the line on versions, replaced."""
    for name in dict.fromkeys(case.table for case in cases()):
        text = _replaced(text, name, _table(name, said))
    return _replaced(text, "versions", heading)


def _replaced(text: str, name: str, content: str) -> str:
    begin = BEGIN.format(name)
    pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(END)}", re.DOTALL)
    text, count = pattern.subn(lambda _: f"{begin}\n{content}\n{END}", text)
    if count != 1:
        raise ValueError(f"the page must have one place for {name!r}, got {count}")
    return text


def _table(name: str, said: Said) -> str:
    """Rows are cases, columns are libraries; those that say the same throughout share one."""
    rows = {case.name: case.exact for case in cases() if case.table == name}
    columns: dict[tuple[str, ...], list[str]] = {}
    for library, answers in said.items():
        column = tuple(answers[case] for case in rows)
        # Ours stays alone: it is what a test compares.
        columns.setdefault((*column, OURS) if library == OURS else column, []).append(library)
    header = ["case", "exact", *(", ".join(names) for names in columns.values())]
    lines = [
        [case, exact, *(column[n] for column in columns)]
        for n, (case, exact) in enumerate(rows.items())
    ]
    return figures.markdown(header, lines, left=len(header))


def column_of(text: str, library: str) -> dict[str, str]:
    """Read the answers of a library off the page, by case."""
    found, place = {}, None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[:2] == ["case", "exact"]:
            place = cells.index(library)
        elif not line.startswith("|"):
            place = None
        elif place is not None and cells[0] != ":--":
            found[cells[0]] = cells[place]
    return found
