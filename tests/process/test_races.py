"""The thread sanitizer finds no data race in any kind of call, in the build of `make tsan`.

It checks every memory access of the kernel, in the threads of a team and in Python threads that
call at the same time. The first tests check that it finds a race of either kind.
"""

import os

import pytest

RUNTIME = os.environ.get("SMOOTHXENT_TSAN_RUNTIME", "")
WATCHED = os.environ.get("SMOOTHXENT_WATCHED", "")  # only a child has its runtime
pytestmark = pytest.mark.skipif(
    not RUNTIME, reason="needs the build of `make tsan`, which needs Clang and its OpenMP runtime"
)
PRELUDE = """
import sys, threading
import ml_dtypes, numpy as np
import smoothxent

dtype = np.dtype(getattr(ml_dtypes, sys.argv[1], None) or sys.argv[1])
num_threads = int(sys.argv[2])
rng = np.random.default_rng(26)

def together(call):
    start = threading.Barrier(3)
    def work():
        start.wait()
        call()
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""
RACE = """
logits = rng.normal(0, 4, (6000, 1000)).astype(dtype)
room = np.empty(1000, dtype)
smoothxent._arguments.outputs.overlaps_itself = lambda array: False  # it does, on purpose
shared = np.lib.stride_tricks.as_strided(room, logits.shape, (0, dtype.itemsize))
def call():
    for _ in range(3):
        smoothxent.softmax(logits, out=shared, num_threads=num_threads)
together(call) if num_threads == 1 else call()
"""
CALLS = """
SHAPES = [(300, 200), (20000, 3), (3, 40000), (700, 128)]  # by tiles, lanes, segments, lanes
def problem(shape):
    logits = rng.normal(0, 4, shape).astype(dtype)
    return logits, rng.integers(0, shape[1], shape[0]), rng.dirichlet(np.ones(shape[1]), shape[0])
PROBLEMS = [problem(shape) for shape in SHAPES]

def call():
    threads = {"num_threads": num_threads}
    for logits, labels, q in PROBLEMS:
        weights = {"label_smoothing": 0.1, "class_weight": np.ones(logits.shape[1]),
                   "sample_weight": np.ones(len(logits))}
        smoothxent.cross_entropy(logits, labels, **threads)
        smoothxent.cross_entropy_and_grad(logits, labels, **weights, **threads)
        smoothxent.cross_entropy_and_grad(
            logits, q, reduction="none", label_smoothing=0.1, **threads)
        smoothxent.cross_entropy_and_grad(
            np.asfortranarray(logits), labels, ignore_index=0, **threads)
        smoothxent.evaluate(logits, labels, **weights, **threads)
        smoothxent.cross_entropy_and_grad(
            logits, labels, softcap=5.0, temperature=0.7, z_loss=1e-3, **threads)
        smoothxent.evaluate(np.asfortranarray(logits), labels, ignore_index=0, **threads)
        smoothxent.row_statistics(logits, labels, top_k=3, **threads)
        groups = np.arange(len(labels)) % 7
        smoothxent.evaluate(logits, labels, groups=groups, per_class=True, **threads)
        smoothxent.compare(logits, logits[::-1], labels, groups=groups, **threads)
        if dtype in (np.float32, np.float64):
            hidden, weight = logits[:50, :3].copy(), logits[:3].T.copy()
            smoothxent.linear_cross_entropy_and_grad(hidden, weight, labels[:50], **threads)
        for function in (smoothxent.softmax, smoothxent.log_softmax, smoothxent.log_sum_exp):
            function(logits, **threads)
        bad = np.where(labels % 2 == 0, labels, logits.shape[1])
        for function in (smoothxent.cross_entropy, smoothxent.evaluate, smoothxent.row_statistics):
            try:
                function(logits, bad, **threads)
            except IndexError:
                pass
call()
together(call)
print("done")
"""
DTYPES = ["float32", "float64", "float16", "bfloat16"]


def run_watched(run_child, source, *arguments):
    environment = {"LD_PRELOAD": RUNTIME, "PYTHONPATH": WATCHED}
    return run_child(PRELUDE + source, *arguments, **environment)


@pytest.mark.fault("data-races")
@pytest.mark.parametrize("num_threads", [1, 2])
def test_sanitizer_notices_two_threads_that_write_to_one_place(run_child, num_threads):
    with pytest.raises(AssertionError, match=r"^exit 66\n[^$]*WARNING: ThreadSanitizer: data race"):
        run_watched(run_child, RACE, "float32", num_threads)


@pytest.mark.fault("data-races")
@pytest.mark.parametrize("num_threads", [1, 2, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_call_has_a_data_race(run_child, dtype, num_threads):
    assert run_watched(run_child, CALLS, dtype, num_threads) == "done\n"
