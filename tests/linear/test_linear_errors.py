"""The errors of the functions of a linear head, with their full texts."""

import ml_dtypes
import numpy as np
import pytest

from assertions import error_text
from smoothxent import linear_cross_entropy, linear_cross_entropy_and_grad, linear_evaluate

HIDDEN, WEIGHT, LABELS = np.zeros((5, 4)), np.zeros((7, 4)), np.zeros(5, int)
ERRORS = {
    "hidden of integers": (
        (HIDDEN.astype(int), WEIGHT, LABELS, {}),
        TypeError,
        (
            "hidden must be float32, float64, float16 or bfloat16, got int64; "
            "convert with hidden.astype(np.float32)"
        ),
    ),
    "hidden of bits": (
        (HIDDEN.astype(np.uint16), WEIGHT, LABELS, {}),
        TypeError,
        (
            "hidden must be float32, float64, float16 or bfloat16, got uint16; "
            "if these are the bits of bfloat16, use hidden.view(ml_dtypes.bfloat16)"
        ),
    ),
    "weight as np.load gives it": (
        (HIDDEN, WEIGHT.astype(ml_dtypes.bfloat16).view("V2"), LABELS, {}),
        TypeError,
        (
            "weight must be float32, float64, float16 or bfloat16, got |V2; "
            "if these are the bits of bfloat16, use weight.view(ml_dtypes.bfloat16)"
        ),
    ),
    "weight of another kind": (
        (HIDDEN, WEIGHT.astype(complex), LABELS, {}),
        TypeError,
        "weight must be float32, float64, float16 or bfloat16, got complex128",
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
    "labels that are too few": (
        (HIDDEN, WEIGHT, LABELS[:4], {}),
        ValueError,
        "labels must have shape (5,), got (4,)",
    ),
    "labels that are probabilities": (
        (HIDDEN, WEIGHT, np.zeros((5, 7)), {}),
        ValueError,
        (
            "labels must be class indices here, got probabilities of shape (5, 7); "
            "take their argmax over the class axis"
        ),
    ),
    "labels in a column": (
        (HIDDEN, WEIGHT, LABELS[:, None], {}),
        ValueError,
        "labels must have shape (5,), got (5, 1); use labels.reshape((5,))",
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
    "softcap without bound": (
        (HIDDEN, WEIGHT, LABELS, {"softcap": float("inf")}),
        ValueError,
        "softcap must lie in [1e-37, 1e+37], got inf",
    ),
    "temperature that is no number": (
        (HIDDEN, WEIGHT, LABELS, {"temperature": None}),
        TypeError,
        "temperature must be a real number, got None",
    ),
    "temperature of nan": (
        (HIDDEN, WEIGHT, LABELS, {"temperature": float("nan")}),
        ValueError,
        "temperature must lie in [1e-37, 1e+37], got nan",
    ),
    "threads of none": (
        (HIDDEN, WEIGHT, LABELS, {"num_threads": 0}),
        ValueError,
        "num_threads must be at least 1, got 0",
    ),
}


@pytest.mark.fault("head-arguments")
@pytest.mark.parametrize("call", [linear_cross_entropy, linear_evaluate])
@pytest.mark.parametrize("name", ERRORS)
def test_bad_arguments_are_refused(name, call):
    (hidden, weight, labels, options), error, text = ERRORS[name]
    assert error_text(error, call, hidden, weight, labels, **options) == text


def test_bins_are_as_many_as_those_of_evaluate():
    assert (
        error_text(ValueError, linear_evaluate, HIDDEN, WEIGHT, LABELS, num_bins=2**20 + 1)
        == "num_bins must be at most 1048576, got 1048577"
    )


def test_unknown_reduction_is_refused():
    for call in (linear_cross_entropy, linear_cross_entropy_and_grad):
        assert error_text(ValueError, call, HIDDEN, WEIGHT, LABELS, reduction="avg") == (
            "reduction must be one of 'none', 'sum', 'mean', 'sum_over_batch_size', "
            "'sum_by_nonzero_weights', got 'avg'"
        )


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
        "labels must lie in [0, 7), got labels[0, 3] = -1"
    )
