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
from contextlib import suppress
import every_call

def changed(array):
    bad = np.where(array["labels"] % 2 == 0, array["labels"], array["logits"].shape[1])
    return [array, array | {"logits": np.asfortranarray(array["logits"])}, array | {"labels": bad}]

SHAPES = [(300, 200), (20000, 3), (3, 40000), (700, 128)]  # by tiles, lanes, segments, lanes
PROBLEMS = [every_call.problem(rng, dtype, shape) for shape in SHAPES]
MADE = [made for each in PROBLEMS for array in changed(each)
        for name, made in every_call.calls(array).items() if name != "temperature"]

def call():
    for made in MADE:
        with suppress(IndexError):
            made(num_threads=num_threads)
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
