"""Any call gives what the oracle says, the same bits in another way, or the error of its fault.

A minute of fuzzing, and the same calls in each run, where `make fuzz` finds new ones.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls import any_calls, calls
from faults import faulty_calls
from verdicts import judge, judge_refusal
from ways import WAYS, assert_same

pytestmark = pytest.mark.slow
MANY = settings(max_examples=1000)


@MANY
@given(any_calls())
def test_call_gives_what_the_oracle_says(call):
    judge(call)


@MANY
@given(calls(transformed=True), st.sampled_from([*WAYS]), st.data())
def test_call_gives_the_same_bits_in_another_way(call, way, data):
    call = call.without_outs()
    assert_same(call, *WAYS[way](call, data.draw))


@pytest.mark.fault("label-kind", "any-fault")
@MANY
@given(faulty_calls())
def test_call_with_a_fault_raises_its_error_and_writes_nothing(faulty_call):
    judge_refusal(*faulty_call)
