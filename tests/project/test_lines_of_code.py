"""The project stays small enough for one person to know: lines of code for each folder.

Blank lines, comments, docstrings, and the texts of several lines in Cython do not count.
"""

import ast
import re
from functools import cache

import pytest

from place import ROOT, every_file

MOST = {"src": 7900, "ext": 5745, "tests": 20_510, "bench": 4000, "tools": 700}
MOST_OF_DOCS = 3500  # lines of docs/*.md, of any kind
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
HIDDEN = {  # by suffix
    ".py": r"#.*",
    ".pyi": r"#.*",
    ".pyx": r'(?s:""".*?""")|#.*',
    ".pxi": r'(?s:""".*?""")|#.*',
    ".c": r"(?s:/\*.*?\*/)|//.*",
    ".h": r"(?s:/\*.*?\*/)|//.*",
}


def code_of(text, suffix):
    """Return the lines of code."""
    lines = text.splitlines()
    if suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
                first, last = node.body[0].lineno, node.body[0].end_lineno
                lines[first - 1 : last] = [""] * (last - first + 1)
    shown = re.sub(rf"^\s*(?:{HIDDEN[suffix]})", "", "\n".join(lines), flags=re.MULTILINE)
    return [line for line in shown.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("suffix", "text", "count"),
    [
        (".py", '"""About\nit."""\n\n# why\nx = """a\nb"""  # c\n\n\ndef f():\n    """G."""\n', 3),
        (".pyx", 'cdef extern from *:\n    """\n    int x;\n    """\n    int x  # why\n# why\n', 2),
        (".h", "/* about\n * it */\n#define X /* y */ 1\nint x; // y\n  // z\n", 2),
    ],
)
def test_lines_of_code_are_counted(suffix, text, count):
    assert len(code_of(text, suffix)) == count


@cache
def size_of(path):
    """Return the number of lines of code."""
    return len(code_of(path.read_text(), path.suffix))


@pytest.mark.parametrize("folder", MOST)
def test_folder_is_small(folder):
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in HIDDEN]
    assert sum(map(size_of, files)) <= MOST[folder]


def test_no_file_is_longer_than_its_limit():
    python = {path: size_of(path) for path in every_file() if path.suffix == ".py"}
    assert [path for path, size in python.items() if size > 300] == []
    others = {path: len(path.read_text().splitlines()) for path in every_file()}
    limits = {path: 350 if ROOT / "ext" in path.parents else 400 for path in others.keys() - python}
    assert [path for path, limit in limits.items() if others[path] > limit] == []


def test_docs_are_short():
    pages = [page.read_text().splitlines() for page in (ROOT / "docs").glob("*.md")]
    assert sum(map(len, pages)) <= MOST_OF_DOCS
