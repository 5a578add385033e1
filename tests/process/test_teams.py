"""Teams of threads: if the threads start late, one thread does the work."""

import json
import os

import pytest

import smoothxent

pytestmark = [
    pytest.mark.xdist_group("timed"),
    pytest.mark.skipif(not smoothxent.info()["openmp"], reason="built without OpenMP"),
    pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads can't be pinned here"),
]

PRELUDE = """
import json, os, statistics, sys, threading, time
import numpy as np
import smoothxent
from smoothxent._kernel import builds, threads
kernel = builds.kernel("float32")
logits = np.random.default_rng(0).standard_normal((512, 1000), np.float32)
labels = np.random.default_rng(1).integers(0, 1000, 512)
def loss(num_threads):
    return smoothxent.cross_entropy(logits, labels, num_threads=num_threads)
"""
# On one CPU one thread waits for the other, which can begin only when the first stops spinning.
LATE = """
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
assert not kernel.is_in_debt()
for _ in range(10):
    loss(2)
"""
LONG_SPIN = {"GOMP_SPINCOUNT": "1000000", "OMP_WAIT_POLICY": ""}


@pytest.mark.fault("late-threads")
def test_team_that_came_late_is_not_called_again_by_default(run_child):
    source = """
threads.default_num_threads = lambda: 2
def sizes():
    print(threads.team_size(None, 10**6, kernel), threads.team_size(2, 10**6, kernel))
sizes()
other = threading.Thread(target=sizes)  # it has no debt of its own
other.start()
other.join()
"""
    assert run_child(PRELUDE + LATE + source, **LONG_SPIN) == "1 2\n2 2\n"


@pytest.mark.fault("late-threads")
@pytest.mark.slow
def test_debt_is_paid_off_by_work_on_one_thread(run_child):
    # Ten teams that each came some 16 ms late, at up to 64 times the price: at most a second of it.
    source = """
begin, calls = time.perf_counter(), 0
while kernel.is_in_debt() and time.perf_counter() < begin + 2:
    loss(1)
    calls += 1
print(calls > 10, kernel.is_in_debt())
"""
    assert run_child(PRELUDE + LATE + source, **LONG_SPIN) == "True False\n"


@pytest.mark.slow
def test_threads_that_moved_to_another_cpu_may_run_on_all_again(run_child):
    # A thread that is woken where the calling thread runs moves away, by its affinity.
    source = """
allowed = os.sched_getaffinity(0)
for _ in range(30):
    time.sleep(0.002)
    loss(2)
threads = [int(thread) for thread in os.listdir("/proc/self/task")]
print([thread for thread in threads if os.sched_getaffinity(thread) != allowed])
"""
    assert run_child(PRELUDE + source) == "[]\n"


@pytest.mark.slow
def test_team_that_is_made_again_after_a_fork_is_no_loss(run_child):
    source = """
wide = logits.astype(np.float64)
smoothxent.cross_entropy(wide, labels, num_threads=2)
threads._pause_before_fork()  # as os.fork does
kernels = [builds.kernel(dtype) for dtype in ("float32", "float64")]
while any(kernel.is_in_debt() for kernel in kernels):
    loss(1), smoothxent.cross_entropy(wide, labels, num_threads=1)
loss(2), smoothxent.cross_entropy(wide, labels, num_threads=2)
print([kernel.is_in_debt() for kernel in kernels])
"""
    assert run_child(PRELUDE + source) == "[False, False]\n"


@pytest.mark.fault("pinned-worker")
def test_forked_worker_that_is_pinned_to_a_cpu_uses_one_thread(run_child):
    source = """
loss(None)  # in the parent, which may use all
if os.fork() == 0:
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    print(smoothxent.info()["num_threads"], threads.team_size(None, 10**6, kernel), flush=True)
    os._exit(0)
os.wait()
"""
    assert run_child(PRELUDE + source) == "1 1\n"


# Median time of a loss after 20 ms of idleness, and after the product that made the logits.
IN_USE = """
num_threads = json.loads(sys.argv[1])
hidden = np.random.default_rng(2).standard_normal((512, 256), np.float32)
weight = np.random.default_rng(3).standard_normal((256, 1000), np.float32)
def median(before):
    times = []
    for _ in range(15):
        before()
        begin = time.perf_counter()
        loss(num_threads)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)
loss(num_threads)
print([median(lambda: time.sleep(0.02)), median(lambda: np.matmul(hidden, weight, out=logits))])
"""


@pytest.mark.fault("late-threads")
@pytest.mark.slow
def test_default_threads_fall_off_no_cliff_after_idleness_or_a_product(run_child):
    # The only test of a time: a ratio, 5 to 30 with the policy of libgomp itself. The best of three
    # runs counts, because other processes may run at the same time.
    def slowdown():
        alone, default = (
            json.loads(run_child(PRELUDE + IN_USE, json.dumps(threads), OMP_NUM_THREADS=""))
            for threads in (1, None)
        )
        return max(theirs / ours for ours, theirs in zip(alone, default, strict=True))

    assert min(slowdown() for _ in range(3)) < 3
