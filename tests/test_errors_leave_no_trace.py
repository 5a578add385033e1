"""Ten thousand refusals on every path: memory stays flat and so do reference counts."""

import sys
import tracemalloc

import numpy as np
import pytest

import smoothxent

N, C = 40, 70
LABELS = np.zeros(N, np.int64)
HIGH = np.where(np.arange(N) == N - 1, C, 0)
WEIGHTS = np.ones(C)
NEGATIVE = np.where(np.arange(C) == C - 1, -1.0, 1.0)
IMPROPER = np.where(np.eye(C)[:N] == 1, -1.0, 0.0)
PATHS = {
    "logits of integers": {"logits": np.zeros((N, C), np.int64)},
    "labels of floats": {"labels": np.zeros(N)},
    "labels of another shape": {"labels": np.zeros(N + 1, np.int64)},
    "label out of range": {"labels": HIGH},
    "label out of range, weighted": {"labels": HIGH, "class_weight": WEIGHTS},
    "improper probability": {"labels": IMPROPER},
    "label_smoothing": {"label_smoothing": 2.0},
    "prior": {"prior": WEIGHTS},
    "class_weight": {"class_weight": NEGATIVE},
    "sample_weight": {"sample_weight": WEIGHTS},
    "ignore_index": {"ignore_index": 1.5},
    "reduction": {"reduction": "avg"},
    "axis": {"axis": 2},
    "num_threads": {"num_threads": 0},
    "out": {"out": np.zeros(N, np.int64), "reduction": "none"},
    "grad_out": {"grad_out": np.zeros((C, N))},
}


def refuse(count, arguments):
    """Make a call that must fail this many times, without a trace of what it raised."""
    for _ in range(count):
        try:
            smoothxent.cross_entropy_and_grad(**arguments)
        except (IndexError, TypeError, ValueError):
            continue
        pytest.fail("nothing was raised")


@pytest.mark.parametrize("changes", PATHS.values(), ids=PATHS.keys())
def test_refusals_leave_memory_and_reference_counts_as_they_were(dtype, changes):
    arguments = {"logits": np.ones((N, C), dtype), "labels": LABELS} | changes
    refuse(100, arguments)
    counts = {name: sys.getrefcount(value) for name, value in arguments.items()}
    tracemalloc.start()
    try:
        refuse(100, arguments)
        before, _ = tracemalloc.get_traced_memory()
        refuse(5000, arguments)  # twice, for either dtype: ten thousand
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A single leaked object of 16 bytes a call would be 80 kB.
    assert after - before < 64_000
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            assert sys.getrefcount(value) == counts[name], name


def test_call_after_refusals_is_right(dtype):
    logits = np.zeros((N, C), dtype)
    before = smoothxent.cross_entropy(logits, LABELS)
    for changes in PATHS.values():
        refuse(10, {"logits": logits, "labels": LABELS} | changes)
    assert smoothxent.cross_entropy(logits, LABELS).hex() == before.hex()
