"""Losses of class indices, row by row, against the textbook formula with every option."""

import numpy as np
import pytest

import oracle
import smoothxent
from assertions import assert_losses_right
from option_sets import LABELS, NUM_CLASSES, OF_INDICES

# Below, at and above the vector widths 8, 16 and 64, with odd tails; around the tile of 1024
# classes; several tiles; one row that is larger than a second-level cache in float64.
CLASS_COUNTS = [*range(1, 131), 1000, 1023, 1024, 1025, 2047, 2049, 5000, 262144]


@pytest.mark.fault("class-counts")
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
def test_losses_are_right_for_every_number_of_classes(dtype, rng, num_classes, label_smoothing):
    num_rows = 1 if num_classes > 10000 else 5
    logits = rng.normal(0, 4, (num_rows, num_classes)).astype(dtype)
    labels = rng.integers(0, num_classes, num_rows)
    losses = smoothxent.cross_entropy(
        logits, labels, label_smoothing=label_smoothing, reduction="none"
    )
    assert_losses_right(losses, logits, labels, dtype, label_smoothing=label_smoothing)


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


@pytest.mark.parametrize("num_rows", [1, 2, 3, 7, 64, 65, 1000, 4097])
def test_losses_are_right_for_every_number_of_rows(dtype, rng, num_rows):
    logits = rng.normal(0, 4, (num_rows, 11)).astype(dtype)
    labels = rng.integers(0, 11, num_rows)
    losses = smoothxent.cross_entropy(logits, labels, label_smoothing=0.1, reduction="none")
    assert_losses_right(losses, logits, labels, dtype, label_smoothing=0.1)


@pytest.mark.parametrize("options", OF_INDICES)
def test_losses_are_right_under_every_set_of_options(dtype, rng, options):
    logits = rng.normal(0, 4, (8, NUM_CLASSES)).astype(dtype)
    losses = smoothxent.cross_entropy(logits, LABELS, reduction="none", **options)
    assert_losses_right(losses, logits, LABELS, dtype, **options)


def test_smoothing_term_is_weighted_by_each_class_own_weight(dtype):
    # Uniform logits: -log p = log 3 for every class, so the coefficients alone are seen.
    loss = smoothxent.cross_entropy(
        np.zeros(3, dtype),
        np.array(0),
        label_smoothing=0.3,
        class_weight=[1, 2, 6],
        reduction="none",
    )
    expected = np.log(3) * (0.7 * 1 + 0.3 * (1 + 2 + 6) / 3)
    assert abs(loss - expected) <= 4 * np.spacing(dtype(expected))


@pytest.mark.parametrize("label_smoothing", [1, 1.0, np.float32(1)])
def test_label_plays_no_part_at_full_smoothing(dtype, rng, label_smoothing):
    logits = np.tile(rng.normal(0, 4, 17), (17, 1)).astype(dtype)
    losses = smoothxent.cross_entropy(
        logits, np.arange(17), label_smoothing=label_smoothing, reduction="none"
    )
    # Each within the promised ulps of the one exact value.
    assert np.ptp(losses) <= 2 * oracle.LOSS_ULPS[np.dtype(dtype)] * np.spacing(losses[0])
    assert_losses_right(losses, logits, np.arange(17), dtype, label_smoothing=1.0)


@pytest.mark.fault("class-counts")
def test_one_class_has_no_loss(dtype, rng):
    logits = rng.normal(0, 100, (9, 1)).astype(dtype)
    labels = np.zeros(9, np.int64)
    losses = smoothxent.cross_entropy(logits, labels, label_smoothing=0.1, reduction="none")
    assert losses.tolist() == [0.0] * 9


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -2, -3, -4])
def test_losses_are_right_along_every_class_axis(dtype, rng, axis):
    logits = rng.normal(0, 4, (5, 4, 3, 6)).astype(dtype)
    moved = np.moveaxis(logits, axis, -1)
    labels = rng.integers(0, moved.shape[-1], moved.shape[:-1])
    options = {"label_smoothing": 0.1, "class_weight": np.arange(1.0, moved.shape[-1] + 1)}
    losses = smoothxent.cross_entropy(logits, labels, axis=axis, reduction="none", **options)
    assert losses.shape == labels.shape
    assert_losses_right(
        losses.ravel(), oracle.as_rows(logits, axis), labels.ravel(), dtype, **options
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_sample_weights_follow_the_shape_of_the_labels(dtype, rng, axis):
    logits = rng.normal(0, 4, (5, 4, 3)).astype(dtype)
    moved = np.moveaxis(logits, axis, -1)
    labels = rng.integers(0, moved.shape[-1], moved.shape[:-1])
    weight = rng.uniform(0, 2, labels.shape)
    losses = smoothxent.cross_entropy(
        logits, labels, axis=axis, sample_weight=weight, reduction="none"
    )
    assert_losses_right(
        losses.ravel(),
        oracle.as_rows(logits, axis),
        labels.ravel(),
        dtype,
        sample_weight=weight.ravel(),
    )


@pytest.mark.fault("label-layouts")
@pytest.mark.parametrize("label", [2, np.int8(2), np.array(2), np.array(2, np.uint64)])
def test_one_row_without_a_batch_axis_gives_its_own_loss(dtype, rng, label):
    logits = rng.normal(0, 4, 9).astype(dtype)
    loss = smoothxent.cross_entropy(logits, label, label_smoothing=0.1, reduction="none")
    batch = smoothxent.cross_entropy(logits[None], [2], label_smoothing=0.1, reduction="none")
    assert isinstance(loss, np.ndarray)
    assert loss.shape == ()
    assert loss.tobytes() == batch.tobytes()


def test_reduced_loss_of_one_row_without_a_batch_axis_is_a_float(dtype, rng):
    logits = rng.normal(0, 4, 9).astype(dtype)
    loss = smoothxent.cross_entropy(logits, 2)
    assert type(loss) is float
    assert_losses_right(np.array([loss], dtype), logits[None], np.array([2]), dtype)


def test_out_receives_the_losses_and_is_returned(dtype, rng):
    logits = rng.normal(0, 4, (6, 9)).astype(dtype)
    labels = rng.integers(0, 9, 6)
    out = np.full(6, 77, dtype)
    losses = smoothxent.cross_entropy(logits, labels, reduction="none", out=out)
    assert losses is out
    assert_losses_right(out, logits, labels, dtype)


@pytest.mark.parametrize("step", [2, -1, -3])
def test_out_may_be_strided(dtype, rng, step):
    logits = rng.normal(0, 4, (6, 9)).astype(dtype)
    labels = rng.integers(0, 9, 6)
    whole = np.full(6 * abs(step), 77, dtype)
    smoothxent.cross_entropy(logits, labels, reduction="none", out=whole[::step])
    assert_losses_right(whole[::step], logits, labels, dtype)
    untouched = np.ones(len(whole), bool)
    untouched[::step] = False
    assert np.all(whole[untouched] == 77)
