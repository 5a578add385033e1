"""A build whose variables start out as a pattern, as `make uncleared` makes it, has the same bits.

Groups of rows and what a thread works in are not cleared: what is read of them must have been
written. The first test sees to it that the build under comparison is another one.
"""

import json
import os

import pytest

import smoothxent
from place import SUPPORT

PATTERNED = os.environ.get("SMOOTHXENT_PATTERNED", "")
pytestmark = pytest.mark.skipif(not PATTERNED, reason="needs the build of `make uncleared`")
DIGESTS = "import battery, json; print(json.dumps(battery.digests()))"
PATH = os.pathsep.join([str(SUPPORT), PATTERNED])
PLACE = "import smoothxent; print(smoothxent.__file__)"


def test_patterned_build_is_not_the_ordinary_one(run_child):
    assert run_child(PLACE, PYTHONPATH=PATH).startswith(PATTERNED)
    assert not run_child(PLACE).startswith(PATTERNED)


@pytest.mark.parametrize("isa", smoothxent.available_isas())
def test_what_memory_held_before_does_not_change_a_bit(run_child, isa):
    ordinary, patterned = (
        json.loads(run_child(DIGESTS, SMOOTHXENT_ISA=isa, timeout=600, **where))
        for where in ({}, {"PYTHONPATH": PATH})
    )
    assert [name for name in ordinary if patterned[name] != ordinary[name]] == []
