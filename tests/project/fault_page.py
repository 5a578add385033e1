"""The page of errors on the site: the rows of faults.md, and the tests marked with their ids."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("faults.md")


def rows():
    """Return {id: (case, promised behaviour, other tests)}."""
    lines = SOURCE.read_text(encoding="utf-8").splitlines()
    cells = [cells_of(line) for line in lines if is_row(line)]
    return {name: tuple(rest) for name, *rest in cells}


def is_row(line):
    return line.startswith("| ") and not line.startswith("| id |")


def cells_of(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


def marked_tests():
    """Return {id: its tests, sorted by folder, file and line}."""
    marked = re.compile(r"^@pytest\.mark\.fault\(([^)]*)\)$(?s:.*?)^def (\w+)", re.MULTILINE)
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for ids, test in marked.findall(path.read_text(encoding="utf-8")):
            for name in re.findall(r"[\w-]+", ids):
                found.setdefault(name, []).append(f"`{path.name}::{test}`")
    return found


def page(text):
    """Return the text of faults.md with the tests of each row in place of its id."""
    tests = marked_tests()
    lines = []
    for line in text.splitlines():
        if is_row(line):
            name, case, promised, other = cells_of(line)
            found = ", ".join([*tests.get(name, []), *filter(None, [other])])
            line = f"| {case} | {promised} | {found} |"
        elif line.startswith("| id |"):
            line = line.removeprefix("| id ").replace("| other tests |", "| tests |")
        elif line.startswith("|---"):
            line = "|---|---|---|"
        lines.append(line)
    return "\n".join(lines) + "\n"
