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
TYPES = "must be float32, float64, float16 or bfloat16, got"
BITS = "if these are the bits of bfloat16 or float16, use smoothxent.bits"
BFLOAT16 = WEIGHT.astype(ml_dtypes.bfloat16).view("V2")  # as np.load gives it
OF_WEIGHT = "weight must have shape (classes, 4) for hidden of shape (5, 4), got"
MASKED = "must be a plain array, got a masked array; fill it with"
TYPE_ERRORS = [
    (
        {"hidden": HIDDEN.astype(int)},
        f"hidden {TYPES} int64; convert with hidden.astype(np.float32)",
    ),
    ({"hidden": HIDDEN.astype(np.uint16)}, f'hidden {TYPES} uint16; {BITS}(hidden, "bfloat16")'),
    ({"weight": BFLOAT16}, f'weight {TYPES} |V2; {BITS}(weight, "bfloat16")'),
    ({"hidden": np.ma.array(HIDDEN)}, f"hidden {MASKED} hidden.filled(value)"),
    ({"labels": None}, "labels must be given, got None; pass the class index of each row"),
]
VALUE_ERRORS = [
    ({"hidden": np.float64(1)}, "hidden must have at least one axis, got shape ()"),
    ({"weight": WEIGHT.T}, f"{OF_WEIGHT} (4, 7)"),
    ({"weight": WEIGHT[:0]}, f"{OF_WEIGHT} (0, 4)"),
    ({"bias": np.zeros(4)}, "bias must have shape (7,), got (4,)"),
    ({"softcap": 0.0}, "softcap must lie in [1e-37, 1e+37], got 0.0"),
    ({"num_threads": 0}, "num_threads must be at least 1, got 0"),
]
LOSSES = (linear_cross_entropy, linear_cross_entropy_and_grad)
METRICS = (linear_evaluate, linear_row_statistics)


def assert_error(error, text, call, **changes):
    arguments = {"hidden": HIDDEN, "weight": WEIGHT, "labels": LABELS} | changes
    assert error_text(error, call, **arguments) == text


@pytest.mark.fault("head-arguments")
@pytest.mark.parametrize("call", [linear_cross_entropy, linear_evaluate])
def test_bad_arguments_are_errors(call):
    for error, cases in ((TypeError, TYPE_ERRORS), (ValueError, VALUE_ERRORS)):
        for changes, text in cases:
            assert_error(error, text, call, **changes)


@pytest.mark.fault("head-arguments")
def test_labels_of_another_shape_are_errors():
    rule = "labels must have shape (5,)"
    both = f"{rule} (class indices) or (5, 7) (probabilities)"
    for labels, found in (
        (LABELS[:4], "got (4,)"),
        (LABELS[:, None], "got (5, 1); use labels.reshape((5,))"),
    ):
        for call in (*LOSSES, *METRICS):
            text = f"{both if call in LOSSES else rule}, {found}"
            assert_error(ValueError, text, call, labels=labels)
    of_other_classes = np.zeros((5, 6))
    for call in LOSSES:
        assert_error(ValueError, f"{both}, got (5, 6)", call, labels=of_other_classes)
    text = "labels must be integers if they are class indices, got float64; convert with"
    for call in METRICS:
        assert_error(TypeError, f"{text} labels.astype(np.int64)", call, labels=of_other_classes)


@pytest.mark.fault("head-arguments")
@pytest.mark.parametrize("call", LOSSES)
def test_bad_probabilities_are_errors(call):
    text = "ignore_index must be None if labels are probabilities, got 3; give such rows a"
    options = {"labels": PROBABILITIES, "ignore_index": 3}
    assert_error(ValueError, f"{text} sample_weight of 0", call, **options)
    text = "labels must be real numbers if they are probabilities, got bool; convert with"
    is_true = PROBABILITIES.astype(bool)
    assert_error(TypeError, f"{text} labels.astype(np.float32)", call, labels=is_true)
    text = f"labels {MASKED} labels.filled(value)"
    assert_error(TypeError, text, call, labels=np.ma.array(PROBABILITIES))


def test_bins_are_as_many_as_those_of_evaluate():
    text = "num_bins must be at most 1048576, got 1048577"
    assert_error(ValueError, text, linear_evaluate, num_bins=2**20 + 1)


def test_unknown_reduction_is_an_error():
    for call in LOSSES:
        found = error_text(ValueError, call, HIDDEN, WEIGHT, LABELS, reduction="avg")
        assert found.startswith("reduction must be one of 'none', 'sum', ")


@pytest.mark.fault("head-arguments")
def test_labels_are_read_before_any_product():
    labels = LABELS.copy()
    labels[3] = 7
    for call in (*LOSSES, linear_evaluate):
        assert error_text(IndexError, call, HIDDEN, WEIGHT, labels) == (
            "labels must lie in [0, 7), got labels[3] = 7"
        )
    labels[3] = -1
    assert error_text(IndexError, linear_cross_entropy, HIDDEN[None], WEIGHT, labels[None]) == (
        "labels must lie in [0, 7), got labels[0, 3] = -1; "
        "pass ignore_index=-1 to leave such rows out"
    )


@pytest.mark.fault("head-arguments")
@pytest.mark.parametrize("call", METRICS)
def test_probabilities_for_metrics_are_errors(call):
    assert error_text(ValueError, call, HIDDEN, WEIGHT, PROBABILITIES) == (
        "labels must be class indices here, got probabilities of shape (5, 7); "
        "take their argmax over the class axis"
    )


@pytest.mark.fault("head-arguments")
@pytest.mark.parametrize("value", [-1, np.nan, np.inf])
@pytest.mark.parametrize("num_classes", [7, 20_000])
@pytest.mark.parametrize("call", LOSSES)
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
