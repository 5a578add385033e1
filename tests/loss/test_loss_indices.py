"""Losses of class indices, row by row, against the textbook formula with every option."""

import numpy as np
import pytest

import smoothxent
from assertions import assert_losses_right


@pytest.mark.parametrize("num_classes", [16, 17, 70])
def test_losses_are_right_for_every_label(dtype, rng, num_classes):
    logits = np.tile(rng.normal(0, 4, num_classes), (num_classes, 1)).astype(dtype)
    labels = np.arange(num_classes)
    losses = smoothxent.cross_entropy(logits, labels, reduction="none")
    assert_losses_right(losses, logits, labels, dtype)


@pytest.mark.parametrize("position", [0, 7, 8, 15, 16, 63, 64, 1023, 1024, 1025, 2047, 2048, 2999])
def test_losses_are_right_wherever_the_largest_logit_stands(dtype, rng, position):
    logits = rng.normal(0, 1, (3, 3000)).astype(dtype)
    logits[:, position] += np.array([5, 30, 200], dtype)
    labels = np.array([position, (position + 1) % 3000, 0])
    losses = smoothxent.cross_entropy(logits, labels, reduction="none")
    assert_losses_right(losses, logits, labels, dtype)


@pytest.mark.parametrize("slope", [0.01, -0.01, 0.5, -0.5])
def test_losses_are_right_for_rows_that_climb_or_fall(dtype, slope):
    # A running reference is renewed at every tile of a climbing row, and never of a falling one.
    logits = (slope * np.arange(5000))[None].repeat(2, axis=0).astype(dtype)
    labels = np.array([0, 4999])
    losses = smoothxent.cross_entropy(logits, labels, label_smoothing=0.1, reduction="none")
    assert_losses_right(losses, logits, labels, dtype, label_smoothing=0.1)


@pytest.mark.fault("label-layouts")
@pytest.mark.parametrize("label", [2, np.int8(2), np.array(2), np.array(2, np.uint64)])
def test_one_row_without_a_batch_axis_gives_its_own_loss(dtype, rng, label):
    logits = rng.normal(0, 4, 9).astype(dtype)
    loss = smoothxent.cross_entropy(logits, label, label_smoothing=0.1, reduction="none")
    batch = smoothxent.cross_entropy(logits[None], [2], label_smoothing=0.1, reduction="none")
    assert isinstance(loss, np.ndarray)
    assert loss.shape == ()
    assert loss.tobytes() == batch.tobytes()
