"""Class indices: invalid labels, ignored labels, and the accepted types."""

import numpy as np
import pytest

import oracle
import smoothxent
from assertions import assert_gradients_right, assert_losses_right, error_text
from inventory import INTEGERS
from memory import unaligned

NUM_ROWS, NUM_CLASSES = 5000, 7
OUTSIDE = [7, 2**32 + 3, 2**63 - 1, -1, -(2**63)]


def expected_text(row, value):
    remedy = f"; pass ignore_index={value} to leave such rows out" if value < 0 else ""
    return f"labels must lie in [0, {NUM_CLASSES}), got labels[{row}] = {value}{remedy}"


@pytest.mark.fault("label-range", "negative-label")
@pytest.mark.parametrize("value", OUTSIDE)
@pytest.mark.parametrize("row", [0, 1249, 1250, 2500, 4999])
def test_label_out_of_range_is_named_wherever_it_stands(any_dtype, row, value):
    # The rows lie at both ends, and on both sides of a thread's part.
    labels = np.zeros(NUM_ROWS, np.int64)
    labels[row] = value
    logits = np.zeros((NUM_ROWS, NUM_CLASSES), any_dtype)
    for num_threads in (1, 2, 4):
        text = error_text(
            IndexError, smoothxent.cross_entropy, logits, labels, num_threads=num_threads
        )
        assert text == expected_text(row, value)


@pytest.mark.fault("label-range")
@pytest.mark.parametrize("num_threads", [1, 2, 3, 4])
def test_lowest_of_several_bad_labels_is_named_for_any_number_of_threads(any_dtype, num_threads):
    labels = np.zeros(NUM_ROWS, np.int64)
    labels[[4999, 4000, 2600, 17, 18, 3000]] = [-1, 9, 7, 1000, -5, 2**40]
    logits = np.zeros((NUM_ROWS, NUM_CLASSES), any_dtype)
    text = error_text(IndexError, smoothxent.cross_entropy, logits, labels, num_threads=num_threads)
    assert text == expected_text(17, 1000)


@pytest.mark.fault("label-range")
@pytest.mark.parametrize("num_threads", [1, 2, 4])
def test_bad_label_of_rows_that_threads_share_is_named(any_dtype, num_threads):
    # Up to 3 rows for each thread, of two segments each.
    labels = np.array([0, 19_999, 20_000, -1, 20_001])
    logits = np.zeros((5, 20_000), any_dtype)
    text = error_text(IndexError, smoothxent.cross_entropy, logits, labels, num_threads=num_threads)
    assert text == "labels must lie in [0, 20000), got labels[2] = 20000"


@pytest.mark.fault("label-range")
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("call", [smoothxent.cross_entropy, smoothxent.evaluate])
def test_first_bad_label_in_c_order_is_named_along_every_class_axis(any_dtype, axis, call):
    labels = np.zeros((4, 5), np.int64)
    labels[1, 4] = 9
    labels[2, 0] = 8
    logits = np.zeros(np.insert((4, 5), axis, 7), any_dtype)
    text = error_text(IndexError, call, logits, labels, axis=axis)
    assert text == "labels must lie in [0, 7), got labels[1, 4] = 9"


def test_bad_label_of_one_row_is_named(any_dtype):
    text = error_text(IndexError, smoothxent.cross_entropy, np.zeros(7, any_dtype), 7)
    assert text == "labels must lie in [0, 7), got labels = 7"


@pytest.mark.fault("negative-label")
@pytest.mark.parametrize("kind", INTEGERS, ids=str)
def test_extreme_values_of_every_integer_dtype_are_errors(any_dtype, kind):
    logits = np.zeros((3, NUM_CLASSES), any_dtype)
    for value in {int(np.iinfo(kind).min), int(np.iinfo(kind).max)} - {0}:
        text = error_text(
            IndexError, smoothxent.cross_entropy, logits, np.array([0, value, 6], kind)
        )
        assert text == expected_text(1, value)


@pytest.mark.fault("uint64-label")
def test_largest_uint64_is_not_the_ignored_minus_one(any_dtype):
    labels = np.array([0, 2**64 - 1], np.uint64)
    logits = np.zeros((2, NUM_CLASSES), any_dtype)
    text = error_text(IndexError, smoothxent.cross_entropy, logits, labels, ignore_index=-1)
    assert text == expected_text(1, 2**64 - 1)


@pytest.mark.fault("uint64-label")
@pytest.mark.parametrize(
    ("kind", "ignore_index"),
    [
        (np.uint8, -1),
        (np.uint8, 261),
        (np.int8, 257),
        (np.int64, 2**64 + 1),
        (np.uint32, 2**32 + 5),
        (np.uint16, -65531),
    ],
)
def test_ignore_index_that_the_dtype_cannot_hold_ignores_nothing(dtype, rng, kind, ignore_index):
    # Cut to the width of the dtype each of these would be a class, 255, 5, 1, 1, 5, 5.
    logits = rng.normal(0, 4, (7, NUM_CLASSES)).astype(dtype)
    labels = np.arange(7, dtype=kind)
    losses = smoothxent.cross_entropy(logits, labels, ignore_index=ignore_index, reduction="none")
    assert_losses_right(losses, logits, labels, dtype)


@pytest.mark.fault("label-kind")
@pytest.mark.parametrize("call", [smoothxent.cross_entropy_and_grad, smoothxent.evaluate])
def test_labels_of_none_are_errors(dtype, call):
    text = error_text(TypeError, call, np.zeros((3, NUM_CLASSES), dtype), None)
    assert text == "labels must be given, got None; pass the class index of each row"


def test_empty_list_is_the_labels_of_no_rows(dtype):
    losses = smoothxent.cross_entropy(np.zeros((0, NUM_CLASSES), dtype), [], reduction="none")
    assert losses.shape == (0,)
    assert smoothxent.evaluate(np.zeros((0, NUM_CLASSES), dtype), []).count == 0


def test_largest_uint64_is_ignored_under_its_own_name(dtype):
    labels = np.array([0, 2**64 - 1], np.uint64)
    losses = smoothxent.cross_entropy(
        np.ones((2, NUM_CLASSES), dtype), labels, ignore_index=2**64 - 1, reduction="none"
    )
    assert losses[0] > 0
    assert losses[1] == 0


@pytest.mark.fault("ignored-rows")
@pytest.mark.parametrize("ignore_index", [0, 6, 7, -1, -(2**63), 2**63 - 1])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 1.0])
def test_ignored_label_may_lie_inside_or_outside_the_classes(
    dtype, rng, ignore_index, label_smoothing
):
    logits = rng.normal(0, 4, (40, NUM_CLASSES)).astype(dtype)
    labels = rng.integers(0, NUM_CLASSES, 40)
    labels[::3] = ignore_index
    logits[labels == ignore_index] = np.nan
    options = {
        "ignore_index": ignore_index,
        "label_smoothing": label_smoothing,
        "class_weight": rng.uniform(0, 2, NUM_CLASSES),
        "sample_weight": rng.uniform(0, 2, 40),
    }
    losses, grad = smoothxent.cross_entropy_and_grad(logits, labels, reduction="none", **options)
    finite = np.where(np.isnan(logits), 0, logits)
    assert_losses_right(losses, finite, labels, dtype, **options)
    assert_gradients_right(grad, finite, labels, dtype, **options)
    assert np.array_equal(losses[labels == ignore_index], np.zeros((labels == ignore_index).sum()))


@pytest.mark.fault("label-layouts")
@pytest.mark.parametrize("kind", INTEGERS, ids=str)
@pytest.mark.parametrize(
    "form", ["plain", "byte-swapped", "reversed", "every third", "column", "unaligned", "read-only"]
)
def test_labels_are_read_in_every_integer_dtype_and_layout(rng, kind, form):
    logits = rng.normal(0, 4, (50, 100)).astype(np.float32)
    plain = rng.integers(0, 100, 50).astype(kind)
    labels = {
        "plain": lambda a: a,
        "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
        "reversed": lambda a: a[::-1].copy()[::-1],
        "every third": lambda a: np.repeat(a, 3)[::3],
        "column": lambda a: np.column_stack([np.full_like(a, 101), a])[:, 1],
        "unaligned": unaligned,
        "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype),
    }[form](plain)
    assert np.array_equal(labels, plain)
    losses = smoothxent.cross_entropy(logits, labels, reduction="none")
    assert_losses_right(losses, logits, plain, np.float32)


def test_bad_byte_swapped_label_is_named_by_its_value(any_dtype):
    labels = np.array([0, 258], ">i4")
    logits = np.zeros((2, NUM_CLASSES), any_dtype)
    assert error_text(IndexError, smoothxent.cross_entropy, logits, labels) == expected_text(1, 258)


@pytest.mark.fault("label-layouts")
def test_one_label_may_be_broadcast_over_every_row(dtype, rng):
    logits = rng.normal(0, 4, (50, 10)).astype(dtype)
    labels = np.broadcast_to(np.int32(4), 50)
    losses = smoothxent.cross_entropy(logits, labels, reduction="none")
    assert_losses_right(losses, logits, np.full(50, 4), dtype)


@pytest.mark.parametrize("order", ["C", "F"])
def test_labels_of_two_axes_may_lie_in_either_order(dtype, rng, order):
    logits = rng.normal(0, 4, (6, 10, 5)).astype(dtype)
    labels = np.asarray(rng.integers(0, 10, (6, 5)), order=order)
    losses = smoothxent.cross_entropy(logits, labels, axis=1, reduction="none")
    assert_losses_right(losses.ravel(), oracle.as_rows(logits, 1), labels.ravel(), dtype)
