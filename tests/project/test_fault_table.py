"""Each row of faults.md has a proof, and the site shows it."""

import re

from fault_page import SOURCE, cells_of, is_row, marked_tests, page, rows
from place import make_targets

ROWS = rows()
TESTS = marked_tests()


def test_page_has_the_tests_of_a_row_in_place_of_its_id():
    shown = page("| shapes | labels | an error | `make test` |")
    assert shown == f"| labels | an error | {', '.join(TESTS['shapes'])}, `make test` |\n"


def test_every_id_is_that_of_one_row():
    names = [cells_of(line)[0] for line in SOURCE.read_text().splitlines() if is_row(line)]
    assert len(names) == len(ROWS) > 20


def test_every_mark_names_a_row():
    assert TESTS.keys() - ROWS.keys() == set()


def test_every_row_has_a_test_or_a_target_of_make():
    targets = {name: re.findall(r"`make (\w+)`", other) for name, (*_, other) in ROWS.items()}
    assert [name for name in ROWS if name not in TESTS and not targets[name]] == []
    assert {each for named in targets.values() for each in named} <= set(make_targets())
