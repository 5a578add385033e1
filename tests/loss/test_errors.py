"""The errors of the loss: their types, their full texts, and that nothing was written before."""

import math
from functools import partial

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


def error_of(error, dtype, labels=LABELS, **options):
    """Return the text of the error of a loss."""
    return error_text(error, smoothxent.cross_entropy, np.zeros((N, C), dtype), labels, **options)


def assert_errors(error, text, logits, labels, *calls):
    """Assert that the loss, the softmaxes and these calls raise the error."""
    for call in (smoothxent.cross_entropy, *calls):
        assert error_text(error, call, logits, labels) == text
    for name in SOFTMAXES:
        assert error_text(error, getattr(smoothxent, name), logits) == text


@pytest.mark.fault("logits-kind")
@pytest.mark.parametrize(("logits", "found"), BAD_LOGITS, ids=[found for _, found in BAD_LOGITS])
def test_logits_of_another_dtype_are_errors(logits, found):
    text = f"logits must be float32, float64, float16 or bfloat16, got {found}"
    assert_errors(TypeError, text, logits, LABELS, smoothxent.cross_entropy_and_grad)


@pytest.mark.fault("logits-kind")
def test_masked_logits_are_errors(dtype):
    text = "logits must be a plain array, got a masked array; fill it with logits.filled(value)"
    assert_errors(TypeError, text, masked(np.zeros((N, C), dtype)), LABELS)


@pytest.mark.fault("class-counts")
def test_logits_without_an_axis_or_a_class_are_errors(dtype):
    assert_errors(ValueError, "logits must have at least one axis, got shape ()", dtype(1), 0)
    text = "logits must have at least one class on axis 1, got shape (4, 0)"
    logits = np.zeros((N, 0), dtype)
    assert_errors(ValueError, text, logits, LABELS)
    assert error_text(ValueError, smoothxent.cross_entropy, logits, logits) == text


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
    assert error_of(TypeError, dtype, labels) == INDICES + found


def test_kind_of_class_indices_is_named_before_their_shape(dtype):
    text = INDICES + "float64; convert with labels.astype(np.int64)"
    assert error_of(TypeError, dtype, np.zeros(N + 1)) == text


@pytest.mark.fault("label-kind")
@pytest.mark.parametrize("name", ["labels", "class_weight", "sample_weight", "prior"])
def test_masked_labels_and_weights_are_errors(dtype, name):
    array = masked({"labels": LABELS, "sample_weight": np.ones(N)}.get(name, np.ones(C)))
    assert error_of(TypeError, dtype, **{name: array}) == (
        f"{name} must be a plain array, got a masked array; fill it with {name}.filled(value)"
    )


@pytest.mark.fault("shapes")
@pytest.mark.parametrize(
    "shape", [(N, 1), (1, N), (N + 1,), (N - 1,), (), (N, C + 1), (C, N), (N, C, 1), (1, C), (0,)]
)
def test_labels_of_another_shape_are_errors(dtype, shape):
    labels = np.zeros(shape, float if len(shape) > 1 else int)
    text = f"labels must have shape (4,) (class indices) or (4, 7) (probabilities), got {shape}"
    remedies = {N: "; use labels.reshape((4,))", 0: "; use one for each row"}
    text += remedies.get(math.prod(shape), "")
    assert error_of(ValueError, dtype, labels) == text


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
    text = f"labels must be real numbers if they are probabilities, got {found}"
    assert error_of(TypeError, dtype, np.zeros((N, C), kind)) == text


IMPROPER = "labels must be finite and not negative, got labels"


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16, ">f8", np.int64])
@pytest.mark.parametrize("value", [-0.5, -math.inf, math.inf, math.nan])
def test_improper_probability_is_named_by_its_place(dtype, kind, value):
    value = -1 if kind is np.int64 else value
    labels = np.full((N, C), 0.125).astype(kind)
    labels[1, 5] = value
    labels[2, 0] = -1
    assert error_of(ValueError, dtype, labels) == f"{IMPROPER}[1, 5] = {value}"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_improper_probability_is_named_by_its_place_along_every_class_axis(dtype, axis):
    labels = np.full((3, 4, 5), 0.125)
    labels[1, 2, 3] = -1
    logits = np.zeros((3, 4, 5), dtype)
    text = error_text(ValueError, smoothxent.cross_entropy, logits, labels, axis=axis)
    assert text == f"{IMPROPER}[1, 2, 3] = -1.0"


@pytest.mark.parametrize("place", [5, 16_383, 16_384, 19_999])
@pytest.mark.parametrize("num_threads", [1, 2])
def test_improper_probability_of_rows_that_threads_share_is_named(dtype, place, num_threads):
    labels = np.zeros((3, 20_000), dtype)
    labels[1, place] = labels[2, 0] = -1
    logits = np.zeros(labels.shape, dtype)
    text = error_text(ValueError, smoothxent.cross_entropy, logits, labels, num_threads=num_threads)
    assert text == f"{IMPROPER}[1, {place}] = -1.0"


ONE_OF = "must be one of 'none', 'sum', 'mean', 'sum_over_batch_size', 'sum_by_nonzero_weights'"
NOT_INTEGERS = [1.5, "1", True, 1.0, [1]]
# name, error, rule, and values that break it
OPTIONS = [
    ("label_smoothing", ValueError, "must lie in [0, 1]", [-1e-9, 1 + 1e-9, math.nan, math.inf]),
    ("label_smoothing", ValueError, "must lie in [0, 1]", [-math.inf, 2, np.float32(1.5)]),
    ("label_smoothing", TypeError, "must be a real number", ["0.1", None, True, [0.1], 0.1j]),
    ("reduction", ValueError, ONE_OF, ["avg", "Mean", "", None, 0, ["sum"]]),
    ("num_threads", ValueError, "must be at least 1", [0, -3]),
    ("axis", ValueError, "must lie in [-2, 2)", [2, -3, 2**70]),
    *(
        (name, TypeError, "must be an integer", NOT_INTEGERS)
        for name in ("num_threads", "axis", "ignore_index")
    ),
]


def takers_of(name, logits):
    """Yield calls that take the option."""
    yield partial(smoothxent.cross_entropy, logits, LABELS)
    if name == "label_smoothing":
        yield partial(smoothxent.smooth_labels, LABELS, num_classes=C)
    for function in SOFTMAXES if name in ("axis", "num_threads") else ():
        yield partial(getattr(smoothxent, function), logits)


@pytest.mark.fault("label-smoothing", "reduction-and-threads")
@pytest.mark.parametrize(
    "name, error, rule, value",
    [(*case, value) for *case, values in OPTIONS for value in values],
    ids=repr,
)
def test_option_that_breaks_its_rule_is_an_error(dtype, name, error, rule, value):
    found = value if isinstance(value, np.floating) else repr(value)
    for call in takers_of(name, np.zeros((N, C), dtype)):
        assert error_text(error, call, **{name: value}) == f"{name} {rule}, got {found}"


@pytest.mark.fault("label-smoothing")
@pytest.mark.parametrize("value", [np.float32(0.1), np.float64(0.1), np.float16(0.5), 0, 1, -0.0])
def test_label_smoothing_of_every_real_kind_is_taken_at_its_value(dtype, value):
    logits = np.arange(N * C, dtype=dtype).reshape(N, C)
    loss = smoothxent.cross_entropy(logits, LABELS, label_smoothing=value)
    assert loss == smoothxent.cross_entropy(logits, LABELS, label_smoothing=float(value))


@pytest.mark.fault("shapes")
@pytest.mark.parametrize("name", ["class_weight", "sample_weight", "prior"])
def test_weights_that_will_not_do_are_errors(dtype, name):
    size = N if name == "sample_weight" else C
    for value in (-1.0, math.nan, math.inf, -math.inf):
        weights = np.full(size, 0.5)
        weights[2:] = value
        text = f"{name} must be finite and not negative, got {name}[2] = {value}"
        assert error_of(ValueError, dtype, **{name: weights}) == text
    for shape in [(), (N + C,), (N, C), (1,), (C, 1)]:
        text = f"{name} must have shape ({size},), got {shape}"
        assert error_of(ValueError, dtype, **{name: np.ones(shape)}) == text
    for kind, found in [(complex, "complex128"), (object, "object"), ("U1", "<U1")]:
        text = f"{name} must be real numbers, got {found}"
        assert error_of(TypeError, dtype, **{name: np.zeros(size, kind)}) == text


@pytest.mark.parametrize("value", [0.125, 0.0, 1.0, (1 + 1e-5) / C])  # the last beyond rounding
def test_prior_that_does_not_sum_to_one_is_an_error(dtype, value):
    prior = np.full(C, value)
    text = f"prior must sum to 1, got a sum of {prior.sum()}; divide it by its sum"
    assert error_of(ValueError, dtype, prior=prior) == text


def test_prior_normalised_in_float32_is_taken(dtype):
    prior = np.arange(1, C + 1, dtype=np.float32)
    prior /= prior.sum()
    options = {"label_smoothing": 0.5, "prior": prior}
    loss = smoothxent.cross_entropy(np.zeros((N, C), dtype), LABELS, **options)
    assert abs(loss - math.log(C)) <= 2.0**-22 * math.log(C)  # the sum of 7 roundings to float32


def test_ignore_index_with_probabilities_is_an_error(dtype):
    assert error_of(ValueError, dtype, np.eye(C)[:N], ignore_index=-100) == (
        "ignore_index must be None if labels are probabilities, got -100; "
        "give such rows a sample_weight of 0"
    )
