"""A linear head without stored logits: the bits, gradients and metrics of stored logits.

Small integers have exact products in every dtype and order of additions, so the logits are known
exactly. Tests with other numbers allow for rounding.
"""

import os
import sys
from functools import partial

import ml_dtypes
import numpy as np
import pytest

import oracle
from peaks import peak_of
from quick import slow_but_first
from smoothxent import (
    cross_entropy,
    cross_entropy_and_grad,
    evaluate,
    linear_cross_entropy,
    linear_cross_entropy_and_grad,
    linear_evaluate,
)
from smoothxent._arguments.half import TypedArray
from smoothxent._kernel import builds
from smoothxent._linear.head import Head
from smoothxent._linear.labelled_head import LabelledHead

# One row; a class; a lane's; up to a tile, a segment, and beyond; rows that fill groups and not.
SHAPES = [(1, 1), (3, 2), (40, 7), (33, 130), (17, 1500), (5, 16_384), (18, 32_800)]
OPTIONS = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.1},
    "label plays no part": {"label_smoothing": 1.0},
    "weighted": {"label_smoothing": 0.1, "class_weight": None, "sample_weight": None},
    "prior": {"label_smoothing": 0.2, "prior": None, "ignore_index": 0},
}


def draw_options(rng, options, num_rows, num_classes):
    """Return the options with random arrays in the places of None."""
    prior = rng.uniform(0, 1, num_classes)
    arrays = {
        "class_weight": rng.integers(0, 3, num_classes),
        "sample_weight": rng.integers(0, 3, num_rows),
        "prior": prior / prior.sum(),
    }
    return {name: arrays[name] if value is None else value for name, value in options.items()}


def draw(rng, num_rows, num_classes, dtype, features=24, numbers=None):
    """Return hidden, weight, bias and labels."""
    hidden, weight, bias = (
        (numbers or rng.standard_normal)(size=shape).astype(dtype)
        for shape in [(num_rows, features), (num_classes, features), (num_classes,)]
    )
    return hidden, weight, bias, rng.integers(0, num_classes, num_rows)


def draw_whole(rng, num_rows, num_classes, dtype=np.float32, features=4):
    """Return the same with logits that are whole numbers below 64."""
    return draw(rng, num_rows, num_classes, dtype, features, partial(rng.integers, -3, 4))


def logits_of(hidden, weight, bias, dtype=np.float64):
    return (hidden.astype(dtype) @ weight.astype(dtype).T + bias.astype(dtype)).astype(dtype)


@pytest.mark.parametrize("name", slow_but_first(OPTIONS))
@pytest.mark.parametrize("num_rows, num_classes", SHAPES)
def test_loss_has_the_bits_of_stored_logits(rng, dtype, rows_each, num_rows, num_classes, name):
    hidden, weight, bias, labels = draw_whole(rng, num_rows, num_classes, dtype)
    options = draw_options(rng, OPTIONS[name], num_rows, num_classes)
    logits = logits_of(hidden, weight, bias, dtype)
    losses = linear_cross_entropy(hidden, weight, labels, bias=bias, reduction="none", **options)
    expected = cross_entropy(logits, labels, reduction="none", **options)
    assert losses.dtype == expected.dtype
    assert losses.tobytes() == expected.tobytes()
    for reduction in ("mean", "sum", "sum_over_batch_size", "sum_by_nonzero_weights"):
        reduced = linear_cross_entropy(
            hidden, weight, labels, bias=bias, reduction=reduction, **options
        )
        np.testing.assert_equal(
            reduced, cross_entropy(logits, labels, reduction=reduction, **options)
        )


@pytest.mark.parametrize("name", slow_but_first(OPTIONS))
@pytest.mark.parametrize("num_rows, num_classes", SHAPES)
def test_evaluation_is_that_of_stored_logits(rng, dtype, rows_each, num_rows, num_classes, name):
    hidden, weight, bias, labels = draw_whole(rng, num_rows, num_classes, dtype)
    options = draw_options(rng, OPTIONS[name], num_rows, num_classes) | {
        "top_k": (3, 20),
        "num_bins": 7,
    }
    logits = logits_of(hidden, weight, bias, dtype)
    assert linear_evaluate(hidden, weight, labels, bias=bias, **options) == evaluate(
        logits, labels, **options
    )


@pytest.mark.parametrize("name", slow_but_first(OPTIONS))
@pytest.mark.parametrize("num_rows, num_classes", SHAPES)
def test_gradients_are_products_of_that_of_the_logits(
    rng, dtype, rows_each, num_rows, num_classes, name
):
    hidden, weight, bias, labels = draw_whole(rng, num_rows, num_classes, dtype)
    options = draw_options(rng, OPTIONS[name], num_rows, num_classes)
    loss, gradients = linear_cross_entropy_and_grad(hidden, weight, labels, bias=bias, **options)
    expected, grad = cross_entropy_and_grad(
        logits_of(hidden, weight, bias, dtype), labels, **options
    )
    np.testing.assert_equal(loss, expected)
    assert_gradients(gradients, grad.astype(float), hidden, weight, dtype, bias)


def assert_gradients(gradients, grad, hidden, weight, dtype, bias=None, grad_error=0.0):
    """Compare gradients with products of the gradient of z.

    A sum of n terms may have an error of n + 2 roundings of the sum of the terms' absolute values;
    the error of the gradient of z is added.
    """
    roundoff = oracle.UNIT_ROUNDOFF[np.dtype(dtype)]
    tiny = np.finfo(dtype).smallest_subnormal * grad.size
    error = np.broadcast_to(grad_error, grad.shape)
    cases = [
        (gradients.hidden, grad, error, weight.astype(float)),
        (gradients.weight, grad.T, error.T, hidden.astype(float)),
    ]
    if bias is not None:
        cases.append((gradients.bias[:, None], grad.T, error.T, np.ones((len(grad), 1))))
    for actual, left, of_left, right in cases:
        allowed = (len(right) + 2) * roundoff * (np.abs(left) @ np.abs(right)) + tiny
        allowed += of_left @ np.abs(right)
        assert actual.dtype == dtype
        np.testing.assert_array_less(np.abs(actual - left @ right), np.nextafter(allowed, np.inf))


@pytest.mark.slow
@pytest.mark.parametrize("num_rows, num_classes", [(21, 40), (9, 20_000)])
@pytest.mark.parametrize("softcap, temperature", [(None, 2.0), (3.0, 1.0), (1.5, 0.5)])
def test_softcap_and_temperature_are_those_of_the_formula(
    rng, dtype, rows_each, num_rows, num_classes, softcap, temperature
):
    hidden, weight, bias, labels = draw(rng, num_rows, num_classes, dtype)
    exact = logits_of(hidden, weight, bias)
    if softcap is None:
        logits, slope = exact / temperature, 1 / temperature
    else:
        capped = np.tanh(exact / softcap)
        logits, slope = softcap / temperature * capped, (1 - capped**2) / temperature
    options = {"bias": bias, "softcap": softcap, "temperature": temperature}
    losses = linear_cross_entropy(hidden, weight, labels, reduction="none", **options)
    # A logit is a sum of 25 terms, and then some ten roundings; a loss moves by twice as much.
    roundoff = oracle.UNIT_ROUNDOFF[np.dtype(dtype)]
    size = (np.abs(hidden) @ np.abs(weight).T + np.abs(bias)).max() / temperature
    error = 2 * 35 * roundoff * size
    expected = oracle.row_losses(logits, labels)
    np.testing.assert_allclose(losses, expected, rtol=8 * roundoff, atol=error)
    _, gradients = linear_cross_entropy_and_grad(hidden, weight, labels, reduction="sum", **options)
    of_logits = oracle.gradients(logits, labels)
    # p moves by as much, relative to itself; 1 - tanh**2 by three roundings of 1
    grad_error = np.abs(of_logits) * (slope * error + 3 * roundoff / temperature)
    assert_gradients(
        gradients, of_logits * slope, hidden, weight, dtype, bias, grad_error=grad_error
    )


@pytest.mark.slow
def test_ordinary_numbers_lose_no_more_than_the_products_do(rng, dtype):
    hidden, weight, bias, labels = draw(rng, 50, 17_000, dtype, features=300)
    losses = linear_cross_entropy(hidden, weight, labels, bias=bias, reduction="none")
    expected = oracle.row_losses(logits_of(hidden, weight, bias), labels)
    roundoff = oracle.UNIT_ROUNDOFF[np.dtype(dtype)]
    size = (np.abs(hidden) @ np.abs(weight).T).max()
    np.testing.assert_allclose(losses, expected, rtol=8 * roundoff, atol=2 * 302 * roundoff * size)


@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
def test_halves_are_the_numbers_that_they_are(rng, half):
    hidden, weight, bias, labels = draw_whole(rng, 20, 17_000, half)
    wide = [array.astype(np.float32) for array in (hidden, weight)]
    assert linear_cross_entropy(hidden, weight, labels, bias=bias) == linear_cross_entropy(
        *wide, labels, bias=bias.astype(np.float32)
    )
    _, gradients = linear_cross_entropy_and_grad(hidden, weight, labels)
    _, expected = linear_cross_entropy_and_grad(*wide, labels)
    assert gradients.hidden.dtype == gradients.weight.dtype == np.float32
    np.testing.assert_allclose(gradients.hidden, expected.hidden, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(gradients.weight, expected.weight)


def test_float64_among_the_arguments_makes_all_of_it_float64(rng):
    hidden, weight, bias, labels = draw_whole(rng, 4, 6)
    for place in range(3):
        arrays = [hidden, weight, bias]
        arrays[place] = arrays[place].astype(np.float64)
        losses, gradients = linear_cross_entropy_and_grad(
            *arrays[:2], labels, bias=arrays[2], reduction="none"
        )
        assert {losses.dtype, *(array.dtype for array in gradients)} == {np.dtype(np.float64)}


def test_weight_may_lie_anyhow(rng):
    hidden, weight, _, labels = draw_whole(rng, 12, 300)
    expected = linear_cross_entropy(hidden, weight, labels)
    wide = np.zeros((600, 8), np.float32)
    wide[::2, ::2] = weight
    backwards = weight[::-1].copy()[::-1]
    swapped = weight.astype(weight.dtype.newbyteorder())
    for array in (np.asfortranarray(weight), wide[::2, ::2], backwards, swapped):
        assert linear_cross_entropy(hidden, array, labels) == expected
        assert linear_cross_entropy(np.asfortranarray(hidden)[::-1], array, labels[::-1]) == (
            expected
        )


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (2, 0, 3)])
def test_rows_may_have_any_shape(rng, shape):
    hidden = rng.integers(-3, 4, (*shape, 4)).astype(np.float32)
    weight = rng.integers(-3, 4, (9, 4)).astype(np.float32)
    labels = rng.integers(0, 9, shape)
    losses, gradients = linear_cross_entropy_and_grad(hidden, weight, labels, reduction="none")
    expected = cross_entropy(hidden @ weight.T, labels, reduction="none")
    assert losses.shape == shape
    assert losses.tobytes() == np.asarray(expected).tobytes()
    assert gradients.hidden.shape == hidden.shape
    assert gradients.weight.shape == weight.shape
    assert gradients.bias is None
    if not losses.size:
        assert not gradients.weight.any()
    assert linear_evaluate(hidden, weight, labels) == evaluate(hidden @ weight.T, labels)


def test_features_may_be_none():
    assert linear_cross_entropy(np.zeros((2, 0)), np.zeros((8, 0)), [1, 2]) == np.log(8)


@pytest.mark.fault("head-nan")
def test_row_of_nan_spoils_no_other(rng):
    hidden, weight, bias, labels = draw_whole(rng, 6, 20_000)
    hidden[2, 0], hidden[4, 1] = np.nan, np.inf
    losses = linear_cross_entropy(hidden, weight, labels, bias=bias, reduction="none")
    assert np.flatnonzero(np.isnan(losses)).tolist() == [2, 4]
    losses = linear_cross_entropy(
        hidden, weight, labels, bias=bias, reduction="none", ignore_index=int(labels[2])
    )
    assert losses[2] == 0


@pytest.mark.fault("head-nan")
@pytest.mark.parametrize("num_classes", [7, 20_000])
def test_ignored_rows_spoil_no_gradient(rng, num_classes):
    hidden, weight, bias, labels = draw_whole(rng, 6, num_classes)
    labels[2] = -1
    options = {"bias": bias, "ignore_index": -1}
    expected, of_zeros = linear_cross_entropy_and_grad(hidden, weight, labels, **options)
    hidden[2] = [np.nan, np.inf, 1, -np.inf]
    loss, gradients = linear_cross_entropy_and_grad(hidden, weight, labels, **options)
    assert loss == expected
    assert not gradients.hidden[2].any()
    np.testing.assert_allclose(gradients.weight, of_zeros.weight, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(gradients.hidden, of_zeros.hidden)
    assert np.isnan(hidden[2, 0])


def test_labels_are_read_once(rng, monkeypatch):
    hidden, weight, _, labels = draw_whole(rng, 9, 40)
    expected = linear_cross_entropy(hidden, weight, labels)
    tally = LabelledHead.tally

    def tally_and_spoil(head):
        count = tally(head)
        labels[:] = 10**9  # as another thread may
        return count

    monkeypatch.setattr(LabelledHead, "tally", tally_and_spoil)
    assert linear_cross_entropy(hidden, weight, labels) == expected


@pytest.mark.slow
@pytest.mark.skipif("SMOOTHXENT_SANITIZE" in os.environ, reason="sanitizers take memory")
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for its peak")
def test_weight_that_the_blas_cannot_take_is_not_copied_as_a_whole(run_child):
    source = """
import numpy as np
from peaks import process_peak  # NumPy's own copies too, of which tracemalloc knows nothing
from smoothxent import linear_cross_entropy

hidden, labels = np.ones((4, 2048), np.float32), [0, 1, 2, 3]
weight = np.broadcast_to(np.ones(2048, np.float32), (16_384, 2048))  # 128 MiB of it
linear_cross_entropy(hidden, weight[:100], labels)
before = process_peak()
linear_cross_entropy(hidden, weight, labels)
print(process_peak() - before)
"""
    assert float(run_child(source)) < 32 << 20


@pytest.mark.parametrize("num_classes", [3, 1_000_000, 100_000_000])
def test_what_the_kernel_keeps_of_a_block_is_bounded_for_any_number_of_classes(num_classes):
    segments, size = -(-num_classes >> 14), builds.kernel("float32").SEGMENT_BYTES
    zeros = (np.broadcast_to(np.float32(0), (rows, 4)) for rows in (100_000, num_classes))
    hidden, weight = (TypedArray(each, "float32") for each in zeros)
    blocks = Head(hidden, weight, None, np.dtype(np.float32), 1 << 14, size)
    assert min(512, (1 << 15) // segments) <= blocks.most_rows
    assert blocks.most_rows == 1 or blocks.most_rows * segments * size <= 1 << 24


@pytest.mark.slow
@pytest.mark.thread_unsafe(reason="tracemalloc counts what every thread holds")
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize(
    "num_rows, num_classes, num_features",
    [(600, 128_256, 16), (1200, 300, 4096), (60_000, 3, 512), (400_000, 1, 4)],
)
def test_memory_stays_below_64_mebibytes(rng, dtype, num_rows, num_classes, num_features):
    hidden, weight, _, labels = draw_whole(rng, num_rows, num_classes, dtype, num_features)
    head = hidden, weight, labels
    assert peak_of(lambda: linear_evaluate(*head))[1] < 64 << 20
    (_, gradients), peak = peak_of(lambda: linear_cross_entropy_and_grad(*head, softcap=20.0))
    assert peak < gradients.hidden.nbytes + gradients.weight.nbytes + (64 << 20)
