"""Logits of every memory layout: the same bits as their contiguous copy, and not modified."""

import os
import signal
import sys
from itertools import permutations

import numpy as np
import pytest

import smoothxent
from assertions import assert_losses_right, losses_dtype
from memory import MEMORY, READ_ONLY

LAYOUTS = MEMORY | READ_ONLY


@pytest.mark.fault("logits-layouts")
@pytest.mark.parametrize("num_classes", [37, 200, 1030])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_losses_and_gradient_have_the_bits_of_the_contiguous_copy(
    any_dtype, rng, layout, num_classes
):
    view = layout(rng.normal(0, 4, (12, num_classes)).astype(any_dtype))
    logits, labels = np.array(view, any_dtype, order="C"), rng.integers(0, num_classes, 12)
    options = {"label_smoothing": 0.1, "reduction": "none"}
    losses, grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)
    losses_of_view, grad_of_view = smoothxent.cross_entropy_and_grad(view, labels, **options)
    assert losses_of_view.tobytes() == losses.tobytes()
    assert grad_of_view.tobytes() == grad.tobytes()
    assert (losses_of_view.dtype, grad_of_view.dtype) == (losses_dtype(any_dtype), any_dtype)
    assert np.array_equal(view, logits)
    assert_losses_right(losses, logits, labels, losses_dtype(any_dtype), label_smoothing=0.1)


@pytest.mark.fault("logits-layouts")
def test_four_axes_in_any_order_of_memory_have_the_bits_of_the_contiguous_copy(dtype, rng):
    logits, labels = rng.normal(0, 4, (2, 7, 3, 5)).astype(dtype), rng.integers(0, 7, (2, 3, 5))
    options = {"axis": 1, "label_smoothing": 0.1, "reduction": "none"}
    losses, grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)
    for axes in permutations(range(4)):
        view = logits.transpose(axes).copy().transpose(np.argsort(axes))
        for indices in (labels, np.asfortranarray(labels)):
            same_losses, same_grad = smoothxent.cross_entropy_and_grad(view, indices, **options)
            assert same_losses.tobytes() == losses.tobytes()
            assert same_grad.tobytes() == grad.tobytes()


@pytest.mark.fault("logits-layouts")
def test_memory_mapped_logits_are_read_in_place(any_dtype, rng, tmp_path):
    logits = rng.normal(0, 4, (50, 37)).astype(any_dtype)
    labels = rng.integers(0, 37, 50)
    logits.tofile(tmp_path / "logits")  # np.save would forget bfloat16
    mapped = np.memmap(tmp_path / "logits", any_dtype, "r", shape=logits.shape)
    losses = smoothxent.cross_entropy(mapped, labels, reduction="none")
    assert losses.tobytes() == smoothxent.cross_entropy(logits, labels, reduction="none").tobytes()
    assert type(losses) is np.ndarray


# Prints the calls during which this process held more memory than before by over a quarter of the
# logits: by whatever means, of NumPy or of the kernel.
PEAKS = """
import sys
from pathlib import Path
import ml_dtypes, numpy as np
import smoothxent
from peaks import process_peak

dtype = np.dtype(getattr(ml_dtypes, sys.argv[1], None) or sys.argv[1])
logits = np.random.default_rng(23).normal(0, 4, (6000, 2000)).astype(dtype)
labels = np.zeros(6000, np.int64)
rows_of_q = np.full((6000, 1), 1 / 2000, np.float64 if dtype == np.float64 else np.float32)
CALLS = {
    "loss": lambda x, y, q: smoothxent.cross_entropy(x, y, label_smoothing=0.1),
    "loss of probabilities": lambda x, y, q: smoothxent.cross_entropy(x, q, label_smoothing=0.1),
    "gradient": lambda x, y, q: smoothxent.cross_entropy_and_grad(x, y, grad_out=x),
    "softmax": lambda x, y, q: smoothxent.softmax(x, out=x),
    "log_softmax": lambda x, y, q: smoothxent.log_softmax(x, out=x),
    "log_sum_exp": lambda x, y, q: smoothxent.log_sum_exp(x),
    "row_statistics": lambda x, y, q: smoothxent.row_statistics(x, y, top_k=20),
    "evaluate": lambda x, y, q: smoothxent.evaluate(x, y),
}
CAPPED = {  # halves become float32, some rows at a time
    "capped loss": lambda x, y, q: smoothxent.cross_entropy(x, y, softcap=5.0),
    "capped gradient": lambda x, y, q: smoothxent.cross_entropy_and_grad(
        x, y, grad_out=x, softcap=5.0),
}
for cut in [np.s_[:], np.s_[:, :1800], np.s_[::-1], np.s_[:, ::-2]]:
    x, y = logits[cut], labels[: len(logits[cut])]
    q = np.broadcast_to(rows_of_q[: len(x)], x.shape)
    for name, call in (CALLS | CAPPED if cut == np.s_[:] else CALLS).items():
        call(x[:2].copy(), y[:2], q[:2])
        Path("/proc/self/clear_refs").write_text("5")  # the peak is what is held now
        before = process_peak()
        call(x, y, q)
        if process_peak() - before > x.nbytes / 4:
            print(name, cut, process_peak() - before)
"""


@pytest.mark.fault("logits-layouts")
@pytest.mark.slow
@pytest.mark.skipif("SMOOTHXENT_SANITIZE" in os.environ, reason="sanitizers take memory")
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for its peak")
def test_no_call_copies_the_logits_or_takes_memory_of_their_size(run_child, any_dtype):
    # Freed memory goes back to the system at once, so that it is seen when it is taken again.
    environment = {"MALLOC_MMAP_THRESHOLD_": "131072", "OMP_NUM_THREADS": "2"}
    assert run_child(PEAKS, np.dtype(any_dtype).name, **environment) == ""


def test_results_have_no_metadata_of_the_dtype_of_another_call(dtype, rng):
    logits, labels = rng.normal(0, 1, (2, 3, 4)).astype(dtype), np.zeros((2, 4), np.int64)
    described = np.dtype(dtype, metadata={"unit": "nats"})
    for each in (logits.astype(described), logits):
        losses = smoothxent.cross_entropy(each, labels, axis=1, reduction="none")
        assert losses.dtype.metadata is None


@pytest.mark.fault("memory-map")
def test_map_of_a_file_that_was_cut_short_ends_the_process(run_child, tmp_path):
    path = tmp_path / "logits.npy"
    np.save(path, np.zeros((4000, 10), np.float32))
    source = """
import os, sys, numpy, smoothxent
logits = numpy.load(sys.argv[1], mmap_mode="r")
os.truncate(sys.argv[1], 200)
smoothxent.cross_entropy(logits, [0] * 4000)
"""
    with pytest.raises(AssertionError, match=f"^exit -{signal.SIGBUS.value}\n"):
        run_child(source, path)
