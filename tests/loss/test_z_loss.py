"""z_loss with labels of either kind, class weights, ignored rows, evaluations and heads."""

import numpy as np
import pytest

from smoothxent import (
    cross_entropy,
    cross_entropy_and_grad,
    evaluate,
    linear_cross_entropy,
    linear_cross_entropy_and_grad,
    linear_evaluate,
)


def draw(rng, num_rows, num_classes):
    """Return float64 logits, and class indices."""
    logits = rng.normal(0, 4, (num_rows, num_classes))
    return logits, rng.integers(0, num_classes, num_rows)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 1.0])
def test_one_hot_rows_have_the_z_loss_of_their_labels(rng, label_smoothing):
    logits, labels = draw(rng, 30, 12)
    options = {"class_weight": rng.uniform(0, 2, 12), "sample_weight": rng.uniform(0, 2, 30)}
    options |= {"z_loss": 0.3, "label_smoothing": label_smoothing, "reduction": "none"}
    of_labels = cross_entropy_and_grad(logits, labels, **options)
    of_rows = cross_entropy_and_grad(logits, np.eye(12)[labels], **options)
    for ours, theirs in zip(of_labels, of_rows, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    "reduction", ["mean", "sum", "sum_over_batch_size", "sum_by_nonzero_weights"]
)
def test_class_weights_weigh_the_z_loss_as_they_weigh_the_rest(rng, reduction):
    logits, labels = draw(rng, 30, 12)
    weight = rng.uniform(0.5, 2, 12)

    def parts(labels, weight):
        options = {"class_weight": weight, "reduction": reduction}
        plain = cross_entropy(logits, labels, **options)
        return plain, cross_entropy(logits, labels, z_loss=0.3, **options) - plain

    for kind, factor in ((labels, 1 if reduction == "mean" else 8), (np.eye(12)[labels], 8)):
        before, after = parts(kind, weight), parts(kind, 8 * weight)
        np.testing.assert_allclose(after, np.multiply(factor, before), rtol=1e-12)


@pytest.mark.parametrize("num_classes", [40, 20_000])
def test_head_has_the_z_loss_of_its_logits(rng, num_classes):
    hidden = rng.integers(-3, 4, (9, 4)).astype(np.float32)
    weight = rng.integers(-3, 4, (num_classes, 4)).astype(np.float32)
    labels = rng.integers(0, num_classes, 9)
    options = {"z_loss": 0.1, "softcap": 8.0, "temperature": 0.5, "label_smoothing": 0.1}
    logits = hidden @ weight.T
    loss, gradients = linear_cross_entropy_and_grad(hidden, weight, labels, **options)
    expected, grad = cross_entropy_and_grad(logits, labels, **options)
    assert loss == linear_cross_entropy(hidden, weight, labels, **options) == expected
    np.testing.assert_allclose(gradients.hidden, grad @ weight, rtol=0, atol=1e-5)
    assert linear_evaluate(hidden, weight, labels, **options) == evaluate(logits, labels, **options)


@pytest.mark.parametrize("num_classes", [2, 5, 500])
def test_ignored_row_has_no_z_loss(any_dtype, rng, num_classes):
    logits = rng.normal(0, 4, (6, num_classes)).astype(any_dtype)
    labels = np.array([0, -1, 1, -1, -1, 0])
    losses, grad = cross_entropy_and_grad(
        logits, labels, ignore_index=-1, z_loss=0.5, reduction="none"
    )
    assert losses[labels < 0].tolist() == [0.0] * 3
    assert not np.any(grad[labels < 0])
    assert np.all(losses[labels >= 0] > 0)
