"""Inputs that another thread changes during a call do no harm: any numbers, but safe memory.

The arrays lie next to guard pages, in a child process. `make sanitize
ARGS=tests/process/test_changing_inputs.py` watches every access; SMOOTHXENT_RACE_SECONDS makes the
races longer.
"""

import contextlib
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from every_call import calls, problem
from guards import Guarded
from inventory import DTYPES

SECONDS = os.environ.get("SMOOTHXENT_RACE_SECONDS", "0.05")  # for each call
CHILD = "import sys; sys.path.append(sys.argv[2]); import test_changing_inputs as t; t.main()"
# One row a lane; one row after the other; tiles; segments that threads share.
SHAPES = [(3000, 3), (500, 100), (64, 200), (8, 5000), (2, 40_000)]


def changed_forever(array, stop):
    """Change every input again and again: larger, negative, nan, infinite, out of range."""
    rng = np.random.default_rng(0)
    x, first = array["logits"], array["logits"].copy()
    kinds = [lambda: np.add(x, 1, out=x), lambda: np.negative(x, out=x)]
    kinds += [lambda value=value: x.fill(value) for value in (np.nan, np.inf, -np.inf)]
    kinds += [lambda: np.copyto(x, first)] * 5
    while not stop.is_set():
        for name in ("class_weight", "sample_weight", "q", "labels"):
            array[name][...] = np.roll(array[name], 1)
        place = rng.integers(0, len(x))
        array["labels"][place] = rng.choice([0, 1, -(2**63), 2**62])
        array["sample_weight"][place] = rng.choice([1, -1, np.nan, np.inf])
        kinds[rng.integers(0, len(kinds))]()
        array["labels"][place] = 0


def race(dtype, shape, seconds):
    """Make each call for some seconds while a thread changes its inputs."""
    rng = np.random.default_rng(1)
    drawn = problem(rng, dtype, shape).items()
    array = {name: Guarded(each.nbytes).place(each, "last") for name, each in drawn}
    stop = threading.Event()
    writer = threading.Thread(target=changed_forever, args=(array, stop), daemon=True)
    writer.start()
    for name, call in calls(array).items():
        print(np.dtype(dtype).name, shape, name, flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(IndexError, ValueError):  # bad labels and weights
                call()
    stop.set()
    writer.join()


def main():
    """Race each call for as many seconds as the first argument says."""
    np.seterr(all="ignore")
    for dtype in DTYPES:
        for shape in SHAPES:
            race(dtype, shape, float(sys.argv[1]))
    print("unharmed")


@pytest.mark.fault("changing-inputs")
@pytest.mark.slow
def test_inputs_that_change_during_a_call_do_no_harm(run_child):
    ended = run_child(CHILD, SECONDS, Path(__file__).parent, flags=())
    assert ended.endswith("unharmed\n")
