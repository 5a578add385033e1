"""Logits of every memory layout: the same bits as their contiguous copy, and not modified."""

import tracemalloc

import numpy as np
import pytest

import oracle
import smoothxent
from inventory import SOFTMAXES
from judging import assert_losses_right, losses_dtype
from layouts import LAYOUTS


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS.keys())
def layout(request):
    return request.param


def test_losses_and_gradient_have_the_bits_of_the_contiguous_copy(any_dtype, rng, layout):
    logits = rng.normal(0, 4, (12, 37)).astype(any_dtype)
    labels = rng.integers(0, 37, 12)
    options = {"label_smoothing": 0.1, "reduction": "none"}
    losses, grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)
    view = layout(logits)
    assert np.array_equal(view, logits)
    losses_of_view, grad_of_view = smoothxent.cross_entropy_and_grad(view, labels, **options)
    assert losses_of_view.tobytes() == losses.tobytes()
    assert grad_of_view.tobytes() == grad.tobytes()
    assert (losses_of_view.dtype, grad_of_view.dtype) == (losses_dtype(any_dtype), any_dtype)
    assert np.array_equal(view, logits)
    assert_losses_right(losses, logits, labels, losses_dtype(any_dtype), label_smoothing=0.1)


def test_losses_of_probabilities_have_the_bits_of_the_contiguous_copy(any_dtype, rng, layout):
    logits = rng.normal(0, 4, (12, 37)).astype(any_dtype)
    q = rng.dirichlet(np.ones(37), 12)
    losses = smoothxent.cross_entropy(logits, q, reduction="none")
    view, q_view = layout(logits), layout(q)
    losses_of_view = smoothxent.cross_entropy(view, q_view, reduction="none")
    assert losses_of_view.tobytes() == losses.tobytes()
    assert np.array_equal(view, logits)
    assert np.array_equal(q_view, q)


@pytest.mark.parametrize("name", SOFTMAXES)
def test_softmaxes_have_the_bits_of_the_contiguous_copy(any_dtype, rng, layout, name):
    function = getattr(smoothxent, name)
    logits = rng.normal(0, 4, (12, 37)).astype(any_dtype)
    view = layout(logits)
    assert function(view).tobytes() == function(logits).tobytes()
    assert np.array_equal(view, logits)


@pytest.mark.parametrize("permutation", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2), (2, 0, 3, 1)])
@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_four_axes_in_any_order_of_memory_have_the_bits_of_the_contiguous_copy(
    any_dtype, rng, permutation, axis
):
    logits = rng.normal(0, 4, (3, 4, 5, 6)).astype(any_dtype)
    labels = rng.integers(0, logits.shape[axis], np.delete(logits.shape, axis))
    options = {"label_smoothing": 0.1, "reduction": "none", "axis": axis}
    losses, grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)
    view = logits.transpose(permutation).copy().transpose(np.argsort(permutation))
    assert np.array_equal(view, logits)
    losses_of_view, grad_of_view = smoothxent.cross_entropy_and_grad(view, labels, **options)
    assert losses_of_view.tobytes() == losses.tobytes()
    assert grad_of_view.tobytes() == grad.tobytes()
    in_place = view.copy(order="K")
    smoothxent.cross_entropy_and_grad(in_place, labels, grad_out=in_place, **options)
    assert np.ascontiguousarray(in_place).tobytes() == grad.tobytes()


@pytest.mark.parametrize("cut", [np.s_[:, :, :-1], np.s_[:, 1:], np.s_[::2, :, ::-1]])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_cuts_of_three_axes_have_the_bits_of_the_contiguous_copy(dtype, rng, cut, axis):
    view = rng.normal(0, 4, (6, 5, 8)).astype(dtype)[cut]
    labels = rng.integers(0, view.shape[axis], np.delete(view.shape, axis))
    options = {"label_smoothing": 0.1, "reduction": "none", "axis": axis}
    losses = smoothxent.cross_entropy(view, labels, **options)
    assert losses.tobytes() == smoothxent.cross_entropy(view.copy(), labels, **options).tobytes()
    assert_losses_right(
        losses.ravel(), oracle.as_rows(view, axis), labels.ravel(), dtype, label_smoothing=0.1
    )


def test_row_that_is_broadcast_gives_each_row_its_own_loss(any_dtype, rng):
    row = rng.normal(0, 4, 37).astype(any_dtype)
    logits = np.broadcast_to(row, (37, 37))
    losses = smoothxent.cross_entropy(logits, np.arange(37), reduction="none")
    assert_losses_right(losses, logits, np.arange(37), losses_dtype(any_dtype))


def test_logit_that_is_broadcast_gives_the_loss_of_a_uniform_row(dtype):
    logits = np.broadcast_to(dtype(3.5), (4, 1000))
    losses = smoothxent.cross_entropy(logits, [0, 1, 500, 999], reduction="none")
    assert_losses_right(losses, logits, np.array([0, 1, 500, 999]), dtype)


def test_memory_mapped_logits_are_read_in_place(any_dtype, rng, tmp_path):
    logits = rng.normal(0, 4, (50, 37)).astype(any_dtype)
    labels = rng.integers(0, 37, 50)
    logits.tofile(tmp_path / "logits")  # np.save would forget bfloat16
    mapped = np.memmap(tmp_path / "logits", any_dtype, "r", shape=logits.shape)
    losses = smoothxent.cross_entropy(mapped, labels, reduction="none")
    assert losses.tobytes() == smoothxent.cross_entropy(logits, labels, reduction="none").tobytes()
    assert type(losses) is np.ndarray


@pytest.mark.thread_unsafe(reason="tracemalloc counts what every thread holds")
@pytest.mark.parametrize(
    "cut", [np.s_[:, :900], np.s_[::2], np.s_[::-1], np.s_[:, ::2], np.s_[:, ::-1], np.s_[:]]
)
@pytest.mark.parametrize("kind", ["indices", "probabilities"])
def test_no_copy_of_the_logits_is_made(any_dtype, rng, cut, kind):
    logits = rng.normal(0, 4, (1000, 1000)).astype(any_dtype)[cut]
    labels = np.zeros(len(logits), np.int64)
    if kind == "probabilities":
        labels = np.zeros(logits.shape, losses_dtype(any_dtype))  # others become such
        labels[:, 3] = 1
    smoothxent.cross_entropy(logits[:2], labels[:2])
    tracemalloc.start()
    try:
        smoothxent.cross_entropy(logits, labels, label_smoothing=0.1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A copy of the logits takes 0.9 MB at the least; per row, 50 bytes would be 0.05 MB.
    assert peak < logits.nbytes / 10


@pytest.mark.thread_unsafe(reason="tracemalloc counts what every thread holds")
def test_gradient_in_place_makes_no_copy_of_the_logits(any_dtype, rng):
    logits = rng.normal(0, 4, (1000, 1000)).astype(any_dtype)
    labels = np.zeros(1000, np.int64)
    tracemalloc.start()
    try:
        smoothxent.cross_entropy_and_grad(logits, labels, grad_out=logits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < logits.nbytes / 10
