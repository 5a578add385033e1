"""The root of the repository, its files, the tests in a file, the targets of make."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"
TEXT = {".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".md", ".toml", ".yml", ".sh", ""}
TEST_FILES = {path.name: path for path in sorted((ROOT / "tests").rglob("test_*.py"))}


def is_written_by_people(path):
    return path.is_file() and path.suffix in TEXT and path.name != "PKG-INFO"


def files(*roots):
    """Yield the text files below the roots, without those that programs write."""
    for root in roots:
        for path in sorted((ROOT / root).rglob("*")):
            parts = path.relative_to(ROOT).parts
            made = any(re.match(r"\.|__pycache__|.*\.egg-info", part) for part in parts)
            if is_written_by_people(path) and not made:
                yield path


def every_file():
    """Return all text files, those at the root included."""
    below = files("src", "ext", "tests", "tools", "bench", "docs", "examples")
    return [*below, *filter(is_written_by_people, sorted(ROOT.iterdir()))]


def names_in(name):
    """Return the names of the tests in the test file of that name, in any folder."""
    return re.findall(r"^def (test_\w+)\(", TEST_FILES[name].read_text(), re.MULTILINE)


def make_targets():
    """Return the targets of make that a page may name."""
    return re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
