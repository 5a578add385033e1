"""The errors of the loss: their types, their full texts, and that nothing was written before."""

import math

import numpy as np
import pytest

import smoothxent
from assertions import error_text
from inventory import SOFTMAXES

N, C = 4, 7
LABELS = np.zeros(N, np.int64)


def masked(array):
    return np.ma.masked_array(array, mask=np.zeros(np.shape(array)))


REMEDY = "; convert with logits.astype(np.float32)"
BITS = '; if these are the bits of bfloat16 or float16, use smoothxent.bits(logits, "bfloat16")'
BAD_LOGITS = [
    (np.zeros((N, C), np.int64), "int64" + REMEDY),
    (np.zeros((N, C), np.uint8), "uint8" + REMEDY),
    (np.zeros((N, C), bool), "bool" + REMEDY),
    (np.zeros((N, C), np.longdouble), f"{np.dtype(np.longdouble)}{REMEDY}"),
    (np.zeros((N, C), np.complex128), "complex128"),
    (np.zeros((N, C), object), "object"),
    (np.zeros((N, C), "U3"), "<U3"),
    (np.zeros((N, C), "datetime64[s]"), "datetime64[s]"),
    (np.zeros((N, C), [("x", "f4")]), "[('x', '<f4')]"),
    ([[0] * C] * N, "int64" + REMEDY),
    *((np.zeros((N, C), kind), kind + BITS) for kind in ("|V2", ">u2")),
]


@pytest.mark.fault("logits-kind")
@pytest.mark.parametrize(("logits", "found"), BAD_LOGITS, ids=[found for _, found in BAD_LOGITS])
def test_logits_of_another_dtype_are_errors(logits, found):
    text = f"logits must be float32, float64, float16 or bfloat16, got {found}"
    assert error_text(TypeError, smoothxent.cross_entropy, logits, LABELS) == text
    assert error_text(TypeError, smoothxent.cross_entropy_and_grad, logits, LABELS) == text
    for name in SOFTMAXES:
        assert error_text(TypeError, getattr(smoothxent, name), logits) == text


@pytest.mark.fault("logits-kind")
def test_masked_logits_are_errors(dtype):
    logits = masked(np.zeros((N, C), dtype))
    text = "logits must be a plain array, got a masked array; fill it with logits.filled(value)"
    assert error_text(TypeError, smoothxent.cross_entropy, logits, LABELS) == text
    for name in SOFTMAXES:
        assert error_text(TypeError, getattr(smoothxent, name), logits) == text


def test_logits_without_an_axis_are_errors(dtype):
    text = "logits must have at least one axis, got shape ()"
    assert error_text(ValueError, smoothxent.cross_entropy, dtype(1), 0) == text
    for name in SOFTMAXES:
        assert error_text(ValueError, getattr(smoothxent, name), dtype(1)) == text


@pytest.mark.fault("class-counts")
def test_rows_without_classes_are_errors(dtype):
    text = "logits must have at least one class on axis 1, got shape (4, 0)"
    logits = np.zeros((N, 0), dtype)
    assert error_text(ValueError, smoothxent.cross_entropy, logits, LABELS) == text
    assert error_text(ValueError, smoothxent.cross_entropy, logits, logits) == text
    for name in SOFTMAXES:
        assert error_text(ValueError, getattr(smoothxent, name), logits) == text


INDICES = "labels must be integers if they are class indices, got "
FROM_NAMES = (
    "; convert names with np.searchsorted(classes, labels), "
    "where classes are all names, sorted, as classifier.classes_"
)
BAD_INDICES = [
    ([0.0] * N, "float64; convert with labels.astype(np.int64)"),
    (np.zeros(N, np.float32), "float32; convert with labels.astype(np.int64)"),
    (np.zeros(N, bool), "bool; convert with labels.astype(np.int64)"),
    (np.zeros(N, complex), "complex128"),
    (["a"] * N, "<U1" + FROM_NAMES),
    ([b"cat"] * N, "|S3" + FROM_NAMES),
    (np.array(["a"] * N, object), "object" + FROM_NAMES),
    (np.array(["a"] * N, np.dtypes.StringDType()), "StringDType()" + FROM_NAMES),
    (np.zeros(N, object), "object; convert with labels.astype(np.int64)"),
    ([None] * N, "object"),
    ([2**70] * N, "object; convert with labels.astype(np.int64)"),
    (np.zeros(N, "datetime64[s]"), "datetime64[s]"),
    (np.zeros(N, "timedelta64[s]"), "timedelta64[s]"),
    (np.zeros(N, "V8"), "|V8"),
]


@pytest.mark.fault("label-kind")
@pytest.mark.parametrize(("labels", "found"), BAD_INDICES, ids=[found for _, found in BAD_INDICES])
def test_class_indices_of_another_kind_are_errors(dtype, labels, found):
    text = error_text(TypeError, smoothxent.cross_entropy, np.zeros((N, C), dtype), labels)
    assert text == INDICES + found


def test_kind_of_class_indices_is_named_before_their_shape(dtype):
    text = error_text(TypeError, smoothxent.cross_entropy, np.zeros((N, C), dtype), np.zeros(N + 1))
    assert text == INDICES + "float64; convert with labels.astype(np.int64)"


@pytest.mark.fault("label-kind")
def test_masked_labels_are_errors(dtype):
    text = error_text(TypeError, smoothxent.cross_entropy, np.zeros((N, C), dtype), masked(LABELS))
    assert text == (
        "labels must be a plain array, got a masked array; fill it with labels.filled(value)"
    )


@pytest.mark.fault("shapes")
@pytest.mark.parametrize(
    "shape", [(N, 1), (1, N), (N + 1,), (N - 1,), (), (N, C + 1), (C, N), (N, C, 1), (1, C), (0,)]
)
def test_labels_of_another_shape_are_errors(dtype, shape):
    logits, labels = np.zeros((N, C), dtype), np.zeros(shape, float if len(shape) > 1 else int)
    text = f"labels must have shape (4,) (class indices) or (4, 7) (probabilities), got {shape}"
    remedies = {N: "; use labels.reshape((4,))", 0: "; use one for each row"}
    text += remedies.get(math.prod(shape), "")
    assert error_text(ValueError, smoothxent.cross_entropy, logits, labels) == text


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (bool, "bool; convert with labels.astype(np.float32)"),
        (complex, "complex128"),
        (object, "object"),
        ("U1", "<U1"),
        ("datetime64[s]", "datetime64[s]"),
    ],
)
def test_probabilities_of_another_kind_are_errors(dtype, kind, found):
    text = error_text(
        TypeError, smoothxent.cross_entropy, np.zeros((N, C), dtype), np.zeros((N, C), kind)
    )
    assert text == f"labels must be real numbers if they are probabilities, got {found}"


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, ">f8"])
@pytest.mark.parametrize(
    ("value", "found"), [(-0.5, "-0.5"), (-math.inf, "-inf"), (math.inf, "inf"), (math.nan, "nan")]
)
def test_improper_probability_is_named_by_its_place(dtype, kind, value, found):
    labels = np.full((N, C), 0.125, kind)
    labels[1, 5] = value
    labels[2, 0] = -1
    text = error_text(ValueError, smoothxent.cross_entropy, np.zeros((N, C), dtype), labels)
    assert text == f"labels must be finite and not negative, got labels[1, 5] = {found}"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_improper_probability_is_named_by_its_place_along_every_class_axis(dtype, axis):
    labels = np.full((3, 4, 5), 0.125)
    labels[1, 2, 3] = -1
    text = error_text(
        ValueError, smoothxent.cross_entropy, np.zeros((3, 4, 5), dtype), labels, axis=axis
    )
    assert text == "labels must be finite and not negative, got labels[1, 2, 3] = -1.0"


@pytest.mark.parametrize("place", [5, 16_383, 16_384, 19_999])
@pytest.mark.parametrize("num_threads", [1, 2])
def test_improper_probability_of_rows_that_threads_share_is_named(dtype, place, num_threads):
    labels = np.zeros((3, 20_000), dtype)
    labels[1, place] = labels[2, 0] = -1
    logits = np.zeros(labels.shape, dtype)
    text = error_text(ValueError, smoothxent.cross_entropy, logits, labels, num_threads=num_threads)
    assert text == f"labels must be finite and not negative, got labels[1, {place}] = -1.0"


def test_improper_integer_probability_is_named_by_its_value(dtype):
    labels = np.eye(C, dtype=np.int64)[:N]
    labels[3, 6] = -1
    text = error_text(ValueError, smoothxent.cross_entropy, np.zeros((N, C), dtype), labels)
    assert text == "labels must be finite and not negative, got labels[3, 6] = -1"


@pytest.mark.fault("label-smoothing")
@pytest.mark.parametrize(
    ("value", "found"),
    [
        (-1e-9, "-1e-09"),
        (1 + 1e-9, "1.000000001"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (2, "2"),
        (np.float32(1.5), "1.5"),
    ],
)
def test_label_smoothing_outside_its_range_is_an_error(dtype, value, found):
    logits = np.zeros((N, C), dtype)
    text = f"label_smoothing must lie in [0, 1], got {found}"
    assert text == error_text(
        ValueError, smoothxent.cross_entropy, logits, LABELS, label_smoothing=value
    )
    assert text == error_text(ValueError, smoothxent.smooth_labels, LABELS, value, num_classes=C)


@pytest.mark.fault("label-smoothing")
@pytest.mark.parametrize(
    ("value", "found"),
    [("0.1", "'0.1'"), (None, "None"), (True, "True"), ([0.1], "[0.1]"), (0.1j, "0.1j")],
)
def test_label_smoothing_of_another_kind_is_an_error(dtype, value, found):
    logits = np.zeros((N, C), dtype)
    text = f"label_smoothing must be a real number, got {found}"
    assert text == error_text(
        TypeError, smoothxent.cross_entropy, logits, LABELS, label_smoothing=value
    )


@pytest.mark.fault("label-smoothing")
@pytest.mark.parametrize("value", [np.float32(0.1), np.float64(0.1), np.float16(0.5), 0, 1, -0.0])
def test_label_smoothing_of_every_real_kind_is_taken_at_its_value(dtype, value):
    logits = np.arange(N * C, dtype=dtype).reshape(N, C)
    loss = smoothxent.cross_entropy(logits, LABELS, label_smoothing=value)
    assert loss == smoothxent.cross_entropy(logits, LABELS, label_smoothing=float(value))


@pytest.mark.parametrize("name", ["class_weight", "sample_weight", "prior"])
@pytest.mark.parametrize(
    ("value", "found"), [(-1.0, "-1.0"), (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")]
)
def test_improper_weight_is_named_by_its_place(dtype, name, value, found):
    weights = np.full(N if name == "sample_weight" else C, 0.5)
    weights[2:] = value
    text = error_text(
        ValueError, smoothxent.cross_entropy, np.zeros((N, C), dtype), LABELS, **{name: weights}
    )
    assert text == f"{name} must be finite and not negative, got {name}[2] = {found}"


@pytest.mark.fault("shapes")
@pytest.mark.parametrize("name", ["class_weight", "sample_weight", "prior"])
@pytest.mark.parametrize("shape", [(), (N + C,), (N, C), (1,), (C, 1)])
def test_weights_of_another_shape_are_errors(dtype, name, shape):
    text = error_text(
        ValueError,
        smoothxent.cross_entropy,
        np.zeros((N, C), dtype),
        LABELS,
        **{name: np.ones(shape)},
    )
    needed = (N,) if name == "sample_weight" else (C,)
    assert text == f"{name} must have shape {needed}, got {shape}"


@pytest.mark.parametrize("name", ["class_weight", "sample_weight", "prior"])
@pytest.mark.parametrize(
    ("kind", "found"), [(complex, "complex128"), (object, "object"), ("U1", "<U1")]
)
def test_weights_of_another_kind_are_errors(dtype, name, kind, found):
    weights = np.zeros(N if name == "sample_weight" else C, kind)
    text = error_text(
        TypeError, smoothxent.cross_entropy, np.zeros((N, C), dtype), LABELS, **{name: weights}
    )
    assert text == f"{name} must be real numbers, got {found}"


@pytest.mark.parametrize("name", ["class_weight", "sample_weight", "prior"])
def test_masked_weights_are_errors(dtype, name):
    weights = masked(np.ones(N if name == "sample_weight" else C))
    text = error_text(
        TypeError, smoothxent.cross_entropy, np.zeros((N, C), dtype), LABELS, **{name: weights}
    )
    assert text == (
        f"{name} must be a plain array, got a masked array; fill it with {name}.filled(value)"
    )


@pytest.mark.parametrize("value", [0.125, 0.0, 1.0, (1 + 1e-5) / C])  # the last beyond rounding
def test_prior_that_does_not_sum_to_one_is_an_error(dtype, value):
    prior = np.full(C, value)
    text = error_text(
        ValueError, smoothxent.cross_entropy, np.zeros((N, C), dtype), LABELS, prior=prior
    )
    assert text == f"prior must sum to 1, got a sum of {prior.sum()}; divide it by its sum"


def test_prior_normalised_in_float32_is_taken(dtype):
    prior = np.arange(1, C + 1, dtype=np.float32)
    prior /= prior.sum()
    loss = smoothxent.cross_entropy(
        np.zeros((N, C), dtype), LABELS, label_smoothing=0.5, prior=prior
    )
    assert abs(loss - math.log(C)) <= 2.0**-22 * math.log(C)  # the sum of 7 roundings to float32


@pytest.mark.fault("reduction-and-threads")
@pytest.mark.parametrize("value", ["avg", "Mean", "", None, 0, ["sum"]])
def test_unknown_reduction_is_an_error(dtype, value):
    text = error_text(
        ValueError, smoothxent.cross_entropy, np.zeros((N, C), dtype), LABELS, reduction=value
    )
    assert text == (
        "reduction must be one of 'none', 'sum', 'mean', 'sum_over_batch_size', "
        f"'sum_by_nonzero_weights', got {value!r}"
    )


@pytest.mark.fault("reduction-and-threads")
@pytest.mark.parametrize("value", [0, -3])
def test_fewer_threads_than_one_are_errors(dtype, value):
    logits = np.zeros((N, C), dtype)
    text = f"num_threads must be at least 1, got {value}"
    assert text == error_text(
        ValueError, smoothxent.cross_entropy, logits, LABELS, num_threads=value
    )
    for name in SOFTMAXES:
        assert text == error_text(ValueError, getattr(smoothxent, name), logits, num_threads=value)


@pytest.mark.fault("reduction-and-threads")
@pytest.mark.parametrize("name", ["num_threads", "axis", "ignore_index"])
@pytest.mark.parametrize("value", [1.5, "1", True, 1.0, [1]])
def test_option_that_is_not_an_integer_is_an_error(dtype, name, value):
    text = error_text(
        TypeError, smoothxent.cross_entropy, np.zeros((N, C), dtype), LABELS, **{name: value}
    )
    assert text == f"{name} must be an integer, got {value!r}"


@pytest.mark.parametrize("value", [2, -3, 2**70])
def test_axis_that_does_not_exist_is_an_error(dtype, value):
    logits = np.zeros((N, C), dtype)
    text = f"axis must lie in [-2, 2), got {value}"
    assert text == error_text(ValueError, smoothxent.cross_entropy, logits, LABELS, axis=value)
    for name in SOFTMAXES:
        assert text == error_text(ValueError, getattr(smoothxent, name), logits, axis=value)


def test_ignore_index_with_probabilities_is_an_error(dtype):
    text = error_text(
        ValueError,
        smoothxent.cross_entropy,
        np.zeros((N, C), dtype),
        np.eye(C)[:N],
        ignore_index=-100,
    )
    assert text == (
        "ignore_index must be None if labels are probabilities, got -100; "
        "give such rows a sample_weight of 0"
    )
