"""docs/faults.md names tests and make targets: each exists, and no row is without one."""

import re

import pytest

from place import ROOT, make_targets, names_in

ROWS = [
    line
    for line in (ROOT / "docs" / "faults.md").read_text().splitlines()
    if line.startswith("| ") and "| proved by |" not in line
]


def fault_of(row):
    return row.split("|")[1].strip()[:50]


def test_table_has_its_rows():
    assert len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS, ids=fault_of)
def test_every_proof_that_the_table_names_exists(row):
    proofs = row.split("|")[3]
    tests = re.findall(r"`(test_\w+\.py)::(\w+)`", proofs)
    targets = re.findall(r"`make (\w+)`", proofs)
    assert tests or targets
    assert proofs.count("`") == 2 * (len(tests) + len(targets))
    assert [f"{file}::{name}" for file, name in tests if name not in names_in(file)] == []
    assert [target for target in targets if target not in make_targets()] == []
