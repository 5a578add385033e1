"""Ten thousand errors of each kind: memory use and reference counts stay the same."""

import gc
import sys
import tracemalloc

import numpy as np
import pytest

import smoothxent
from argument_errors import ERRORS, arguments_of, raise_all, raise_repeatedly
from inventory import DTYPES

COUNT = 10_000 // len(DTYPES)
LIMIT = 32_000  # bytes: a single leaked object of 16 bytes a call would be 40 kB


def traced_memory():
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.fault("no-trace")
@pytest.mark.slow
@pytest.mark.thread_unsafe(reason="tracemalloc counts what every thread holds")
@pytest.mark.parametrize("name", ERRORS)
def test_errors_leave_memory_and_reference_counts_as_they_were(any_dtype, name):
    function, arguments = arguments_of(name, any_dtype)
    with pytest.raises((IndexError, TypeError, ValueError), match=r"^\w+ must .*, got "):
        function(**arguments)
    raise_repeatedly(100, function, arguments)
    counts = {key: sys.getrefcount(value) for key, value in arguments.items()}
    tracemalloc.start()
    try:
        raise_repeatedly(100, function, arguments)
        before = traced_memory()
        raise_repeatedly(COUNT, function, arguments)
        grown = traced_memory() - before
        if grown >= LIMIT:  # CPython keeps objects for reuse, up to 2000 tuples of each size: once
            gc.collect()
            before = traced_memory()
            raise_repeatedly(COUNT, function, arguments)
            gc.collect()
            grown = traced_memory() - before
    finally:
        tracemalloc.stop()
    assert grown < LIMIT
    for key, value in arguments.items():
        if isinstance(value, np.ndarray):
            assert sys.getrefcount(value) == counts[key], key


@pytest.mark.fault("no-trace")
def test_call_after_errors_is_right():
    logits, labels = np.zeros((40, 70), np.float32), np.zeros(40, np.int64)
    before = smoothxent.cross_entropy(logits, labels)
    raise_all(10)
    assert smoothxent.cross_entropy(logits, labels).hex() == before.hex()
