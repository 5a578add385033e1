"""Inputs for which an earlier kernel lost digits, compared with exact values.

Losses are within the promised ulps, gradients within 4 + |log2 p_k| ulp.
"""

import mpmath
import numpy as np
import pytest

import oracle
import smoothxent
from assertions import assert_gradients_right, assert_losses_right


def assert_right(row, label, **options):
    """Assert that loss and gradient of one row have the promised accuracy."""
    dtype = row.dtype.type
    loss, grad = smoothxent.cross_entropy_and_grad(row, label, reduction="none", **options)
    exact = oracle.exact_loss(row, label, **options)
    promised = oracle.LOSS_ULPS[row.dtype]
    assert oracle.ulps(loss[()], exact, dtype) <= promised, mpmath.nstr(exact, 20)
    labels = np.asarray(label)[np.newaxis]
    assert_gradients_right(grad[np.newaxis], row[np.newaxis], labels, dtype, **options)


def assert_loss_right(logits, label, **options):
    """Assert that the loss of logits (1, C) is within the allowance of the oracle."""
    losses = smoothxent.cross_entropy(logits, [label], reduction="none", **options)
    assert_losses_right(losses, logits, np.array([label]), logits.dtype.type, **options)


@pytest.mark.parametrize("mask", [-1e9, -5e8, -3.4028235e38])
def test_gradient_of_a_row_with_masked_classes_is_exactly_zero_there(dtype, mask):
    logits = np.array([[0, mask, mask]], dtype)
    loss, grad = smoothxent.cross_entropy_and_grad(logits, [0])
    assert loss == 0
    assert grad.tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    "options",
    [
        {"label_smoothing": 1.0, "prior": [0, 1, 0]},
        {"label_smoothing": 0.1, "class_weight": [0, 1, 0]},
    ],
    ids=["prior", "class_weight"],
)
@pytest.mark.parametrize("num_classes", [3, 70])
def test_loss_of_a_label_without_a_share_keeps_its_digits(dtype, num_classes, options):
    row = np.zeros(num_classes, dtype)
    row[1] = 40
    padded = {
        name: np.pad(value, (0, num_classes - 3)) if isinstance(value, list) else value
        for name, value in options.items()
    }
    assert_right(row, 0, **padded)


# Against the peak each other class is less than half an ulp, in sum it is not.
@pytest.mark.parametrize("num_classes", [64, 1000, 1025])
def test_peak_over_a_constant_background_loses_none_of_it(dtype, num_classes):
    row = np.full(num_classes, -16.7 if dtype == np.float32 else -37.0, dtype)
    row[1] = 0
    assert_right(row, 0)
    assert_right(row, 1)
    assert_right(row, 5, label_smoothing=1.0)


def test_later_top_far_from_zero_moves_the_reference_without_loss(dtype):
    row = np.full(1025, 1e5, dtype)
    row[0], row[1024] = 100010, 100010.3
    one_hot = np.zeros(1025, dtype)
    one_hot[0] = 1
    assert_right(row, 0)
    assert_right(row, one_hot)


def test_row_that_crosses_the_largest_logits_without_an_offset_keeps_its_digits(dtype):
    row = np.full(1100, 2.0**20 - 3, dtype)
    row[1099] = 2.0**20 + 8
    assert_right(row, 0)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [100, 1e3, 1e5])
@pytest.mark.parametrize("label_smoothing", [0.1, 1.0])
def test_low_beginning_of_a_row_costs_the_smoothing_terms_nothing(
    dtype, rng, depth, label_smoothing
):
    row = rng.normal(size=2048).astype(dtype)
    row[:64] -= dtype(depth)
    assert_right(row, 300, label_smoothing=label_smoothing)


def test_gaps_as_large_as_the_largest_float32_do_not_overflow():
    row = np.zeros(192, np.float32)
    row[64:] = np.finfo(np.float32).max
    assert_right(row, 0, label_smoothing=0.1)
    row[70] = -np.inf
    assert smoothxent.cross_entropy(row, 100, label_smoothing=0.1) == np.inf


# Segments of 16384 classes are summed apart. Ascending logits move the centre of each, and only the
# label's own segment has its share of the smoothing to leave out.
@pytest.mark.parametrize("label", [0, 20_000, 39_999])
@pytest.mark.parametrize("given", [["class_weight"], ["prior"], ["class_weight", "prior"]], ids=str)
def test_smoothing_with_weights_is_right_for_a_label_in_any_segment(dtype, label, given):
    num_classes = 40_000
    logits = np.linspace(-60, 60, num_classes)[np.newaxis].astype(dtype)
    tables = {"class_weight": np.linspace(0.5, 1.5, num_classes)}
    tables["prior"] = tables["class_weight"] / tables["class_weight"].sum()
    options = {"label_smoothing": 0.1} | {name: tables[name] for name in given}
    assert_loss_right(logits, label, **options)


# Of such gaps, what float64 cannot hold of the difference is itself larger than exp can take.
@pytest.mark.parametrize("num_classes", [3, 129])
@pytest.mark.parametrize(
    "top", [[1e22, -3e21, 1e5], [1e30, 1e13, 0], [4.5e307, 1.8e305, -1e300], [1e300, 7e160, -1e200]]
)
def test_gaps_far_beyond_exp_leave_nothing_of_their_rounding(num_classes, top):
    row = np.zeros(num_classes)
    row[:3] = top
    for label in range(3):
        loss, grad = smoothxent.cross_entropy_and_grad(row, label)
        assert loss == row[0] - row[label]
        expected = np.eye(num_classes)[0] - np.eye(num_classes)[label]
        assert np.array_equal(grad, expected)
    assert np.array_equal(smoothxent.softmax(row), np.eye(num_classes)[0])
    assert np.array_equal(smoothxent.log_softmax(row), row - row[0])
    assert smoothxent.log_sum_exp(row) == row[0]


def test_gradient_with_tiny_weights_is_that_of_their_ratio(dtype):
    logits = np.zeros((2, 3), dtype)
    _, tiny = smoothxent.cross_entropy_and_grad(logits, [0, 1], sample_weight=[1e-310, 1e-310])
    _, plain = smoothxent.cross_entropy_and_grad(logits, [0, 1])
    np.testing.assert_allclose(tiny, plain, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("weight", [1e6, 1e16])
@pytest.mark.parametrize("num_classes", [3, 200])
def test_masked_class_has_no_gradient_however_much_a_row_weighs(dtype, num_classes, weight):
    row = np.zeros(num_classes, dtype)
    row[1] = -np.inf
    _, grad = smoothxent.cross_entropy_and_grad(row, 0, sample_weight=weight, reduction="sum")
    assert grad[1] == 0


@pytest.mark.parametrize("label", [0, 5000, 16384, 17000, 39999])
@pytest.mark.parametrize("name", ["class_weight", "prior"])
def test_label_that_outweighs_the_rest_of_a_rising_row_counts_once(dtype, name, label):
    # Every tile exceeds the one before it by more than the kernel lets a reference lag.
    logits = np.linspace(-600, 600, 40_000, dtype=dtype)[None]
    share = np.full(40_000, 1e-6)
    share[label] += 1 - share.sum()
    options = {"label_smoothing": 0.5, name: share}
    assert_loss_right(logits, label, **options)


@pytest.mark.parametrize("num_classes", [3, 200])
def test_share_of_nearly_nothing_keeps_its_digits(dtype, num_classes):
    # Beside the label's the others' shares are below the last place of the sum of all.
    row = np.zeros(num_classes, dtype)
    row[0] = 40
    weight = np.full(num_classes, 1e-17)
    weight[0] = 1
    assert_right(row, 0, label_smoothing=0.5, class_weight=weight)


@pytest.mark.parametrize("with_prior", [False, True])
@pytest.mark.parametrize("label_smoothing", [0.0, 1.0])
@pytest.mark.parametrize("label", [0, 1])
def test_many_segments_of_equal_classes_round_no_sum_again_and_again(
    label, label_smoothing, with_prior
):
    num_classes, depth = 1 << 20, 16.7
    row = np.full(num_classes, -depth)
    row[0] = 0
    prior = np.full(num_classes, 1 / num_classes) if with_prior else None
    options = {"label_smoothing": label_smoothing, "prior": prior}
    loss = smoothxent.cross_entropy(row, label, **options)
    with mpmath.workprec(200):
        total = 1 + (num_classes - 1) * mpmath.exp(-mpmath.mpf(depth))
        to_label = mpmath.log(total) - mpmath.mpf(row[label])
        to_all = mpmath.log(total) + (num_classes - 1) * mpmath.mpf(depth) / num_classes
        exact = to_all if label_smoothing else to_label
        assert oracle.ulps(loss, exact, np.float64) <= 1
        assert oracle.ulps(smoothxent.softmax(row)[0], 1 / total, np.float64) <= 4


@pytest.mark.parametrize("label", [0, 39_999])
@pytest.mark.parametrize("step", [800, -800])
def test_segments_further_apart_than_exp_reaches_do_not_overflow(dtype, step, label):
    logits = np.zeros((1, 40_000), dtype)
    logits[0, 20_000:] = step
    assert_loss_right(logits, label, label_smoothing=0.1)


@pytest.mark.parametrize("label_smoothing", [0.1, 1.0])
@pytest.mark.parametrize("first, second", [(131071.9, 131072.15), (131072.15, 131071.9)])
def test_segments_on_both_sides_of_the_largest_reference_keep_their_digits(
    dtype, rng, first, second, label_smoothing
):
    # The reference of a segment is a multiple of ln(2) / STEPS up to 2**17, beyond it a logit.
    logits = np.repeat(np.array([first, second], dtype), 16_384)[None]
    logits += rng.uniform(-0.01, 0.01, logits.shape).astype(dtype)
    assert_loss_right(logits, 32_767, label_smoothing=label_smoothing)


def test_integer_probabilities_count_exactly():
    loss = smoothxent.cross_entropy(np.zeros((1, 2)), [[2**24 + 1, 0]], reduction="sum")
    assert loss == (2**24 + 1) * np.log(2)


@pytest.mark.parametrize("num_classes", [3, 65, 2049])
@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("others", [0, -1e6, 1e6])  # beyond 2**17 they are taken one by one
def test_gradient_of_a_row_with_an_infinite_top_is_nan(dtype, num_classes, place, others):
    row = np.full(num_classes, others, dtype)
    row[place] = np.inf
    one_hot = np.zeros(num_classes)
    one_hot[place] = 1
    for label in (0, num_classes - 1, one_hot):
        loss, grad = smoothxent.cross_entropy_and_grad(row, label, label_smoothing=0.1)
        assert np.isnan(loss)
        assert np.all(np.isnan(grad))


def test_tiles_of_minus_infinity_before_the_lowest_logits_are_infinite_with_smoothing(dtype):
    row = np.full(2049, -np.inf, dtype)
    row[1500:] = np.finfo(dtype).min
    assert smoothxent.cross_entropy(row, 0, label_smoothing=0.1) == np.inf
