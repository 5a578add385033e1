"""The mistakes of mutation/ can all be made: each names a place, one place, that exists."""

import re
from pathlib import Path

import pytest
from mutation.__main__ import MUTANTS, OF_BUILDS, TESTS

ROOT = Path(__file__).parent.parent


def test_text_of_every_mistake_occurs_once_in_its_file():
    # Else a line has changed that the mistake is about: give it the new text, or drop it.
    texts = {path: (ROOT / path).read_text() for path in {mutant.path for mutant in MUTANTS}}
    assert [each for each in MUTANTS if texts[each.path].count(each.old) != 1] == []


def test_every_mistake_is_another_one():
    mistakes = {(each.path, each.old, each.new, each.dtype) for each in MUTANTS}
    assert len(mistakes) == len(MUTANTS)
    assert [each for each in MUTANTS if each.old == each.new] == []


@pytest.mark.parametrize("word", OF_BUILDS)
def test_every_word_that_leaves_tests_out_is_in_the_name_of_one(word):
    files = {name for names in TESTS.values() for name in names}
    sources = [(ROOT / "tests" / f"test_{name}.py").read_text() for name in sorted(files)]
    names = re.findall(r"^def (test_\w+)", "\n".join(sources), re.MULTILINE)
    assert [name for name in names if word in name] != []
