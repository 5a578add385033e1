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


def exact(logits, label, label_smoothing, prior=None, class_weight=None):
    """Return the loss, the gradient, and the size in whose ulps its errors are promised."""
    x, num_classes = [mpmath.mpf(float(value)) for value in logits], len(logits)
    u = [mpmath.mpf(1) / num_classes] * num_classes if prior is None else prior
    w, eps = class_weight or [1] * num_classes, mpmath.mpf(label_smoothing)
    t = [
        w_k * (eps * u_k + (1 - eps) * (k == label))
        for k, (u_k, w_k) in enumerate(zip(u, w, strict=True))
    ]
    lse = mpmath.log(mpmath.fsum(map(mpmath.exp, x)))
    loss = mpmath.fsum(t_k * (lse - x_k) for t_k, x_k in zip(t, x, strict=True) if t_k)
    p, total = [mpmath.exp(x_k - lse) for x_k in x], mpmath.fsum(t)
    grad = [total * p_k - t_k for p_k, t_k in zip(p, t, strict=True)]
    scale = [max(total * p_k, t_k) for p_k, t_k in zip(p, t, strict=True)]
    for k in (label, x.index(max(x))):
        scale[k] = max((total - t[k]) * p[k], t[k] * (1 - p[k]))
    return loss, grad, scale


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("logits", "label", "options"), CASES)
def test_losses_and_gradients_keep_their_digits_where_the_label_weighs_little(
    dtype, logits, label, options
):
    row = np.array(logits, dtype)
    with mpmath.workprec(400):
        loss, grad, scale = exact(row, label, **options)
        losses = smoothxent.cross_entropy(row[None], [label], reduction="none", **options)
        assert oracle.ulps(losses[0], loss, dtype) <= oracle.LOSS_ULPS[np.dtype(dtype)]
        mean = smoothxent.cross_entropy(row[None], [label], **options)
        np.testing.assert_equal(smoothxent.evaluate(row[None], [label], **options).loss, mean)
        actual = smoothxent.cross_entropy_and_grad(row[None], [label], reduction="sum", **options)[
            1
        ]
        for found, wanted, size in zip(actual[0].tolist(), grad, scale, strict=True):
            assert abs(found - wanted) <= 6 * oracle.ulp_of(size, dtype), (found, wanted)
