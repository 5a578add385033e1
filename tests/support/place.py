"""The root of the repository, the tests in a file, the targets of make."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"
TEST_FILES = {path.name: path for path in sorted((ROOT / "tests").rglob("test_*.py"))}


def names_in(name):
    """Return the names of the tests in the test file of that name, in any folder."""
    return re.findall(r"^def (test_\w+)\(", TEST_FILES[name].read_text(), re.MULTILINE)


def make_targets():
    """Return the targets of make that a page may name."""
    return re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
