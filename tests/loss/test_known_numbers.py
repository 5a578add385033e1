"""Known numbers: the worked example and some closed forms."""

import math

import numpy as np
import pytest

import oracle
import smoothxent

LOGITS = np.array([[4, 5, 10], [1, 5, 4], [1, 15, 4]], np.float64)
LABELS = np.array([2, 1, 1])
ONE_HOT = np.eye(3)[LABELS]
WORKED_EXAMPLE = [(0.0, 0.1119182196450031), (0.001, 0.11647377520055864)]
WEIGHTED = {
    "labels": np.array([0, 2, -100]),
    "ignore_index": -100,
    "class_weight": np.array([1.0, 2.0, 3.0]),
    "label_smoothing": 0.1,
}
WEIGHTED_LOGITS = [[2, -1, 0.5], [0.3, 0.1, -2], [1, 1, 1]]


@pytest.mark.parametrize("labels", [LABELS, ONE_HOT], ids=["indices", "one_hot"])
@pytest.mark.parametrize(("label_smoothing", "expected"), WORKED_EXAMPLE)
def test_worked_example_is_right_to_its_last_digits(label_smoothing, expected, labels):
    loss = smoothxent.cross_entropy(LOGITS, labels, label_smoothing=label_smoothing)
    assert abs(loss - expected) <= 1e-15


@pytest.mark.parametrize("reduction", ["mean", "sum_over_batch_size", "sum_by_nonzero_weights"])
@pytest.mark.parametrize(("label_smoothing", "expected"), WORKED_EXAMPLE)
def test_worked_example_is_the_same_by_every_mean(label_smoothing, expected, reduction):
    loss = smoothxent.cross_entropy(
        LOGITS, LABELS, label_smoothing=label_smoothing, reduction=reduction
    )
    assert abs(loss - expected) <= 1e-15


def test_weighted_example_gives_its_row_losses(dtype):
    logits = np.array(WEIGHTED_LOGITS, dtype)
    losses = smoothxent.cross_entropy(logits, **WEIGHTED, reduction="none")
    # The figures hold 12 digits; float32 has its promise, and 0.3, 0.1 rounded to float32: a
    # roundoff of each, which a loss of 1 or less doubles.
    tolerance = 5e-12 if dtype == np.float64 else oracle.promised_loss(dtype) + 4 * 2.0**-24
    expected = np.array([0.615442426323, 8.34354984131, 0.0])
    assert np.all(np.abs(losses - expected) <= tolerance * np.array([1.0, 9.0, 0.0]))


@pytest.mark.parametrize(
    ("reduction", "expected"), [("sum", 8.95899226763), ("mean", 2.23974806691)]
)
def test_weighted_example_gives_its_reduced_losses(reduction, expected):
    logits = np.array(WEIGHTED_LOGITS, np.float64)
    loss = smoothxent.cross_entropy(logits, **WEIGHTED, reduction=reduction)
    assert abs(loss - expected) <= 5e-12  # the figures hold 12 digits


@pytest.mark.parametrize(
    ("gap", "expected"),
    [(17, 4.13993763309e-8), (40, 4.24835425529e-18), (100, 3.72007597602e-44)],
)
def test_confident_row_gives_its_tiny_loss(dtype, gap, expected):
    logits = np.array([gap, 0], dtype)
    loss = smoothxent.cross_entropy(logits, np.array(0), reduction="none")
    # 12 digits of the figures and the promised ulps, each of a subnormal the smallest one.
    ulps = oracle.LOSS_ULPS[np.dtype(dtype)]
    tolerance = 5e-12 * expected + ulps * float(np.spacing(dtype(expected)))
    assert abs(float(loss) - expected) <= tolerance
    assert float(loss) > 0


def test_smoothed_loss_at_its_minimum_over_the_gap():
    gap, minimum = 4.51085950651685, 0.5002880350577578
    logits = np.zeros(10)
    logits[3] = gap
    loss = smoothxent.cross_entropy(logits, np.array(3), label_smoothing=0.1)
    assert abs(loss - minimum) <= 4 * 2.0**-53  # 4 ulp of 0.5; the loss is flat in the gap here
    assert math.isclose(math.log(1 + 10 * (1 - 0.1) / 0.1), gap, rel_tol=1e-14)


def test_gradient_vanishes_at_the_minimum_over_the_gap():
    logits = np.zeros(10)
    logits[3] = 4.51085950651685
    _, grad = smoothxent.cross_entropy_and_grad(logits, np.array(3), label_smoothing=0.1)
    # p_3 = 0.91 and the coefficient 0.91 cancel: 5 ulp of 0.91, and the gap's own 1e-14 digits.
    assert np.all(np.abs(grad) <= 5 * 2.0**-53 + 1e-14 * 0.91 * 0.09)
