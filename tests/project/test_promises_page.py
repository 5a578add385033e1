"""docs/promises.md: the column of smoothxent is current, and the named tests exist."""

import os
import re

import pytest
from bench.peers import OURS
from bench.promises.page import column_of, with_tables
from bench.promises.processes import answers

from place import ROOT, make_targets, names_in

PAGE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", PAGE.partition("\n## Long checks\n")[0], flags=re.MULTILINE)[1:]


@pytest.fixture(scope="module")
def ours():
    return answers(OURS, apart=False)[0]


@pytest.mark.slow
def test_our_column_is_what_we_return(ours):
    shown = column_of(PAGE, OURS)
    assert shown.keys() == ours.keys()
    memory = next(case for case in ours if "MiB" in case)
    if ours[memory] == "-" or "SMOOTHXENT_SANITIZE" in os.environ:  # not told; not ours alone
        shown[memory] = ours[memory]
    assert shown == ours


@pytest.mark.slow
def test_page_has_a_place_for_every_table_and_keeps_its_words(ours):
    alone = with_tables(PAGE, {OURS: ours}, "alone")
    assert column_of(alone, OURS) == ours
    words = re.compile(r"(-->\n).*?(<!-- end)", re.DOTALL)
    assert words.sub(r"\1\2", alone) == words.sub(r"\1\2", PAGE)


def test_every_promise_has_its_section():
    assert [section[:2] for section in SECTIONS] == ["1.", "2.", "3.", "4.", "5."]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.partition("\n")[0])
def test_every_test_and_target_that_a_section_names_exists(section):
    tests = re.findall(r"`(test_\w+\.py)::(\w+)`", section)
    assert tests
    assert section.count("`test_") == len(tests)
    assert [f"{file}::{name}" for file, name in tests if name not in names_in(file)] == []
    assert set(re.findall(r"`make (\w+)`", section)) <= set(make_targets())
