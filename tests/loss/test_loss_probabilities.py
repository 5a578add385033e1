"""Losses of rows of probabilities against the textbook formula with every option."""

import math

import numpy as np
import pytest

import oracle
import smoothxent
from assertions import assert_gradients_right, assert_losses_right


def draw_probabilities(rng, num_rows, num_classes, kind):
    """Return rows of q in the given dtype: one-hot for integers, otherwise a distribution."""
    if np.dtype(kind).kind in "iu":
        return np.eye(num_classes, dtype=kind)[rng.integers(0, num_classes, num_rows)]
    return rng.dirichlet(np.ones(num_classes), num_rows).astype(kind)


@pytest.mark.parametrize(
    "num_classes", [1, 2, 7, 8, 9, 16, 17, 31, 33, 63, 64, 65, 127, 129, 1000, 1024, 1025, 5000]
)
def test_losses_and_gradients_are_right_for_many_numbers_of_classes(dtype, rng, num_classes):
    logits = rng.normal(0, 4, (4, num_classes)).astype(dtype)
    q = draw_probabilities(rng, 4, num_classes, np.float64)
    options = {"label_smoothing": 0.1}
    losses, grad = smoothxent.cross_entropy_and_grad(logits, q, reduction="none", **options)
    assert_losses_right(losses, logits, q, dtype, **options)
    assert_gradients_right(grad, logits, q, dtype, **options)


@pytest.mark.parametrize(
    "kind",
    [np.float16, np.float32, np.float64, ">f4", ">f8", np.int8, np.int64, np.uint8, np.uint64],
)
def test_losses_are_right_for_every_real_dtype_of_probabilities(dtype, rng, kind):
    logits = rng.normal(0, 4, (5, 19)).astype(dtype)
    q = draw_probabilities(rng, 5, 19, kind)
    losses = smoothxent.cross_entropy(logits, q, label_smoothing=0.1, reduction="none")
    assert_losses_right(losses, logits, q, dtype, label_smoothing=0.1)


@pytest.mark.parametrize("total", [0.0, 0.5, 3.0])
def test_probabilities_need_not_sum_to_one(dtype, rng, total):
    logits = rng.normal(0, 4, (5, 19)).astype(dtype)
    q = total * draw_probabilities(rng, 5, 19, np.float64)
    losses = smoothxent.cross_entropy(logits, q, label_smoothing=0.1, reduction="none")
    assert_losses_right(losses, logits, q, dtype, label_smoothing=0.1)


@pytest.mark.parametrize("top", [5, 17_000, 39_999])
def test_losses_and_gradients_of_several_segments_are_right(dtype, rng, top):
    # 16384 classes are a segment; gaps are to the top class, wherever it lies.
    logits = rng.normal(0, 4, (2, 40_000)).astype(dtype)
    logits[:, top] = 30
    q = rng.dirichlet(np.ones(40_000), 2)
    losses, grad = smoothxent.cross_entropy_and_grad(logits, q, reduction="none")
    assert_losses_right(losses, logits, q, dtype)
    assert_gradients_right(grad, logits, q, dtype)


@pytest.mark.parametrize("top", [5, 17_000, 39_999])
def test_tiny_loss_of_a_certain_row_of_several_segments_keeps_its_digits(dtype, top):
    logits, one_hot = np.zeros((1, 40_000), dtype), np.zeros((1, 40_000))
    logits[0, top] = 60
    one_hot[0, top] = 1
    loss = smoothxent.cross_entropy(logits, one_hot, reduction="none")[0]
    exact = math.log1p(39_999 * math.exp(-60))
    ulps = oracle.LOSS_ULPS[np.dtype(dtype)] + 1  # of float64, in what is called exact
    assert abs(float(loss) - exact) <= ulps * np.spacing(dtype(exact))


def test_list_of_one_hot_rows_is_read_as_probabilities(dtype):
    loss = smoothxent.cross_entropy(np.zeros((2, 3), dtype), [[1, 0, 0], [0, 0, 1]])
    assert abs(loss - np.log(3)) <= 4 * np.spacing(dtype(np.log(3)))
