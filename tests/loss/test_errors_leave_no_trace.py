"""Ten thousand refusals on every path: memory stays flat and so do reference counts."""

import gc
import sys
import tracemalloc

import numpy as np
import pytest

import smoothxent
from inventory import DTYPES
from refusals import REFUSALS, arguments_of, refuse, refuse_everything

COUNT = 10_000 // len(DTYPES)
LIMIT = 32_000  # bytes: a single leaked object of 16 bytes a call would be 40 kB


def held():
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.fault("no-trace")
@pytest.mark.slow
@pytest.mark.thread_unsafe(reason="tracemalloc counts what every thread holds")
@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_leave_memory_and_reference_counts_as_they_were(any_dtype, name):
    function, arguments = arguments_of(name, any_dtype)
    with pytest.raises((IndexError, TypeError, ValueError), match=r"^\w+ must .*, got "):
        function(**arguments)
    refuse(100, function, arguments)
    counts = {key: sys.getrefcount(value) for key, value in arguments.items()}
    tracemalloc.start()
    try:
        refuse(100, function, arguments)
        before = held()
        refuse(COUNT, function, arguments)
        grown = held() - before
        if grown >= LIMIT:
            gc.collect()  # frees the tuples that CPython keeps for the next use, 2000 of a size
            grown = held() - before
    finally:
        tracemalloc.stop()
    assert grown < LIMIT
    for key, value in arguments.items():
        if isinstance(value, np.ndarray):
            assert sys.getrefcount(value) == counts[key], key


@pytest.mark.fault("no-trace")
def test_call_after_refusals_is_right(any_dtype):
    logits, labels = np.zeros((40, 70), any_dtype), np.zeros(40, np.int64)
    before = smoothxent.cross_entropy(logits, labels)
    refuse_everything(10)
    assert smoothxent.cross_entropy(logits, labels).hex() == before.hex()
