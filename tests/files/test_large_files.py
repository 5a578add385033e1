"""The memory for large files, and Ctrl-C while one is read.

The files are sparse: only their headers and a few rows are on the disk.
"""

import os

import numpy as np
import pytest

OVERHEAD = 8 << 20  # bytes, of threads, the kernel's totals and Python's own

MEASURED = """
import sys
import numpy as np
from peaks import process_peak
from smoothxent import evaluate_file
from smoothxent._files.chunks import CHUNK_BYTES

folder = sys.argv[1]
np.save(folder + "/small.npy", np.zeros((64, 32000), np.float32))
np.save(folder + "/few.npy", np.zeros(64, np.int64))
evaluate_file(folder + "/small.npy", folder + "/few.npy", num_threads=3)
before = process_peak()
evaluation = evaluate_file(folder + "/logits.npy", folder + "/labels.npy", num_threads=3)
print(evaluation.count, evaluation.accuracy, process_peak() - before - 4 * CHUNK_BYTES)
"""

INTERRUPTED = """
import os, signal, sys, threading
from smoothxent import evaluate_file

signal.signal(signal.SIGINT, signal.default_int_handler)
folder = sys.argv[1]

def progress(done, num_rows, evaluation):
    if done > num_rows // 50 and not told:
        told.append(threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)))
        told[0].start()

told, before = [], threading.active_count()
try:
    evaluate_file(folder + "/logits.npy", folder + "/labels.npy", progress=progress)
except KeyboardInterrupt:
    told[0].join()
    print("interrupted", threading.active_count() - before)
"""


def sparse(path, shape, descr):
    """Write a file of zeros that takes no space on the disk."""
    with path.open("wb") as file:
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(shape)) * np.dtype(descr).itemsize)


@pytest.fixture
def gigabyte(tmp_path):
    """Return a folder with 8192 rows of 32,000 classes."""
    sparse(tmp_path / "logits.npy", (1 << 13, 32_000), "<f4")
    sparse(tmp_path / "labels.npy", (1 << 13,), "<i8")
    assert (tmp_path / "logits.npy").stat().st_size > 10**9
    return tmp_path


@pytest.mark.fault("large-file")
@pytest.mark.slow
@pytest.mark.skipif("SMOOTHXENT_SANITIZE" in os.environ, reason="sanitizers take memory")
def test_file_of_a_gigabyte_takes_the_memory_of_its_chunks(gigabyte, run_child):
    count, accuracy, beyond = run_child(MEASURED, gigabyte).split()
    assert (count, accuracy) == ("8192", "1.0")
    assert int(beyond) < OVERHEAD


@pytest.mark.fault("file-interrupt")
def test_interrupt_ends_the_evaluation_of_a_file_and_its_threads(gigabyte, run_child):
    assert run_child(INTERRUPTED, gigabyte, silent=True) == "interrupted 0\n"
