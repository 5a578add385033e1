"""The five reductions: sums of losses, and their divisors."""

import math

import numpy as np
import pytest

import oracle
import smoothxent
from assertions import error_text
from inventory import REDUCED

EMPTY_MEANS = [("mean", math.nan), ("sum_over_batch_size", 0.0), ("sum_by_nonzero_weights", 0.0)]


# Uniform logits of 3 classes: every row's loss is w_y log 3, so only the denominators differ.
@pytest.mark.parametrize(
    ("reduction", "multiple"),
    [
        ("sum", 1 * 1 + 2 * 2),  # s_n w_y of the two rows that count
        ("mean", 1.0),  # over s_n w_y of the kept rows
        ("sum_over_batch_size", 5 / 4),  # over all 4 rows
        ("sum_by_nonzero_weights", 5 / 2),  # over the rows that are kept and weigh something
    ],
)
def test_denominators_of_indices_differ_as_their_names_say(dtype, reduction, multiple):
    loss = smoothxent.cross_entropy(
        np.zeros((4, 3), dtype),
        [0, 1, 2, 7],
        class_weight=[1, 2, 6],
        sample_weight=[1, 2, 0, 5],
        ignore_index=7,
        reduction=reduction,
    )
    # The promised ulps of log 3 in the dtype of the rows, times the multiple.
    ulps = oracle.LOSS_ULPS[np.dtype(dtype)] * multiple
    assert abs(loss - multiple * math.log(3)) <= ulps * np.spacing(dtype(math.log(3)))


@pytest.mark.parametrize(
    ("reduction", "multiple"),
    [
        ("sum", 5),
        ("mean", 5 / 3),  # over the sample weights alone, never the class weights
        ("sum_over_batch_size", 5 / 3),
        ("sum_by_nonzero_weights", 5 / 2),
    ],
)
def test_denominators_of_probabilities_differ_as_their_names_say(dtype, reduction, multiple):
    loss = smoothxent.cross_entropy(
        np.zeros((3, 3), dtype),
        np.eye(3),
        class_weight=[1, 2, 6],
        sample_weight=[1, 2, 0],
        reduction=reduction,
    )
    assert abs(loss - multiple * math.log(3)) <= 4 * multiple * np.spacing(dtype(math.log(3)))


@pytest.mark.fault("ignored-rows")
@pytest.mark.parametrize(("reduction", "expected"), EMPTY_MEANS)
@pytest.mark.parametrize("num_rows", [0, 3])
def test_zero_denominator_gives_nan_to_the_mean_and_zero_to_the_others(
    dtype, reduction, expected, num_rows
):
    loss = smoothxent.cross_entropy(
        np.zeros((num_rows, 5), dtype), np.full(num_rows, 2), ignore_index=2, reduction=reduction
    )
    assert type(loss) is float
    assert loss == expected or (math.isnan(loss) and math.isnan(expected))


@pytest.mark.parametrize(("reduction", "expected"), EMPTY_MEANS)
def test_sample_weights_of_zero_alone_are_a_zero_denominator(dtype, reduction, expected):
    loss = smoothxent.cross_entropy(
        np.zeros((3, 5), dtype), np.eye(5)[:3], sample_weight=[0, 0, 0], reduction=reduction
    )
    assert loss == expected or (math.isnan(loss) and math.isnan(expected))


def test_gradient_over_a_zero_denominator_is_nan_for_the_mean_and_zero_for_the_others(dtype):
    logits, options = np.zeros((2, 3), dtype), {"sample_weight": [0, 0]}
    of = smoothxent.cross_entropy_and_grad
    _, grad = of(logits, [0, 1], reduction="sum_by_nonzero_weights", **options)
    assert np.array_equal(grad, np.zeros((2, 3)))
    _, grad = of(logits, [0, 1], reduction="mean", **options)
    assert np.all(np.isnan(grad))


def test_class_weights_of_zero_alone_are_a_zero_denominator_of_the_mean(dtype):
    loss = smoothxent.cross_entropy(np.zeros((3, 5), dtype), [0, 1, 2], class_weight=[0] * 5)
    assert math.isnan(loss)


def test_sum_of_nothing_is_zero(dtype):
    for labels in [np.zeros(0, np.int64), np.zeros((0, 5))]:
        assert smoothxent.cross_entropy(np.zeros((0, 5), dtype), labels, reduction="sum") == 0.0


def test_reduced_loss_counts_the_rows_of_every_axis(dtype, rng):
    logits = rng.normal(0, 4, (4, 9, 5, 2)).astype(dtype)
    labels = rng.integers(0, 9, (4, 5, 2))
    rows = oracle.as_rows(logits, 1), labels.ravel()
    for reduction in REDUCED:
        loss = smoothxent.cross_entropy(logits, labels, axis=1, reduction=reduction)
        assert loss == smoothxent.cross_entropy(*rows, reduction=reduction)


def assert_mean_has_no_gradient(text, logits, labels, options):
    """Assert that both functions raise the error with this text, and write nothing."""
    before, call = logits.copy(), smoothxent.cross_entropy_and_grad
    assert error_text(ValueError, call, logits, labels, grad_out=logits, **options) == text
    np.testing.assert_array_equal(logits, before)
    head = np.ones((4, 2)), np.ones((3, 2)), labels
    linear = smoothxent.linear_cross_entropy_and_grad
    assert error_text(ValueError, linear, *head, **options) == text


@pytest.mark.fault("weight-sums")
@pytest.mark.parametrize("where", ["class_weight", "sample_weight"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_weights_whose_sum_over_the_rows_overflows_have_no_gradient_of_a_mean(
    rng, where, label_smoothing
):
    # Logits so small that no row's own loss, of up to 3.5 nats, overflows.
    logits, labels = rng.uniform(-1, 1, (4, 3)), [0, 1, 2, 0]
    options = {"label_smoothing": label_smoothing, where: np.full(4 - (where[0] == "c"), 5e307)}
    least = "2.23e-308" if where == "class_weight" else "0"
    text = (
        f"{where} must have a sum over the rows in [{least}, 1.8e+308], got inf; "
        "divide it by its largest entry"
    )
    assert_mean_has_no_gradient(text, logits, labels, options)
    call = smoothxent.cross_entropy_and_grad

    # The mean itself, and the other reductions, need no such sum.
    unit = options | {where: np.ones_like(options[where])}
    mean = smoothxent.cross_entropy(logits, labels, **options)
    np.testing.assert_allclose(mean, smoothxent.cross_entropy(logits, labels, **unit), 1e-15)
    for reduction in ("none", "sum", "sum_over_batch_size", "sum_by_nonzero_weights"):
        _, grad = call(logits, labels, reduction=reduction, **options)
        _, expected = call(logits, labels, reduction=reduction, **unit)
        np.testing.assert_allclose(grad / 5e307, expected, 1e-14)


@pytest.mark.fault("weight-sums")
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_class_weights_whose_sum_over_the_rows_is_subnormal_have_no_gradient_of_a_mean(
    dtype, rng, label_smoothing
):
    logits, labels = rng.normal(0, 1, (4, 3)).astype(dtype), [0, 1, 2, 0]
    unit = {"label_smoothing": label_smoothing}
    options = unit | {"class_weight": np.full(3, 2.0**-1025)}
    text = (
        f"class_weight must have a sum over the rows in [2.23e-308, 1.8e+308], got {2.0**-1023}; "
        "divide it by its largest entry"
    )
    assert_mean_has_no_gradient(text, logits, labels, options)
    call = smoothxent.cross_entropy_and_grad

    # The least sum that will do, and one of weights of rows that are as small or smaller. The
    # weights lose up to 2 bits where they are multiplied.
    tiny = {"class_weight": np.full(3, 2.0**-1024), "sample_weight": np.full(4, 2.0**-1060)}
    for targets, name in ((labels, "class_weight"), (np.eye(3)[labels], "sample_weight")):
        _, expected = call(logits, targets, **unit)
        _, grad = call(logits, targets, **unit, **{name: tiny[name]})
        np.testing.assert_allclose(grad, expected, 32 * np.finfo(dtype).eps)
    options = {"class_weight": np.ones(3), "sample_weight": tiny["sample_weight"]}
    _, grad = call(logits, np.eye(3)[labels], **unit, **options)
    np.testing.assert_allclose(grad, expected, 32 * np.finfo(dtype).eps)


@pytest.mark.fault("weight-products")
def test_weights_whose_product_overflows_are_an_error_that_names_both(dtype):
    logits, labels = np.zeros((4, 3), dtype), [0, 1, 2, 0]
    logits[:, 0] = 1000  # the losses of class 0 are tiny
    options = {"class_weight": [1e200, 1, 1], "sample_weight": [1e200, 1, 1, 1]}
    text = (
        "class_weight times sample_weight must be finite, got 1e+200 * 1e+200; "
        "divide each by its largest entry"
    )
    assert_mean_has_no_gradient(text, logits, labels, options)
    for call in (smoothxent.cross_entropy, smoothxent.evaluate):
        assert error_text(ValueError, call, logits, labels, **options) == text

    # With probabilities the mean divides by the weights of the rows only.
    second = np.eye(3)[[1, 1, 1, 1]]
    mean = smoothxent.cross_entropy(np.zeros((4, 3)), second, **options)
    assert mean == pytest.approx(math.log(3))

    # The largest products that are numbers.
    options["sample_weight"] = [1e108, 1, 1, 1]
    assert math.isfinite(smoothxent.cross_entropy(logits, labels, **options))
    assert math.isfinite(smoothxent.evaluate(logits, labels, **options).loss)
