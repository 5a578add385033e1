"""Known numbers: the worked example and some closed forms."""

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


def test_weighted_example_gives_its_row_losses(dtype):
    logits = np.array(WEIGHTED_LOGITS, dtype)
    losses = smoothxent.cross_entropy(logits, **WEIGHTED, reduction="none")
    # The figures hold 12 digits; float32 has its promise, and 0.3, 0.1 rounded to float32: a
    # roundoff of each, which a loss of 1 or less doubles.
    tolerance = 5e-12 if dtype == np.float64 else oracle.promised_loss(dtype) + 4 * 2.0**-24
    expected = np.array([0.615442426323, 8.34354984131, 0.0])
    assert np.all(np.abs(losses - expected) <= tolerance * np.array([1.0, 9.0, 0.0]))
