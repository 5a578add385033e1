"""float16 and bfloat16 logits: the results of float32 logits with the same numbers."""

import ml_dtypes
import numpy as np
import pytest

import smoothxent
from assertions import error_text
from metric_checks import draw

HALVES = {"float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
CLASSES = [1, 2, 3, 5, 10, 17, 64, 100, 128, 129, 200, 1000, 1025, 5000]


@pytest.fixture(params=HALVES)
def half(request):
    return HALVES[request.param]


def same(a, b):
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


def assert_as_in_float32(logits, labels, **options):
    """Compare the loss and all ways to write the gradient with those of float32 logits."""
    call = smoothxent.cross_entropy_and_grad
    expected, exact = call(logits.astype(np.float32), labels, **options)
    loss, grad = call(logits, labels, **options)
    assert grad.dtype == logits.dtype
    assert same(grad, exact.astype(logits.dtype))
    assert same(loss, expected)
    assert same(smoothxent.cross_entropy(logits, labels, **options), expected)
    wide, copy = np.empty(logits.shape, np.float32), logits.copy()
    for source, grad_out in ((logits, wide), (copy, copy)):
        _, written = call(source, labels, grad_out=grad_out, **options)
        assert written is grad_out
        assert same(written, exact.astype(written.dtype))


@pytest.mark.parametrize("num_classes", CLASSES)
def test_losses_and_gradients_are_those_of_the_same_float32_numbers(rng, half, num_classes):
    logits, labels = draw(rng, 37, num_classes, half)
    q, prior = rng.dirichlet(np.ones(num_classes), 37), rng.dirichlet(np.ones(num_classes))
    weights = {"class_weight": rng.random(num_classes), "sample_weight": rng.random(37)}
    smoothed = {"label_smoothing": 0.2, "prior": prior} | weights
    assert_as_in_float32(logits, labels, reduction="none")
    assert_as_in_float32(logits, labels, label_smoothing=0.1, ignore_index=0, reduction="sum")
    for targets in (labels, q, q.astype(np.float32), q.astype(half)):
        assert_as_in_float32(logits, targets, **smoothed)


@pytest.mark.parametrize("num_classes", [3, 100, 129, 2000])
def test_bits_are_the_numbers_that_dtype_says(rng, half, num_classes):
    logits, labels = draw(rng, 21, num_classes, half)
    words = logits.view(np.uint16)
    loss, grad = smoothxent.cross_entropy_and_grad(logits, labels, label_smoothing=0.1)
    swapped = words.astype(words.dtype.newbyteorder())
    for array, dtype in (
        (words, half.name),
        (words, half),
        (words.view("V2"), half),
        (swapped, half),
    ):
        bits = smoothxent.bits(array, dtype)
        ours, bit_grad = smoothxent.cross_entropy_and_grad(bits, labels, label_smoothing=0.1)
        assert same(ours, loss)
        assert bit_grad.dtype == np.uint16
        assert same(bit_grad, grad)
        assert same(smoothxent.softmax(bits), smoothxent.softmax(logits))
        np.testing.assert_array_equal(np.asarray(bits), logits.astype(np.float32))


def test_bits_may_be_the_inputs_of_a_head_its_probabilities_and_weights(rng, half):
    hidden, weight, q = (rng.random(shape).astype(half) for shape in ((21, 5), (9, 5), (21, 9)))
    losses = [
        smoothxent.linear_cross_entropy(*arrays[:3], bias=arrays[3], class_weight=arrays[3])
        for arrays in (
            (hidden, weight, q, q[0]),
            [smoothxent.bits(a.view(np.uint16), half) for a in (hidden, weight, q, q[0])],
        )
    ]
    assert losses[0] == losses[1]


def test_bits_are_uint16_of_a_half_type():
    words = np.zeros((2, 3), np.uint16)
    for dtype, found in (("int8", "int8"), (np.float32, "float32"), ("x", "x"), (3.5, "3.5")):
        text = error_text(TypeError, smoothxent.bits, words, dtype)
        assert text == f"dtype must be bfloat16 or float16, got {found}"
    for dtype in (np.int16, np.float16):
        text = error_text(TypeError, smoothxent.bits, words.astype(dtype), "bfloat16")
        assert text == f"array must be uint16, got {np.dtype(dtype)}; pass it without bits"


def test_arrays_to_write_have_the_logits_dtype_or_float32(half):
    logits = np.zeros((2, 3), half)
    for wrong in ("float64", "int16"):
        out, text = np.empty((2, 3), wrong), f"out must be {half} or float32, got {wrong}"
        of_grad = error_text(
            TypeError, smoothxent.cross_entropy_and_grad, logits, [0, 1], grad_out=out
        )
        assert of_grad == f"grad_{text}"
        assert error_text(TypeError, smoothxent.softmax, logits, out=out) == text
    options = {"reduction": "none", "out": np.empty(2, half)}
    text = error_text(TypeError, smoothxent.cross_entropy, logits, [0, 1], **options)
    assert text == f"out must be float32, got {half}"
