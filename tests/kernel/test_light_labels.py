"""Smoothed losses in which the label weighs much less than another class."""

import mpmath
import numpy as np
import pytest

import oracle
import smoothxent

# logits, label, options
ONE_HOT = {"prior": [1, 0], "label_smoothing": 1 - 1e-12}
CASES = [
    ([34.527442932128906, 6.552265167236328], 1, ONE_HOT),
    ([20.3, 0.1], 1, {"class_weight": [1, 1e-6], "label_smoothing": 0.1}),
    ([20.3, 0.1], 1, {"class_weight": [1, 1e-28], "label_smoothing": 0.1}),
    (
        [48.01569918059056, 61.28249423102815],
        1,
        {"class_weight": [0.001, 1000], "label_smoothing": 1},
    ),
    (
        [25.0, *[0.0, 1, 2, 3] * 40],
        4,
        {"class_weight": [1, *[1e-9] * 160], "label_smoothing": 0.3},
    ),
    (
        [-3.0, *[0.0] * 2000, 40],
        0,
        {"class_weight": [1e-12, *[1e-9] * 2000, 1], "label_smoothing": 0.1},
    ),
]


def sizes(row, label, **options):
    """Return for each class the size in whose ulps the error of its gradient is promised."""
    coefficients = oracle.exact_coefficients(label, len(row), **options)
    p, t = oracle.exact_softmax(row), [oracle.to_mpf(each) for each in coefficients]
    total = mpmath.fsum(t)
    found = [max(total * p_k, t_k) for p_k, t_k in zip(p, t, strict=True)]
    for k in (label, row.argmax()):
        found[k] = max((total - t[k]) * p[k], t[k] * (1 - p[k]))
    return found


@pytest.mark.parametrize("logits, label, options", CASES)
def test_losses_and_gradients_keep_their_digits_where_the_label_weighs_little(
    dtype, logits, label, options
):
    row = np.array(logits, dtype)
    losses = smoothxent.cross_entropy(row[None], [label], reduction="none", **options)
    loss = oracle.exact_loss(row, label, **options)
    assert oracle.ulps(losses[0], loss, dtype) <= oracle.LOSS_ULPS[np.dtype(dtype)]
    mean = smoothxent.cross_entropy(row, label, **options)
    np.testing.assert_equal(smoothxent.evaluate(row[None], [label], **options).loss, mean)
    _, grad = smoothxent.cross_entropy_and_grad(row, label, reduction="sum", **options)
    with mpmath.workprec(400):
        exact = oracle.exact_gradient(row, label, **options)
        for found, wanted, size in zip(grad, exact, sizes(row, label, **options), strict=True):
            assert abs(float(found) - wanted) <= 6 * oracle.ulp_of(size, dtype), (found, wanted)
