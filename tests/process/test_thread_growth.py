"""Many calls do not increase the number of threads."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="no list of the threads of a process"
)
PRELUDE = """
import os, threading, time
import numpy as np
import smoothxent
from inventory import DTYPES
from quick import PATIENCE

rng = np.random.default_rng(25)
SHAPES = [(1, 10), (300, 200), (3000, 3), (2, 70000), (40, 1025), (0, 5), (700, 128)]
PROBLEMS = [(rng.normal(0, 4, shape).astype(dtype), rng.integers(0, shape[1], shape[0]))
            for shape in SHAPES for dtype in DTYPES]

def call(number, num_threads):
    logits, labels = PROBLEMS[number % len(PROBLEMS)]
    if number % 5 == 0:
        smoothxent.cross_entropy(logits, labels, num_threads=num_threads)
    elif number % 5 == 1:
        smoothxent.cross_entropy_and_grad(
            logits, labels, label_smoothing=0.1, num_threads=num_threads)
    elif number % 5 == 2:
        smoothxent.evaluate(logits, labels, num_threads=num_threads)
    elif number % 5 == 3:
        smoothxent.row_statistics(logits, labels, num_threads=num_threads)
    else:
        smoothxent.softmax(logits, num_threads=num_threads)

def ids():
    return set(os.listdir("/proc/self/task"))

def left(before, allowed):
    # the system takes a thread off its list a little after its end
    deadline = time.monotonic() + PATIENCE
    while len(ids() - before) > allowed and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(ids() - before)
"""


@pytest.mark.fault("thread-growth")
def test_thousand_calls_of_mixed_sizes_start_each_thread_once(run_child):
    source = """
before, seen = ids(), set()
for number in range(1000):
    call(number, 3)
    seen |= ids()
print(len(seen - before))
"""
    assert run_child(PRELUDE + source) == "2\n"  # and the caller's own: a team of three


@pytest.mark.fault("thread-growth")
@pytest.mark.slow
def test_threads_of_python_that_end_take_their_teams_with_them(run_child):
    source = """
call(1, 2)
before = ids()
for number in range(100):
    thread = threading.Thread(target=call, args=(number, 2))
    thread.start()
    thread.join()
print(left(before, 0))
"""
    assert run_child(PRELUDE + source) == "0\n"


@pytest.mark.fault("thread-growth")
@pytest.mark.slow
def test_numbers_of_threads_that_vary_leave_no_more_than_the_largest(run_child):
    source = """
before = ids()
for number in range(300):
    call(number, 1 + number % 4)
print(left(before, 3) <= 3)
"""
    assert run_child(PRELUDE + source) == "True\n"
