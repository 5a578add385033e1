"""The mistakes of mutation/ can all be made: each names a place, one place, that exists."""

from pathlib import Path

from mutation.__main__ import MUTANTS

ROOT = Path(__file__).parent.parent


def test_text_of_every_mistake_occurs_once_in_its_file():
    # Else a line has changed that the mistake is about: give it the new text, or drop it.
    texts = {path: (ROOT / path).read_text() for path in {mutant.path for mutant in MUTANTS}}
    assert [each for each in MUTANTS if texts[each.path].count(each.old) != 1] == []


def test_every_mistake_is_another_one():
    mistakes = {(each.path, each.old, each.new, each.dtype) for each in MUTANTS}
    assert len(mistakes) == len(MUTANTS)
    assert [each for each in MUTANTS if each.old == each.new] == []
