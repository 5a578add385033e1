"""No byte outside an array is read or written, and sizes beyond 32 bits are right."""

import mmap
import signal
import tracemalloc

import numpy as np
import pytest

import oracle
import smoothxent
from judging import assert_gradients_right, assert_losses_right

BEYOND_THE_GUARD = """
import guards, numpy
region = guards.Guarded(4096)
array = region.place(numpy.zeros(8), "last")
beyond = numpy.ndarray(9, array.dtype, buffer=region.memory,
                       offset=guards.mmap.PAGESIZE + region.size - 64)
beyond.sum()
"""


def test_guard_pages_do_guard(run_child):
    with pytest.raises(AssertionError, match=f"^exit -{signal.SIGSEGV.value}\n"):
        run_child(BEYOND_THE_GUARD)


@pytest.mark.parametrize("isa", smoothxent.available_isas())
def test_nothing_beyond_an_array_is_touched(run_child, isa):
    assert run_child("import guards; guards.main()", SMOOTHXENT_ISA=isa) == "unharmed\n"


def test_more_than_two_to_the_31_logits_are_right_and_not_copied(dtype, rng):
    # 70000 x 40000 = 2.8e9 logits that are one row over and over: 64-bit sizes without the memory.
    row = rng.normal(0, 4, 40000).astype(dtype)
    logits = np.broadcast_to(row, (70000, 40000))
    labels = np.arange(70000) % 40000
    tracemalloc.start()
    try:
        losses = smoothxent.cross_entropy(logits, labels, reduction="none")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000  # the logits would be 11 GB, or 22 GB
    assert losses[40000:].tobytes() == losses[:30000].tobytes()
    lse = -oracle.log_softmax(row[None])[0]
    allowed = 8 * oracle.UNIT_ROUNDOFF[np.dtype(dtype)] * lse + 2.0**-53 * 100
    assert np.all(np.abs(losses[:40000] - lse) <= allowed)


@pytest.fixture(scope="module")
def vast():
    """Memory of 40 GiB addresses, of which only the pages that are touched exist."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    with mmap.mmap(-1, 40 * 2**30, flags=flags) as memory:
        yield memory


@pytest.mark.parametrize("wide_axis", [0, 1])
def test_strides_beyond_32_bits_are_right(dtype, rng, vast, wide_axis):
    # Neighbours along one axis lie 9 GiB apart: more than 2**31 elements of either dtype.
    far, near = 9 * 2**30, np.dtype(dtype).itemsize
    shape = (4, 37) if wide_axis == 0 else (37, 4)
    strides = (far, near) if wide_axis == 0 else (near, far)
    view = np.ndarray(shape, dtype, buffer=vast, strides=strides)
    logits = rng.normal(0, 4, shape).astype(dtype)
    view[...] = logits
    labels = rng.integers(0, shape[1], shape[0])
    losses, grad = smoothxent.cross_entropy_and_grad(
        view, labels, reduction="none", grad_out=view, label_smoothing=0.1
    )
    assert_losses_right(losses, logits, labels, dtype, label_smoothing=0.1)
    assert_gradients_right(view[...].copy(), logits, labels, dtype, label_smoothing=0.1)
    assert grad is view
