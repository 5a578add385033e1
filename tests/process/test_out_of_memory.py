"""Out of memory: MemoryError, nothing is written, and the next call is right."""

import json
import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

# What each call asks the C library for, in this order: a total for each thread of a team, that of
# the metrics of an evaluation, the smoothing term of each class, the statistics of each segment of
# a few long rows, what a first sweep over more than 128 classes leaves for the second.
REQUESTS = {
    "plain": 0,
    "team": 1,
    "weighted": 1,
    "team, weighted": 2,
    "long rows": 2,
    "long rows, weighted": 3,
    "rows of 300": 1,
    "rows of 3000, team, weighted": 3,
    "softmax of rows of 3000": 1,
    "log_softmax of rows of 300": 0,
    "softmax of long rows": 1,
    "log_sum_exp of long rows": 1,
    "evaluate": 1,
    "evaluate, team, weighted": 3,
    "evaluate, long rows": 3,
    "row_statistics": 0,
    "row_statistics, team": 1,
    "row_statistics of long rows": 2,
}
FAILING = """
import ctypes, json, sys
import ml_dtypes, numpy as np
import battery, smoothxent

shim = ctypes.CDLL(sys.argv[1])
rng = np.random.default_rng(19)
weights = {"label_smoothing": 0.1, "class_weight": np.ones(70)}
long_weights = {"label_smoothing": 0.1, "class_weight": np.ones(40000)}
labels, long_labels = rng.integers(0, 70, 600), rng.integers(0, 40000, 3)

def loss(logits, labels, **options):
    wide = np.float64 if logits.dtype == np.float64 else np.float32
    out, grad = np.full(len(logits), 77, wide), np.full_like(logits, 77)
    smoothxent.cross_entropy_and_grad(
        logits, labels, reduction="none", out=out, grad_out=grad, **options)
    return [out, grad]

def function(name, logits):
    return [getattr(smoothxent, name)(logits, num_threads=2)]

def evaluate(logits, labels, **options):
    return [battery.record(smoothxent.evaluate(logits, labels, **options))]

def statistics(logits, labels, num_threads):
    return smoothxent.row_statistics(logits, labels, top_k=9, num_threads=num_threads)

def calls(dtype):
    shapes = (600, 70), (80, 300), (80, 3000), (3, 40000)
    short, middle, several, long = (rng.normal(0, 4, s).astype(dtype) for s in shapes)
    return {
        "plain": lambda: loss(short, labels, num_threads=1),
        "team": lambda: loss(short, labels, num_threads=2),
        "weighted": lambda: loss(short, labels, num_threads=1, **weights),
        "team, weighted": lambda: loss(short, labels, num_threads=2, **weights),
        "long rows": lambda: loss(long, long_labels, num_threads=2),
        "long rows, weighted": lambda: loss(long, long_labels, num_threads=2, **long_weights),
        "rows of 300": lambda: loss(middle, labels[:80], num_threads=1),
        "rows of 3000, team, weighted": lambda: loss(
            several, labels[:80], num_threads=2, label_smoothing=0.1, class_weight=np.ones(3000)),
        "softmax of rows of 3000": lambda: function("softmax", several),
        "log_softmax of rows of 300": lambda: function("log_softmax", middle),
        "softmax of long rows": lambda: function("softmax", long),
        "log_sum_exp of long rows": lambda: function("log_sum_exp", long),
        "evaluate": lambda: evaluate(short, labels, num_threads=1),
        "evaluate, team, weighted": lambda: evaluate(short, labels, num_threads=2, **weights),
        "evaluate, long rows": lambda: evaluate(long, long_labels, num_threads=2),
        "row_statistics": lambda: statistics(short, labels, 1),
        "row_statistics, team": lambda: statistics(short, labels, 2),
        "row_statistics of long rows": lambda: statistics(long, long_labels, 2),
    }

def bits(call):
    return [array.tobytes() for array in call()]

found = {}
for dtype in (np.float32, np.float64, np.float16, ml_dtypes.bfloat16):
    for name, call in calls(dtype).items():
        expected = bits(call)
        shim.fail_request(0)
        assert bits(call) == expected
        made = shim.requests_made()
        assert found.setdefault(name, made) == made
        for nth in range(1, made + 1):
            shim.fail_request(nth)
            try:
                call()
            except MemoryError as error:
                frame = error.__traceback__
                while frame is not None:  # of loss(), where one is on the way
                    for array in ("out", "grad"):
                        if frame.tb_frame.f_code is loss.__code__:
                            assert np.all(frame.tb_frame.f_locals[array] == 77), (name, nth)
                    frame = frame.tb_next
            else:
                raise AssertionError(f"{name}: request {nth} failed unnoticed")
            assert bits(call) == expected
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """Build failing_memory.c as a library to preload; return its path."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if os.environ.get("SMOOTHXENT_SANITIZE"):
        pytest.skip("the sanitizers bring memory functions of their own")
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("only glibc has the __libc_calloc and __libc_malloc that the shim hands on to")
    if not shutil.which(compiler[0]):
        pytest.skip(f"{compiler[0]} is not installed")
    library = tmp_path_factory.mktemp("shim") / "failing_memory.so"
    source = str(Path(__file__).with_name("failing_memory.c"))
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-ldl"]
    subprocess.run([*compiler, source, *flags, "-o", str(library)], check=True)
    return library


@pytest.mark.fault("out-of-memory")
@pytest.mark.slow
def test_every_request_that_fails_is_a_memory_error_and_the_next_call_is_right(run_child, shim):
    found = json.loads(run_child(FAILING, shim, LD_PRELOAD=str(shim)))
    assert found == REQUESTS


TOO_LARGE = """
import resource, sys
import numpy as np, smoothxent
row = np.linspace(-4, 4, 40000, dtype=np.float32)
logits = np.broadcast_to(row, (70000, 40000))
labels = np.zeros(70000, np.int64)
swapped = np.broadcast_to(row.astype(row.dtype.newbyteorder()), logits.shape)
calls = {
    "gradient": lambda: smoothxent.cross_entropy_and_grad(logits, labels),
    "softmax": lambda: smoothxent.softmax(logits),
    "log_softmax": lambda: smoothxent.log_softmax(logits),
    "logits in another byte order": lambda: smoothxent.log_sum_exp(swapped),
    "smooth_labels": lambda: smoothxent.smooth_labels(labels, 0.1, num_classes=40000),
    "evaluate": lambda: smoothxent.evaluate(
        logits[:100], labels[:100], sample_weight=labels[:100] + 1, num_bins=2**20, num_threads=2),
}
small = smoothxent.cross_entropy(logits[:100], labels[:100])
limit = 2 * 2**30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for name, call in calls.items():
    try:
        call()
    except MemoryError:
        print(name)
    assert smoothxent.cross_entropy(logits[:100], labels[:100]).hex() == small.hex()
"""


@pytest.mark.fault("out-of-memory")
def test_result_larger_than_the_memory_is_a_memory_error(run_child):
    pytest.importorskip("resource", reason="this system knows no limit of memory")
    if os.environ.get("SMOOTHXENT_SANITIZE"):
        pytest.skip("the sanitizers themselves take terabytes of addresses")
    assert run_child(TOO_LARGE, OMP_NUM_THREADS="1").splitlines() == [
        "gradient",
        "softmax",
        "log_softmax",
        "logits in another byte order",
        "smooth_labels",
        "evaluate",
    ]
