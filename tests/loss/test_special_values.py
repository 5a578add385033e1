"""Results for nan, infinities and empty arrays; other rows do not change."""

import math

import numpy as np
import pytest

import smoothxent
from assertions import assert_gradients_right, assert_losses_right, losses_dtype

INF, NAN = math.inf, math.nan
# 4 blocks of 16 lanes and a tail of 6: every lane position of every vector width, and the tail.
NUM_CLASSES = 70
# Around the edges of tiles of 1024 classes, and in the tail after them.
FAR_POSITIONS = [0, 1, 63, 1022, 1023, 1024, 1025, 2047, 2048, 2099]


def rows_with(value, positions, num_classes, dtype, rng):
    """Return a row for each position, with the value there and ordinary logits elsewhere."""
    logits = rng.normal(0, 4, (len(positions), num_classes)).astype(dtype)
    logits[np.arange(len(positions)), positions] = value
    return logits


@pytest.mark.parametrize("num_classes", [2, 3, 20, 300])
def test_nan_at_any_position_makes_log_sum_exp_nan(any_dtype, rng, num_classes):
    logits = np.repeat(rng.normal(0, 4, (1, num_classes)), num_classes, axis=0)
    np.fill_diagonal(logits, NAN)
    assert np.all(np.isnan(smoothxent.log_sum_exp(logits.astype(any_dtype)).astype(float)))


@pytest.mark.fault("special-values")
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("value", [NAN, INF])
def test_nan_or_infinity_at_any_position_makes_row_nan(any_dtype, rng, value, label_smoothing):
    for num_classes, positions in [(NUM_CLASSES, range(NUM_CLASSES)), (2100, FAR_POSITIONS)]:
        logits = rows_with(value, positions, num_classes, any_dtype, rng)
        for labels in (np.array(positions), np.array(positions)[::-1]):
            losses, grad = smoothxent.cross_entropy_and_grad(
                logits, labels, label_smoothing=label_smoothing, reduction="none"
            )
            assert np.all(np.isnan(losses))
            assert np.all(np.isnan(grad))


@pytest.mark.fault("special-values")
@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("num_classes", [1, 3, 16, 70, 2100])
def test_special_row_touches_no_other_row(any_dtype, rng, value, num_classes):
    logits = rng.normal(0, 4, (9, num_classes)).astype(any_dtype)
    labels = rng.integers(0, num_classes, 9)
    options = {"label_smoothing": 0.1, "reduction": "none"}
    clean_losses, clean_grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)
    logits[[2, 8]] = value
    losses, grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)
    others = [0, 1, 3, 4, 5, 6, 7]
    assert losses[others].tobytes() == clean_losses[others].tobytes()
    assert grad[others].tobytes() == clean_grad[others].tobytes()
    assert np.all(np.isnan(losses[[2, 8]]))


@pytest.mark.parametrize("name", ["class_weight", "sample_weight"])
@pytest.mark.parametrize("num_classes", [3, 200])
def test_nan_shows_in_a_row_of_no_weight(dtype, name, num_classes):
    # Weights of 0 leave out terms, but only ignore_index leaves out rows.
    logits = np.zeros((1, num_classes), dtype)
    logits[0, 2] = NAN
    weights = np.zeros(1 if name == "sample_weight" else num_classes)
    loss = smoothxent.cross_entropy(logits, [1], reduction="none", **{name: weights})
    assert math.isnan(loss[0])


@pytest.mark.fault("special-values")
def test_two_infinities_are_nan(any_dtype):
    logits = np.array([[INF, INF, 0], [INF, 0, INF], [INF, -INF, 0]], any_dtype)
    for label in range(3):
        losses = smoothxent.cross_entropy(logits, [label] * 3, reduction="none")
        assert np.all(np.isnan(losses))


@pytest.mark.parametrize("num_classes", [2, 3, 16, 17, 70])
def test_minus_infinity_off_the_label_changes_nothing_without_smoothing(dtype, rng, num_classes):
    logits = rows_with(-INF, range(num_classes), num_classes, dtype, rng)
    labels = (np.arange(num_classes) + 1) % num_classes
    losses, grad = smoothxent.cross_entropy_and_grad(logits, labels, reduction="none")
    for n in range(num_classes):
        without = np.delete(logits[n], n)[None]
        label = labels[n : n + 1] - (labels[n] > n)
        assert_losses_right(losses[n : n + 1], without, label, dtype)
        assert_gradients_right(np.delete(grad[n], n)[None], without, label, dtype)
        assert grad[n, n] == 0


@pytest.mark.parametrize("num_absent", [1, 16, 1023, 1024, 1025, 2048, 2098])
@pytest.mark.parametrize("end", ["first", "last"])
def test_tiles_of_minus_infinity_change_nothing_without_smoothing(dtype, rng, num_absent, end):
    logits = rng.normal(0, 4, (1, 2100)).astype(dtype)
    absent = slice(0, num_absent) if end == "first" else slice(2100 - num_absent, None)
    logits[0, absent] = -INF
    present = np.delete(logits, absent, axis=1)
    label = 2099 if end == "first" else 0
    losses = smoothxent.cross_entropy(logits, [label], reduction="none")
    expected_label = np.array([present.shape[1] - 1 if end == "first" else 0])
    assert_losses_right(losses, present, expected_label, dtype)


@pytest.mark.parametrize("num_threads", [1, 2])
@pytest.mark.parametrize("num_absent", [1, 1024, 5000, 16_384, 20_000, 39_999])
def test_tiles_of_minus_infinity_have_no_gradient(dtype, rng, num_absent, num_threads):
    logits = rng.normal(0, 4, (1, 40_000)).astype(dtype)
    logits[0, :num_absent] = -INF
    _, grad = smoothxent.cross_entropy_and_grad(logits, [39_999], num_threads=num_threads)
    assert not grad[0, :num_absent].any()
    label = np.array([39_999 - num_absent])
    assert_gradients_right(grad[:, num_absent:], logits[:, num_absent:], label, dtype)


def test_minus_infinity_off_the_label_is_infinite_with_smoothing(any_dtype, rng):
    logits = rows_with(-INF, range(NUM_CLASSES), NUM_CLASSES, any_dtype, rng)
    labels = (np.arange(NUM_CLASSES) + 1) % NUM_CLASSES
    losses = smoothxent.cross_entropy(logits, labels, label_smoothing=0.1, reduction="none")
    assert losses.tolist() == [INF] * NUM_CLASSES


@pytest.mark.parametrize("without", ["prior", "class_weight"])
def test_minus_infinity_changes_nothing_with_smoothing_where_its_class_has_no_share(
    dtype, rng, without
):
    logits = rng.normal(0, 4, (5, 20)).astype(dtype)
    logits[:, 3] = -INF
    labels = np.array([0, 1, 2, 4, 5])
    share = np.ones(20)
    share[3] = 0
    share /= share.sum()
    losses, grad = smoothxent.cross_entropy_and_grad(
        logits, labels, label_smoothing=0.1, reduction="none", **{without: share}
    )
    present = np.delete(logits, 3, axis=1)
    kept = np.delete(share, 3)
    options = (
        {"prior": kept}
        if without == "prior"
        else {"class_weight": kept, "prior": np.full(19, 1 / 20)}
    )
    label = labels - (labels > 3)
    assert_losses_right(losses, present, label, dtype, label_smoothing=0.1, **options)
    assert_gradients_right(
        np.delete(grad, 3, axis=1), present, label, dtype, label_smoothing=0.1, **options
    )
    assert np.array_equal(grad[:, 3], np.zeros(5))


@pytest.mark.fault("special-values")
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_minus_infinity_at_the_label_is_infinite(any_dtype, rng, label_smoothing):
    for num_classes, positions in [(NUM_CLASSES, range(NUM_CLASSES)), (2100, FAR_POSITIONS)]:
        logits = rows_with(-INF, positions, num_classes, any_dtype, rng)
        losses = smoothxent.cross_entropy(
            logits, np.array(positions), label_smoothing=label_smoothing, reduction="none"
        )
        assert losses.tolist() == [INF] * len(positions)


def test_gradient_at_a_label_of_minus_infinity_is_minus_one(dtype):
    loss, grad = smoothxent.cross_entropy_and_grad(np.array([[0, -INF, 0]], dtype), [1])
    assert loss == INF
    assert grad.tolist() == [[0.5, -1.0, 0.5]]


@pytest.mark.parametrize(
    ("labels", "options", "expected"),
    [
        ([1], {"label_smoothing": 1, "prior": [0.5, 0, 0.5]}, math.log(2)),
        ([1], {"class_weight": [1, 0, 1]}, 0.0),
        ([1], {"sample_weight": [0]}, 0.0),
        ([[0.5, 0, 0.5]], {}, math.log(2)),
        ([[0.5, 1e-30, 0.5]], {}, INF),
    ],
)
def test_minus_infinity_counts_only_where_it_has_a_share(dtype, labels, options, expected):
    logits = np.array([[0, -INF, 0]], dtype)
    loss = smoothxent.cross_entropy(logits, labels, reduction="sum", **options)
    assert loss == pytest.approx(expected, rel=float(4 * np.finfo(dtype).eps))


@pytest.mark.parametrize("num_classes", [2, 16, 70, 2100])
def test_label_alone_above_minus_infinity_has_no_loss_and_no_gradient(any_dtype, num_classes):
    for label in (0, num_classes // 2, num_classes - 1):
        logits = np.full((1, num_classes), -INF, any_dtype)
        logits[0, label] = 3
        loss, grad = smoothxent.cross_entropy_and_grad(logits, [label])
        assert loss == 0.0
        assert np.array_equal(grad, np.zeros((1, num_classes)))


@pytest.mark.fault("ignored-rows")
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_ignored_row_is_zero_whatever_it_holds(any_dtype, value):
    logits = np.array([[value] * 20, range(20)], any_dtype)
    losses = smoothxent.cross_entropy(
        logits, [9, 3], ignore_index=9, label_smoothing=0.1, reduction="none"
    )
    assert losses[0] == 0.0
    mean = smoothxent.cross_entropy(logits, [9, 3], ignore_index=9, label_smoothing=0.1)
    assert abs(mean - losses[1]) <= np.spacing(losses[1])  # the row's own rounding to its dtype


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[0, -INF]], INF),
        ([[0, -INF], [0, 0]], INF),
        ([[0, -INF], [NAN, 0]], NAN),
        ([[0, 0], [NAN, 0]], NAN),
    ],
)
@pytest.mark.parametrize("reduction", ["sum", "mean", "sum_over_batch_size"])
def test_reduced_loss_of_special_rows_is_their_sum(dtype, rows, expected, reduction):
    loss = smoothxent.cross_entropy(np.array(rows, dtype), [1] * len(rows), reduction=reduction)
    assert loss == expected or (math.isnan(loss) and math.isnan(expected))


@pytest.mark.fault("class-counts")
@pytest.mark.parametrize("kind", ["indices", "probabilities"])
@pytest.mark.parametrize("num_classes", [0, 1, 5])
def test_losses_of_nothing_are_an_empty_array(any_dtype, kind, num_classes):
    labels = np.zeros(0, np.int64) if kind == "indices" else np.zeros((0, num_classes))
    losses, grad = smoothxent.cross_entropy_and_grad(
        np.zeros((0, num_classes), any_dtype), labels, reduction="none"
    )
    assert (losses.shape, losses.dtype) == ((0,), losses_dtype(any_dtype))
    assert (grad.shape, grad.dtype) == ((0, num_classes), any_dtype)


@pytest.mark.parametrize("num_classes", [3, 100])
@pytest.mark.parametrize("transforms", [{"softcap": 13.7, "temperature": 0.14}, {"softcap": 30.0}])
def test_row_that_no_lane_can_hold_leaves_the_gradients_beside_it_alone(
    any_dtype, rng, num_classes, transforms
):
    scale = 20 if any_dtype == np.float16 else 50
    logits = rng.normal(0, scale, (40, num_classes)).astype(any_dtype)
    labels = rng.integers(0, num_classes, 40)
    logits[5] = np.nan
    logits[20, 1] = -np.inf
    options = {"reduction": "none", "label_smoothing": 0.1, **transforms}
    losses, grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)
    for row, (loss, own) in enumerate(zip(losses, grad, strict=True)):
        alone = smoothxent.cross_entropy_and_grad(logits[row], labels[row], **options)
        np.testing.assert_array_equal(loss, alone[0])
        np.testing.assert_array_equal(
            own.view(f"u{own.itemsize}"), alone[1].view(f"u{own.itemsize}")
        )
