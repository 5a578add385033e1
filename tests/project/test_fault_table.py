"""docs/faults.md is the output of fault_page.py, and each row has a proof."""

import re

import pytest

from fault_page import PAGE, SOURCE, cells_of, is_row, marked_tests, page, rows
from place import make_targets

ROWS = rows()
TESTS = marked_tests()


def test_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tests/project/fault_page.py"


def test_every_id_is_that_of_one_row():
    names = [cells_of(line)[0] for line in SOURCE.read_text().splitlines() if is_row(line)]
    assert len(names) == len(ROWS) > 20


def test_every_mark_names_a_row():
    assert TESTS.keys() - ROWS.keys() == set()


@pytest.mark.parametrize("name", ROWS)
def test_every_row_has_a_test_or_a_target_of_make(name):
    *_, other = ROWS[name]
    targets = re.findall(r"`make (\w+)`", other)
    assert name in TESTS or targets
    assert set(targets) <= set(make_targets())
