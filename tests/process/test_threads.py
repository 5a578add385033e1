"""Threads: their number, calls from several threads at once, and calls after a fork."""

import os
import sys
import threading

import numpy as np
import pytest

import smoothxent
from assertions import error_text
from smoothxent._kernel import builds

PRELUDE = """
import os, sys, threading
import numpy as np
import smoothxent
rng = np.random.default_rng(3)
logits = rng.normal(0, 4, (2000, 1000)).astype(np.float32)
labels = rng.integers(0, 1000, 2000)
def compute(num_threads=2):
    loss, _ = smoothxent.cross_entropy_and_grad(logits, labels, num_threads=num_threads)
    evaluation = smoothxent.evaluate(logits, labels, num_threads=num_threads)
    statistics = smoothxent.row_statistics(logits, labels, top_k=9, num_threads=num_threads)
    return loss, evaluation.to_dict(), [array.tobytes() for array in statistics]
expected = compute(1)
def in_child(action):
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if action() == expected else 3)
        finally:
            os._exit(4)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
FORKS = {
    "before parallel use": """
assert in_child(compute) == 0
assert compute() == expected
""",
    "in a child of a child": """
assert compute() == expected
def nested():
    assert compute() == expected
    return expected if in_child(compute) == 0 else "nested child failed"
assert in_child(nested) == 0
""",
    "again and again": """
for _ in range(20):
    assert compute() == expected
    assert in_child(compute) == 0
""",
    "from a thread while another computes": """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks among threads
stop = threading.Event()
def busy():
    while not stop.is_set():
        compute()
thread = threading.Thread(target=busy)
thread.start()
codes = [in_child(lambda: compute(1)) for _ in range(5)]
stop.set()
thread.join()
assert codes == [0] * 5, codes
""",
}


@pytest.mark.fault("fork")
@pytest.mark.slow
@pytest.mark.parametrize("body", FORKS.values(), ids=FORKS.keys())
def test_forked_child_computes_the_same_bits(run_child, body):
    # The time limit of the child stands for the hang that a dead team of threads would be.
    assert run_child(PRELUDE + body + "print('done')") == "done\n"


@pytest.mark.fault("reduction-and-threads")
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the threads of a process")
@pytest.mark.parametrize("num_threads", [5, 64, 10**6, 2**31, 2**63, 2**70])
def test_huge_number_of_threads_is_clamped(run_child, num_threads):
    body = """
before = len(os.listdir("/proc/self/task"))
assert compute(int(sys.argv[1])) == expected
print(len(os.listdir("/proc/self/task")) - before)  # OpenMP keeps its threads
"""
    most = max(16, len(os.sched_getaffinity(0)))
    assert 1 <= int(run_child(PRELUDE + body, num_threads)) < min(num_threads, most)


@pytest.mark.parametrize("num_threads", [np.int8(2), np.uint64(2), np.array(2)])
def test_number_of_threads_may_be_any_integer(dtype, rng, num_threads):
    logits = rng.normal(0, 4, (300, 70)).astype(dtype)
    labels = rng.integers(0, 70, 300)
    loss = smoothxent.cross_entropy(logits, labels, num_threads=num_threads)
    assert loss == smoothxent.cross_entropy(logits, labels, num_threads=2)


@pytest.mark.fault("python-threads")
def test_sixteen_python_threads_with_outs_of_their_own_get_the_right_bits(any_dtype, rng):
    logits = rng.normal(0, 4, (500, 300)).astype(any_dtype)
    labels = rng.integers(0, 300, 500)
    expected, expected_grad = smoothxent.cross_entropy_and_grad(logits, labels, reduction="none")
    outs = [np.zeros(500, expected.dtype) for _ in range(16)]
    grads = [np.zeros((500, 300), any_dtype) for _ in range(16)]

    evaluation = smoothxent.evaluate(logits, labels)
    statistics = [array.tobytes() for array in smoothxent.row_statistics(logits, labels, top_k=9)]
    others = set()

    def work(out, grad):
        for num_threads in (1, 2, 3, 4) * 3:
            threads = {"num_threads": num_threads}
            smoothxent.cross_entropy_and_grad(
                logits, labels, reduction="none", out=out, grad_out=grad, **threads
            )
            others.add(smoothxent.evaluate(logits, labels, **threads) == evaluation)
            of_rows = smoothxent.row_statistics(logits, labels, top_k=9, **threads)
            others.add([array.tobytes() for array in of_rows] == statistics)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(outs, grads, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [out.tobytes() == expected.tobytes() for out in outs] == [True] * 16
    assert [grad.tobytes() == expected_grad.tobytes() for grad in grads] == [True] * 16
    assert others == {True}


BETWEEN = {
    "indices": (2**62, IndexError, "lie in [0, 30), got labels[70] = 4611686018427387904"),
    "probabilities": (np.nan, ValueError, "be finite and not negative, got labels[70, 0] = nan"),
}


@pytest.mark.fault("python-threads")
@pytest.mark.thread_unsafe(reason="replaces a function of the kernel")
@pytest.mark.parametrize("labels", BETWEEN)
def test_labels_changed_between_the_two_looks_at_them_raise(any_dtype, rng, monkeypatch, labels):
    value, error, rule = BETWEEN[labels]
    targets = np.full(90, 3) if labels == "indices" else np.full((90, 30), 1 / 30)
    logits = rng.normal(0, 4, (90, 30)).astype(any_dtype)
    kernel = builds.kernel(logits.dtype.name)
    look = kernel.tally

    def look_and_spoil(*arguments):
        found = look(*arguments)
        targets[70] = value
        return found

    monkeypatch.setattr(kernel, "tally", look_and_spoil)
    grad = np.zeros_like(logits)
    text = error_text(error, smoothxent.cross_entropy_and_grad, logits, targets, grad_out=grad)
    assert text == f"labels must {rule}"


def test_interpreter_lock_is_released_during_a_call(run_child):
    # With so long a switch interval another thread runs only if the call lets go of the lock.
    body = """
sys.setswitchinterval(1000)
gate, seen = threading.Event(), []
def waiter():
    gate.wait()
    seen.append(True)
thread = threading.Thread(target=waiter)
thread.start()
gate.set()
rows = np.broadcast_to(logits[:1], (20000, 1000))
for _ in range(50):
    smoothxent.cross_entropy(rows, np.broadcast_to(labels[:1], 20000), num_threads=1)
    if seen:
        break
print(seen)
thread.join()
"""
    assert run_child(PRELUDE + body) == "[True]\n"


@pytest.mark.fault("subnormals")
def test_import_and_use_leave_subnormal_numbers_alone(run_child):
    # A shared object whose start-up code sets flush-to-zero for the process would make these 0.
    source = """
import smoothxent, numpy as np
smoothxent.cross_entropy(np.zeros((500, 50), np.float32), np.zeros(500, int), num_threads=2)
print(float(np.float32(1e-45) * np.float32(1)), 5e-324 * 1.0, float(np.float64(2e-308) / 4))
"""
    assert run_child(source) == f"{float(np.float32(1e-45))} 5e-324 5e-309\n"
