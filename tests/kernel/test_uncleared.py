"""The build of `make uncleared`, whose variables begin as a bit pattern, has the same bits.

The kernel does not clear its buffers, so it must write each byte before it reads the byte. The
first test checks that the compared build is another one.
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
        json.loads(run_child(DIGESTS, SMOOTHXENT_ISA=isa, **where))
        for where in ({}, {"PYTHONPATH": PATH})
    )
    assert [name for name in ordinary if patterned[name] != ordinary[name]] == []
