"""The mutants of tools/mutation/ differ, and those that no longer fit their file are listed."""

import sys
import warnings

import pytest
from tools.mutation import Mutant, __main__
from tools.mutation.__main__ import MUTANTS, OF_BUILDS, TESTS

from place import ROOT, names_in

OLD = Mutant("ext/gone.pxi", "a + b", "a - b", "a difference")
OLD_TEXT = "stale mutant of ext/gone.pxi: 'a + b' must occur once; give it the new text"

# Stale mutants are a warning in the tests, an error in `make mutants`.
pytestmark = pytest.mark.filterwarnings("always:stale mutant of:UserWarning")


def warn_of_stale(mutants):
    for mutant in mutants:
        if mutant.is_stale(ROOT):
            warnings.warn(mutant.stale_text, stacklevel=2)


def test_stale_mutants_are_named_here():
    warn_of_stale(MUTANTS)


def test_stale_mutant_is_a_warning_and_no_error():
    with warnings.catch_warnings(record=True) as caught:
        warn_of_stale([OLD])
    assert [str(each.message) for each in caught] == [OLD_TEXT]


@pytest.mark.parametrize("argument", [[], ["gone.pxi"]])
def test_make_mutants_fails_where_one_is_stale(monkeypatch, argument):
    monkeypatch.setattr(__main__, "MUTANTS", {OLD: []})
    monkeypatch.setattr(sys, "argv", ["mutation", *argument])
    with pytest.raises(SystemExit) as caught:
        __main__.main()
    assert caught.value.code == OLD_TEXT


@pytest.mark.parametrize(
    "text, is_stale", [("c = a + b", False), ("c = a - b", True), ("c = a + b + a + b", True)]
)
def test_mutant_is_stale_unless_its_text_occurs_once(tmp_path, text, is_stale):
    (tmp_path / "ext").mkdir()
    (tmp_path / OLD.path).write_text(text)
    assert OLD.is_stale(tmp_path) == is_stale


def test_every_mistake_is_another_one():
    mistakes = {(each.path, each.old, each.new, each.dtype) for each in MUTANTS}
    assert len(mistakes) == len(MUTANTS)
    assert [each for each in MUTANTS if each.old == each.new] == []


@pytest.mark.parametrize("word", OF_BUILDS)
def test_every_word_that_leaves_tests_out_is_in_the_name_of_one(word):
    files = {name for names in TESTS.values() for name in names}
    names = [each for name in files for each in names_in(f"test_{name}.py")]
    assert [name for name in names if word in name] != []
