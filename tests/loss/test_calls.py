"""Random calls: the oracle's results, the same bits in other ways, the errors of invalid calls.

Each run makes the same calls, for about a minute; `make fuzz` makes new ones.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from call_checks import check_call, check_error
from calls import any_calls, calls
from invalid_calls import invalid_calls
from ways import WAYS, assert_same

pytestmark = pytest.mark.slow
MANY = settings(max_examples=1000)


@MANY
@given(any_calls())
def test_call_gives_what_the_oracle_says(call):
    check_call(call)


@MANY
@given(calls(transformed=True), st.sampled_from([*WAYS]), st.data())
def test_call_gives_the_same_bits_in_another_way(call, way, data):
    call = call.without_outs()
    assert_same(call, *WAYS[way](call, data.draw))


@pytest.mark.fault("label-kind", "any-fault")
@MANY
@given(invalid_calls())
def test_call_with_a_fault_raises_its_error_and_writes_nothing(invalid_call):
    check_error(*invalid_call)
