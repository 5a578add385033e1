"""The errors of the functions of a linear head, with their full texts."""

import ml_dtypes
import numpy as np
import pytest

from assertions import error_text
from smoothxent import (
    linear_cross_entropy,
    linear_cross_entropy_and_grad,
    linear_evaluate,
    linear_row_statistics,
)
from smoothxent._linear.labelled_head import LabelledHead

HIDDEN, WEIGHT, LABELS = np.zeros((5, 4)), np.zeros((7, 4)), np.zeros(5, int)
PROBABILITIES = np.zeros((5, 7))
ERRORS = {
    "hidden of integers": (
        (HIDDEN.astype(int), WEIGHT, LABELS, {}),
        TypeError,
        (
            "hidden must be float32, float64, float16 or bfloat16, got int64; "
            "convert with hidden.astype(np.float32)"
        ),
    ),
    "labels of none": (
        (HIDDEN, WEIGHT, None, {}),
        TypeError,
        "labels must be given, got None; pass the class index of each row",
    ),
    "hidden of bits": (
        (HIDDEN.astype(np.uint16), WEIGHT, LABELS, {}),
        TypeError,
        (
            "hidden must be float32, float64, float16 or bfloat16, got uint16; "
            'if these are the bits of bfloat16 or float16, use smoothxent.bits(hidden, "bfloat16")'
        ),
    ),
    "weight as np.load gives it": (
        (HIDDEN, WEIGHT.astype(ml_dtypes.bfloat16).view("V2"), LABELS, {}),
        TypeError,
        (
            "weight must be float32, float64, float16 or bfloat16, got |V2; "
            'if these are the bits of bfloat16 or float16, use smoothxent.bits(weight, "bfloat16")'
        ),
    ),
    "masked hidden": (
        (np.ma.array(HIDDEN), WEIGHT, LABELS, {}),
        TypeError,
        "hidden must be a plain array, got a masked array; fill it with hidden.filled(value)",
    ),
    "hidden without features": (
        (np.float64(1), WEIGHT, LABELS, {}),
        ValueError,
        "hidden must have at least one axis, got shape ()",
    ),
    "weight that is transposed": (
        (HIDDEN, WEIGHT.T, LABELS, {}),
        ValueError,
        "weight must have shape (classes, 4) for hidden of shape (5, 4), got (4, 7)",
    ),
    "no classes": (
        (HIDDEN, WEIGHT[:0], LABELS, {}),
        ValueError,
        "weight must have shape (classes, 4) for hidden of shape (5, 4), got (0, 4)",
    ),
    "bias of another shape": (
        (HIDDEN, WEIGHT, LABELS, {"bias": np.zeros(4)}),
        ValueError,
        "bias must have shape (7,), got (4,)",
    ),
    "softcap of nothing": (
        (HIDDEN, WEIGHT, LABELS, {"softcap": 0.0}),
        ValueError,
        "softcap must lie in [1e-37, 1e+37], got 0.0",
    ),
    "threads of none": (
        (HIDDEN, WEIGHT, LABELS, {"num_threads": 0}),
        ValueError,
        "num_threads must be at least 1, got 0",
    ),
}

SHAPES = "(5,) (class indices) or (5, 7) (probabilities)"
# Texts of functions that take probabilities, and of those that do not.
OF_LABELS = {
    "too few": (
        LABELS[:4],
        f"labels must have shape {SHAPES}, got (4,)",
        "labels must have shape (5,), got (4,)",
    ),
    "in a column": (
        LABELS[:, None],
        f"labels must have shape {SHAPES}, got (5, 1); use labels.reshape((5,))",
        "labels must have shape (5,), got (5, 1); use labels.reshape((5,))",
    ),
    "probabilities of other classes": (
        np.zeros((5, 6)),
        f"labels must have shape {SHAPES}, got (5, 6)",
        (
            "labels must be integers if they are class indices, got float64; "
            "convert with labels.astype(np.int64)"
        ),
    ),
}


@pytest.mark.fault("head-arguments")
@pytest.mark.parametrize("name", OF_LABELS)
def test_labels_of_another_shape_are_errors(name):
    labels, of_loss, of_metrics = OF_LABELS[name]
    for call in (linear_cross_entropy, linear_cross_entropy_and_grad):
        assert error_text(ValueError, call, HIDDEN, WEIGHT, labels) == of_loss
    for call in (linear_evaluate, linear_row_statistics):
        error = ValueError if labels.dtype.kind == "i" else TypeError
        assert error_text(error, call, HIDDEN, WEIGHT, labels) == of_metrics


@pytest.mark.fault("head-arguments")
@pytest.mark.parametrize("call", [linear_cross_entropy, linear_evaluate])
@pytest.mark.parametrize("name", ERRORS)
def test_bad_arguments_are_errors(name, call):
    (hidden, weight, labels, options), error, text = ERRORS[name]
    assert error_text(error, call, hidden, weight, labels, **options) == text


def test_bins_are_as_many_as_those_of_evaluate():
    assert (
        error_text(ValueError, linear_evaluate, HIDDEN, WEIGHT, LABELS, num_bins=2**20 + 1)
        == "num_bins must be at most 1048576, got 1048577"
    )


def test_unknown_reduction_is_an_error():
    for call in (linear_cross_entropy, linear_cross_entropy_and_grad):
        found = error_text(ValueError, call, HIDDEN, WEIGHT, LABELS, reduction="avg")
        assert found.startswith("reduction must be one of 'none', 'sum', ")


@pytest.mark.fault("head-arguments")
def test_labels_are_read_before_any_product():
    labels = LABELS.copy()
    labels[3] = 7
    for call in (linear_cross_entropy, linear_cross_entropy_and_grad, linear_evaluate):
        assert error_text(IndexError, call, HIDDEN, WEIGHT, labels) == (
            "labels must lie in [0, 7), got labels[3] = 7"
        )
    labels[3] = -1
    assert error_text(IndexError, linear_cross_entropy, HIDDEN[None], WEIGHT, labels[None]) == (
        "labels must lie in [0, 7), got labels[0, 3] = -1; "
        "pass ignore_index=-1 to leave such rows out"
    )


OF_PROBABILITIES = {
    "ignored": (
        (PROBABILITIES, {"ignore_index": 3}),
        ValueError,
        (
            "ignore_index must be None if labels are probabilities, got 3; "
            "give such rows a sample_weight of 0"
        ),
    ),
    "bool": (
        (PROBABILITIES.astype(bool), {}),
        TypeError,
        (
            "labels must be real numbers if they are probabilities, got bool; "
            "convert with labels.astype(np.float32)"
        ),
    ),
    "masked": (
        (np.ma.array(PROBABILITIES), {}),
        TypeError,
        "labels must be a plain array, got a masked array; fill it with labels.filled(value)",
    ),
}


@pytest.mark.fault("head-arguments")
@pytest.mark.parametrize("call", [linear_cross_entropy, linear_cross_entropy_and_grad])
@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_bad_probabilities_are_errors(name, call):
    (labels, options), error, text = OF_PROBABILITIES[name]
    assert error_text(error, call, HIDDEN, WEIGHT, labels, **options) == text


@pytest.mark.fault("head-arguments")
@pytest.mark.parametrize("call", [linear_evaluate, linear_row_statistics])
def test_probabilities_for_metrics_are_errors(call):
    assert error_text(ValueError, call, HIDDEN, WEIGHT, PROBABILITIES) == (
        "labels must be class indices here, got probabilities of shape (5, 7); "
        "take their argmax over the class axis"
    )


@pytest.mark.fault("head-arguments")
@pytest.mark.parametrize("value", [-1, np.nan, np.inf])
@pytest.mark.parametrize("num_classes", [7, 20_000])
@pytest.mark.parametrize("call", [linear_cross_entropy, linear_cross_entropy_and_grad])
def test_improper_probability_is_named_before_any_product(monkeypatch, call, num_classes, value):
    monkeypatch.setattr(LabelledHead, "_walk", None)
    last = num_classes - 1
    weight, q = np.zeros((num_classes, 4)), np.zeros((5, num_classes))
    q[3, last] = q[4, 0] = value
    rule = "labels must be finite and not negative"
    assert error_text(ValueError, call, HIDDEN, weight, q) == (
        f"{rule}, got labels[3, {last}] = {float(value)}"
    )
    two_axes_of_rows = np.asfortranarray([np.zeros_like(q), q])
    assert error_text(ValueError, call, np.zeros((2, 5, 4)), weight, two_axes_of_rows) == (
        f"{rule}, got labels[1, 3, {last}] = {float(value)}"
    )
    if value == -1:
        assert error_text(ValueError, call, HIDDEN, weight, q.astype(int)) == (
            f"{rule}, got labels[3, {last}] = -1"
        )
