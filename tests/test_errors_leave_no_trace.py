"""Ten thousand refusals on every path: memory stays flat and so do reference counts."""

import sys
import tracemalloc

import numpy as np
import pytest

import smoothxent
from refusals import DTYPES, REFUSALS, arguments_of, refuse, refuse_everything

COUNT = 10_000 // len(DTYPES)


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_leave_memory_and_reference_counts_as_they_were(any_dtype, name):
    function, arguments = arguments_of(name, any_dtype)
    refuse(2100, function, arguments)  # CPython keeps up to 2000 tuples of a size for the next use
    counts = {key: sys.getrefcount(value) for key, value in arguments.items()}
    tracemalloc.start()
    try:
        refuse(100, function, arguments)
        before, _ = tracemalloc.get_traced_memory()
        refuse(COUNT, function, arguments)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A single leaked object of 16 bytes a call would be 40 kB.
    assert after - before < 32_000
    for key, value in arguments.items():
        if isinstance(value, np.ndarray):
            assert sys.getrefcount(value) == counts[key], key


def test_call_after_refusals_is_right(any_dtype):
    logits, labels = np.zeros((40, 70), any_dtype), np.zeros(40, np.int64)
    before = smoothxent.cross_entropy(logits, labels)
    refuse_everything(10)
    assert smoothxent.cross_entropy(logits, labels).hex() == before.hex()
