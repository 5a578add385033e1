"""No byte outside an array is read or written, and sizes beyond 32 bits are right."""

import mmap
import signal

import ml_dtypes
import numpy as np
import pytest

import oracle
import smoothxent
from assertions import assert_gradients_right, assert_losses_right
from peaks import peak_of

BEYOND_THE_GUARD = """
import guards, numpy
region = guards.Guarded(4096)
array = region.place(numpy.zeros(8), "last")
beyond = numpy.ndarray(9, array.dtype, buffer=region.memory,
                       offset=guards.mmap.PAGESIZE + region.size - 64)
beyond.sum()
"""


@pytest.mark.fault("page-edges")
@pytest.mark.slow
def test_guard_pages_do_guard(run_child):
    with pytest.raises(AssertionError, match=f"^exit -{signal.SIGSEGV.value}\n"):
        run_child(BEYOND_THE_GUARD)


@pytest.mark.fault("page-edges")
@pytest.mark.slow
@pytest.mark.parametrize("isa", smoothxent.available_isas())
def test_nothing_beyond_an_array_is_touched(run_child, isa):
    guarded = run_child("import guards; guards.main()", SMOOTHXENT_ISA=isa)
    assert guarded == "unharmed\n"


# More than 2**31 logits that repeat one row: sizes of 64 bits without the memory.
NUM_ROWS, NUM_CLASSES = 54_000, 40_000


@pytest.mark.fault("large-logits")
@pytest.mark.slow
@pytest.mark.thread_unsafe(reason="tracemalloc counts what every thread holds")
def test_more_than_two_to_the_31_logits_are_right_and_not_copied(any_dtype, rng):
    row = rng.normal(0, 4, NUM_CLASSES).astype(any_dtype)
    logits = np.broadcast_to(row, (NUM_ROWS, NUM_CLASSES))
    labels = np.arange(NUM_ROWS) % NUM_CLASSES
    losses, peak = peak_of(lambda: smoothxent.cross_entropy(logits, labels, reduction="none"))
    assert peak < 10_000_000  # the logits would be 4 GB at the least
    assert losses[NUM_CLASSES:].tobytes() == losses[: NUM_ROWS - NUM_CLASSES].tobytes()
    lse = -oracle.log_softmax(row[None])[0]
    allowed = oracle.promised_loss(losses.dtype) * lse + 2.0**-53 * 100
    assert np.all(np.abs(losses[:NUM_CLASSES] - lse) <= allowed)


# Each function returns the result for all rows, and the result for one of the rows.
def loss_of_probabilities(logits, out):
    q = np.broadcast_to(np.float32(1 / NUM_CLASSES), logits.shape)
    return smoothxent.cross_entropy(logits, q, reduction="none")


def gradient(logits, out):
    labels = np.broadcast_to(np.int64(7), len(logits))
    smoothxent.cross_entropy_and_grad(logits, labels, reduction="sum", grad_out=out)
    return out


def softmax(logits, out):
    return smoothxent.softmax(logits, out=out)


def log_softmax(logits, out):
    return smoothxent.log_softmax(logits, out=out)


def log_sum_exp(logits, out):
    return smoothxent.log_sum_exp(logits)


def evaluate(logits, out):
    evaluation = smoothxent.evaluate(logits, np.broadcast_to(np.int64(7), len(logits)))
    names = ("loss", "nll", "accuracy", "entropy", "confidence", "brier")
    metrics = np.array([getattr(evaluation, name) for name in names])
    return np.broadcast_to(metrics, (len(logits), len(metrics)))  # the mean of equal rows is theirs


def row_statistics(logits, out):
    labels = np.broadcast_to(np.int64(7), len(logits))
    statistics = smoothxent.row_statistics(logits, labels, top_k=1)
    return np.stack([np.ravel(array) for array in statistics], axis=1, dtype=np.float64)


FUNCTIONS = {
    loss_of_probabilities: np.float32,
    gradient: np.float32,
    softmax: np.float64,
    log_softmax: np.float16,
    log_sum_exp: ml_dtypes.bfloat16,
    evaluate: np.float16,
    row_statistics: np.float32,
}


@pytest.mark.fault("large-logits")
@pytest.mark.slow
@pytest.mark.thread_unsafe(reason="tracemalloc counts what every thread holds")
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_every_function_takes_more_than_two_to_the_31_logits_without_their_memory(
    rng, function, monkeypatch
):
    monkeypatch.setattr("smoothxent._arguments.outputs.overlaps_itself", lambda array: False)
    row = rng.normal(0, 4, NUM_CLASSES).astype(FUNCTIONS[function])
    logits = np.broadcast_to(row, (NUM_ROWS, NUM_CLASSES))
    room = np.zeros_like(row)  # where every row is written, over the one before
    out = np.lib.stride_tricks.as_strided(room, logits.shape, (0, row.itemsize))
    result, peak = peak_of(lambda: function(logits, out))
    assert peak < 10_000_000
    alone = function(row[None], np.zeros_like(row)[None])
    for n in (0, NUM_ROWS // 2, NUM_ROWS - 1):
        assert result[n].tobytes() == alone[0].tobytes()


@pytest.fixture(scope="module")
def vast():
    """Return 40 GiB of addresses; only pages that are used take memory."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    with mmap.mmap(-1, 40 * 2**30, flags=flags) as memory:
        yield memory


@pytest.mark.fault("large-logits")
@pytest.mark.thread_unsafe(reason="writes to memory that the tests of this file share")
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
    for actual, expected in zip(
        smoothxent.row_statistics(view, labels, top_k=4),
        smoothxent.row_statistics(logits, labels, top_k=4),
        strict=True,
    ):
        assert actual.tobytes() == expected.tobytes()
    assert smoothxent.evaluate(view, labels) == smoothxent.evaluate(logits, labels)
    losses, grad = smoothxent.cross_entropy_and_grad(
        view, labels, reduction="none", grad_out=view, label_smoothing=0.1
    )
    assert_losses_right(losses, logits, labels, dtype, label_smoothing=0.1)
    assert_gradients_right(view[...].copy(), logits, labels, dtype, label_smoothing=0.1)
    assert grad is view
