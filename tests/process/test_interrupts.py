"""Ctrl-C during a call of many seconds raises KeyboardInterrupt within half a second.

The logits repeat one row or one number, so that they take no memory. The tests measure CPU time
from the signal to the exception, which does not depend on other processes.
"""

import os

import pytest

from quick import slow_but_first

pytestmark = pytest.mark.xdist_group("timed")
LIMIT = 0.5  # seconds, of each thread of the team
HUGE = 2**36
INTERRUPTED = """
import os, signal, sys, threading, time
import ml_dtypes, numpy as np
import smoothxent

# A shell's job in the background inherits that it is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
name, num_classes, num_threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
dtype = np.dtype(getattr(ml_dtypes, sys.argv[4], None) or sys.argv[4])
wide = np.float64 if dtype == np.float64 else np.float32
num_rows = max(1, 2**34 // num_classes)
if num_rows == 1:
    logits = np.broadcast_to(dtype.type(1), (1, num_classes))
else:
    row = np.random.default_rng(23).normal(0, 4, num_classes).astype(dtype)
    logits = np.broadcast_to(row, (num_rows, num_classes))
labels = np.broadcast_to(np.int64(num_classes - 1), num_rows)
q = np.broadcast_to(wide(1 / num_classes), logits.shape)
room = np.full(num_classes if num_rows > 1 else 1, np.nan, dtype)
smoothxent._arguments.outputs.overlaps_itself = lambda array: False  # it does, on purpose
out = np.lib.stride_tricks.as_strided(  # every row, or class, is written to the same place
    room, logits.shape, (0, dtype.itemsize if num_rows > 1 else 0))

calls = {
    "loss": lambda: smoothxent.cross_entropy(
        logits, labels, label_smoothing=0.1, num_threads=num_threads),
    "probabilities": lambda: smoothxent.cross_entropy(logits, q, num_threads=num_threads),
    "gradient": lambda: smoothxent.cross_entropy_and_grad(
        logits, labels, grad_out=out, num_threads=num_threads),
    "gradient of probabilities": lambda: smoothxent.cross_entropy_and_grad(
        logits, q, grad_out=out, num_threads=num_threads),
    "softmax": lambda: smoothxent.softmax(logits, out=out, num_threads=num_threads),
    "log_softmax": lambda: smoothxent.log_softmax(logits, out=out, num_threads=num_threads),
    "log_sum_exp": lambda: smoothxent.log_sum_exp(logits, num_threads=num_threads),
    "transformed loss": lambda: smoothxent.cross_entropy(
        logits, labels, softcap=5.0, temperature=0.7, num_threads=num_threads),
    "evaluate": lambda: smoothxent.evaluate(logits, labels, num_threads=num_threads),
    "head": lambda: smoothxent.linear_cross_entropy(
        np.zeros((4096, 16384), wide), np.zeros((num_classes, 16384), wide),
        np.zeros(4096, int), num_threads=num_threads),
    "row_statistics": lambda: smoothxent.row_statistics(logits, labels, num_threads=num_threads),
}
small = logits[:100, :100].copy()
expected = smoothxent.softmax(small).tobytes()
start, sent = time.process_time(), []

def interrupt():
    while time.process_time() < start + 0.2:
        time.sleep(0.01)
    sent.append(time.process_time())
    os.kill(os.getpid(), signal.SIGINT)

thread = threading.Thread(target=interrupt)
thread.start()
try:
    calls[name]()
    print("was over before the signal")
except KeyboardInterrupt:
    print(time.process_time() - sent[0])
thread.join()
if name in ("gradient", "softmax") and num_classes == 1000:  # labels are looked at in no time
    assert not np.isnan(room.astype(float)).any(), "nothing was written before the signal"
assert smoothxent.softmax(small).tobytes() == expected
assert smoothxent.softmax(small, num_threads=2).tobytes() == expected
"""
# One lane a row, with hardly any logits or many; rows of tiles; a single row. Before a gradient is
# written all labels are looked at: indices in no time, probabilities for as long as it takes.
CASES = [
    ("loss", 2),
    ("loss", 100),
    ("loss", 1000),
    ("probabilities", 2),
    ("probabilities", 1000),
    ("gradient", 2),
    ("gradient", 128),
    ("gradient", 1000),
    ("gradient of probabilities", 2),
    ("gradient of probabilities", 1000),
    ("softmax", 2),
    ("softmax", 1000),
    ("log_softmax", 10),
    ("log_sum_exp", 40000),
    ("loss", HUGE),
    ("gradient", HUGE),
    ("softmax", HUGE),
    ("log_sum_exp", HUGE),
    ("evaluate", 2),
    ("evaluate", 1000),
    ("evaluate", HUGE),
    ("row_statistics", 1000),
    ("row_statistics", HUGE),
    ("transformed loss", 1000),
    ("head", 16384),
]


@pytest.mark.fault("interrupt")
@pytest.mark.skipif(
    "SMOOTHXENT_SANITIZE" in os.environ, reason="sanitizers take many times as long"
)
@pytest.mark.parametrize("num_threads", slow_but_first([2, 1]))
@pytest.mark.parametrize("name, num_classes", slow_but_first(CASES))
def test_interrupt_ends_a_long_call_within_half_a_second(run_child, name, num_classes, num_threads):
    dtype = ["float32", "float64", "float16", "bfloat16"][CASES.index((name, num_classes)) % 4]
    arguments = name, num_classes, num_threads, dtype
    waited = float(run_child(INTERRUPTED, *arguments, OPENBLAS_NUM_THREADS=str(num_threads)))
    assert waited < LIMIT * num_threads
