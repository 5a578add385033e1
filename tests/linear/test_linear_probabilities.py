"""Label probabilities of a linear head: the bits and gradients of cross_entropy for stored logits.

The logits are whole numbers, as in test_linear.py, so they are known exactly.
"""

import ml_dtypes
import numpy as np
import pytest

import oracle
from assertions import error_text
from peaks import peak_of
from quick import slow_but_first
from smoothxent import (
    cross_entropy,
    cross_entropy_and_grad,
    linear_cross_entropy,
    linear_cross_entropy_and_grad,
)
from smoothxent._linear.labelled_head import LabelledHead
from test_linear import assert_gradients, draw_options, draw_whole, logits_of

# One class; a lane's; one row a lane and beyond; up to a tile, a segment, and beyond.
CLASSES = [1, 2, 10, 128, 129, 1000, 1025, 20_000, pytest.param(40_000, marks=pytest.mark.slow)]
REDUCTIONS = ["none", "mean", "sum", "sum_over_batch_size", "sum_by_nonzero_weights"]
OPTIONS = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.1},
    "smoothing only": {"label_smoothing": 1.0},
    "weighted": {"label_smoothing": 0.1, "class_weight": None, "sample_weight": None},
    "prior": {"label_smoothing": 0.2, "prior": None},
    "z-loss": {"z_loss": 0.125, "class_weight": None, "sample_weight": None},
    "transformed": {"softcap": 3.0, "temperature": 0.75, "z_loss": 0.125, "label_smoothing": 0.1},
}

TRANSFORM_NAMES = {"softcap", "temperature", "z_loss"}


def draw_probabilities(rng, num_rows, num_classes, dtype):
    """Return rows of which a third is 0, and whose sums lie between 0 and 2."""
    table = rng.exponential(1, (num_rows, num_classes)) * (rng.uniform(size=num_classes) > 1 / 3)
    totals = np.maximum(table.sum(axis=1, keepdims=True), 1e-300)
    return (table / totals * rng.uniform(0, 2, (num_rows, 1))).astype(dtype)


@pytest.mark.parametrize("name", slow_but_first(OPTIONS))
@pytest.mark.parametrize("num_classes", CLASSES)
def test_losses_and_gradients_are_those_of_stored_logits(rng, dtype, rows_each, num_classes, name):
    num_rows = 18
    hidden, weight, bias, _ = draw_whole(rng, num_rows, num_classes, dtype)
    q = draw_probabilities(rng, num_rows, num_classes, np.float32)
    options = draw_options(rng, OPTIONS[name], num_rows, num_classes)
    of_targets = {key: value for key, value in options.items() if key not in TRANSFORM_NAMES}
    coefficients = oracle.coefficients(q, num_classes, **of_targets)
    logits = logits_of(hidden, weight, bias, dtype)
    for reduction in REDUCTIONS:
        options["reduction"] = reduction
        loss, gradients = linear_cross_entropy_and_grad(hidden, weight, q, bias=bias, **options)
        alone = linear_cross_entropy(hidden, weight, q, bias=bias, **options)
        expected, grad = cross_entropy_and_grad(logits, q, **options)
        assert np.asarray(loss).dtype == np.asarray(expected).dtype
        assert np.asarray(loss).tobytes() == np.asarray(expected).tobytes()
        assert np.asarray(alone).tobytes() == np.asarray(expected).tobytes()
        # Both round A p_k before they subtract c_k, and the difference; a slope is at most 4 / 3.
        divisor = oracle.denominator(reduction, q, num_classes, **of_targets)
        rounded = np.abs(grad.astype(float)) + coefficients / divisor
        error = 8 * oracle.UNIT_ROUNDOFF[np.dtype(dtype)] * rounded
        assert_gradients(gradients, grad.astype(float), hidden, weight, dtype, bias, error)


@pytest.mark.parametrize("num_classes", [10, 1000, 20_000])
def test_transforms_are_those_of_the_formula(rng, num_classes):
    softcap, temperature, z_loss = 3.0, 0.75, 0.125
    hidden, weight, bias, _ = draw_whole(rng, 9, num_classes, np.float64)
    q = draw_probabilities(rng, 9, num_classes, np.float64)
    losses, gradients = linear_cross_entropy_and_grad(
        hidden, weight, q, bias=bias, softcap=softcap, temperature=temperature, z_loss=z_loss,
        reduction="none",
    )  # fmt: skip
    capped = np.tanh(logits_of(hidden, weight, bias) / softcap)
    logits, slope = softcap / temperature * capped, (1 - capped**2) / temperature
    log_sum_exp, total = np.logaddexp.reduce(logits, axis=1), q.sum(axis=1)
    expected = oracle.row_losses(logits, q) + total * z_loss * log_sum_exp**2
    np.testing.assert_allclose(losses, expected, rtol=1e-13)
    of_square = (total * 2 * z_loss * log_sum_exp)[:, None] * oracle.softmax(logits)
    grad = (oracle.gradients(logits, q) + of_square) * slope
    # The capped logits and their slopes have errors of some ten roundings of numbers below 4.
    assert_gradients(gradients, grad, hidden, weight, np.float64, bias, grad_error=2.0**-45)


@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("num_classes", [10, 1000, 20_000])
def test_halves_are_the_numbers_that_they_are(rng, half, num_classes):
    hidden, weight, bias, _ = draw_whole(rng, 9, num_classes, half)
    q = draw_probabilities(rng, 9, num_classes, half)  # probabilities may be halves too
    losses, gradients = linear_cross_entropy_and_grad(
        hidden, weight, q, bias=bias, reduction="none"
    )
    logits = logits_of(hidden, weight, bias, np.float32)
    expected, grad = cross_entropy_and_grad(logits, q.astype(np.float32), reduction="none")
    assert losses.dtype == np.float32
    assert losses.tobytes() == expected.tobytes()
    wide = hidden.astype(np.float32), weight.astype(np.float32)
    assert_gradients(gradients, grad.astype(float), *wide, np.float32, bias)


@pytest.mark.parametrize("kind", [">f4", ">f8", np.int8, np.uint64])
def test_probabilities_may_have_any_real_dtype(rng, kind):
    hidden, weight, bias, _ = draw_whole(rng, 9, 300)
    q = rng.integers(0, 2, (9, 300)).astype(kind)
    assert linear_cross_entropy(hidden, weight, q, bias=bias) == cross_entropy(
        logits_of(hidden, weight, bias, np.float32), q.astype(np.float64)
    )


@pytest.mark.parametrize("num_classes", [1, 7, 300, 20_000])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (2, 0, 3), (2, 3, 2)])
def test_rows_may_have_any_shape(rng, shape, num_classes):
    hidden = rng.integers(-3, 4, (*shape, 4)).astype(np.float32)
    weight = rng.integers(-3, 4, (num_classes, 4)).astype(np.float32)
    q = rng.uniform(0, 1, (*shape, num_classes))
    losses, gradients = linear_cross_entropy_and_grad(hidden, weight, q, reduction="none")
    expected = cross_entropy(hidden @ weight.T, q, reduction="none")
    assert losses.shape == shape
    assert losses.tobytes() == np.asarray(expected).tobytes()
    assert gradients.hidden.shape == hidden.shape
    assert gradients.weight.shape == weight.shape


@pytest.mark.parametrize("num_classes", [7, 300, 20_000])
def test_probabilities_may_lie_anyhow(rng, num_classes):
    hidden = rng.integers(-3, 4, (3, 5, 4)).astype(np.float32)
    weight = rng.integers(-3, 4, (num_classes, 4)).astype(np.float32)
    q = rng.uniform(0, 1, (3, 5, num_classes))
    expected = cross_entropy(hidden @ weight.T, q, reduction="none")
    wide = np.full((3, 7, 2 * num_classes + 1), -7.0)  # a read of the padding would be an error
    wide[:, 1:6, 1::2] = q
    views = [
        wide[:, 1:6, 1::2],
        np.asfortranarray(q),
        q[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
        np.moveaxis(np.moveaxis(q, 2, 0).copy(), 0, 2),
        np.frombuffer(b"\0" + q.tobytes(), np.int8)[1:].view(np.float64).reshape(q.shape),
    ]
    for view in views:
        losses = linear_cross_entropy(hidden, weight, view, reduction="none")
        assert losses.tobytes() == expected.tobytes()


@pytest.mark.thread_unsafe(reason="tracemalloc counts what every thread holds")
def test_probabilities_are_not_copied():
    shape = 60, 50
    q = np.broadcast_to(np.float32(0.5), (*shape, 10_000))  # 120 MB if they were stored
    hidden, weight = np.ones((*shape, 2), np.float32), np.ones((10_000, 2), np.float32)
    (loss, _), peak = peak_of(lambda: linear_cross_entropy_and_grad(hidden, weight, q))
    assert loss == pytest.approx(5000 * np.log(10_000), rel=1e-6)
    assert peak < 64 << 20


@pytest.mark.fault("head-nan")
@pytest.mark.parametrize("num_classes", [7, 300, 20_000])
def test_row_of_nan_spoils_no_other(rng, num_classes):
    hidden, weight, bias, _ = draw_whole(rng, 6, num_classes)
    q = draw_probabilities(rng, 6, num_classes, np.float32) + np.float32(0.01)
    hidden[2, 0] = np.nan
    losses = linear_cross_entropy(hidden, weight, q, bias=bias, reduction="none")
    assert np.flatnonzero(np.isnan(losses)).tolist() == [2]


@pytest.mark.parametrize("num_classes", [7, 300, 20_000])
@pytest.mark.parametrize("call", [linear_cross_entropy, linear_cross_entropy_and_grad])
def test_probability_changed_after_its_check_is_an_error(monkeypatch, call, num_classes):
    hidden, weight = np.zeros((40, 4)), np.zeros((num_classes, 4))
    q = np.zeros((40, num_classes))
    tally = LabelledHead.tally

    def tally_and_spoil(head):
        count = tally(head)
        q[37, num_classes - 2] = np.nan  # as another thread may
        return count

    monkeypatch.setattr(LabelledHead, "tally", tally_and_spoil)
    assert error_text(ValueError, call, hidden, weight, q, reduction="none") == (
        f"labels must be finite and not negative, got labels[37, {num_classes - 2}] = nan"
    )


def test_mean_divides_by_the_sample_weights_only(rng):
    # Their sum may be subnormal: probabilities have no class weight that the mean divides by.
    hidden, weight, bias, _ = draw_whole(rng, 3, 5, np.float64)
    q = draw_probabilities(rng, 3, 5, np.float64)
    options = {"sample_weight": [1e-310, 0, 2e-310], "class_weight": [1.0, 2, 0, 1, 3]}
    loss, gradients = linear_cross_entropy_and_grad(hidden, weight, q, bias=bias, **options)
    expected, grad = cross_entropy_and_grad(logits_of(hidden, weight, bias), q, **options)
    assert loss == expected
    np.testing.assert_allclose(gradients.weight, grad.T @ hidden, rtol=1e-13, atol=1e-13)
