"""The oracle, compared with independent numbers."""

import math

import mpmath
import numpy as np
import pytest

import oracle

LOGITS = np.array([[4, 5, 10], [1, 5, 4], [1, 15, 4]], float)


@pytest.mark.parametrize(
    ("label_smoothing", "expected"), [(0, 0.1119182196450031), (0.001, 0.11647377520055864)]
)
def test_oracle_gives_the_worked_example(label_smoothing, expected):
    loss = oracle.reduced_loss(LOGITS, np.array([2, 1, 1]), "mean", label_smoothing=label_smoothing)
    # 8 roundoffs of float64: the oracle's own error for 3 classes and a spread of 14.
    assert abs(loss - expected) <= 8 * 2.0**-53 * 14


def test_exact_oracle_gives_the_losses_of_confident_rows():
    for gap, expected in [
        (17, "4.13993763309e-8"),
        (40, "4.24835425529e-18"),
        (100, "3.72007597602e-44"),
    ]:
        assert mpmath.nstr(oracle.exact_loss([gap, 0.0], 0), 12) == expected


@pytest.mark.parametrize("kind", ["indices", "probabilities"])
def test_float64_oracle_agrees_with_the_exact_one(rng, kind):
    logits = rng.normal(0, 8, (20, 7))
    labels = rng.integers(0, 7, 20) if kind == "indices" else rng.dirichlet(np.ones(7), 20)
    options = {"label_smoothing": 0.1, "class_weight": rng.uniform(0, 3, 7)}
    losses = oracle.row_losses(logits, labels, **options)
    allowed = oracle.loss_allowance(logits, labels, np.float64, **options)
    grads = oracle.gradients(logits, labels, **options)
    allowed_grads = oracle.gradient_allowance(logits, labels, np.float64, **options)
    for n, row in enumerate(logits):
        exact = oracle.exact_loss(row, labels[n], **options)
        assert abs(losses[n] - float(exact)) <= allowed[n]
        exact_grad = [float(g) for g in oracle.exact_gradient(row, labels[n], **options)]
        assert np.all(np.abs(grads[n] - exact_grad) <= allowed_grads[n])


def test_ulps_counts_neighbours():
    one = mpmath.mpf(1)
    assert oracle.ulps(np.float32(1) + np.float32(2.0**-23), one, np.float32) == 1
    assert oracle.ulps(np.float64(1) - 2.0**-53, one, np.float64) == 0.5
    assert oracle.ulps(np.float32(math.inf), one, np.float32) == math.inf
    assert oracle.ulps(np.float32(math.inf), mpmath.mpf(10) ** 39, np.float32) == 0
    assert oracle.ulps(np.float32(0), mpmath.mpf(10) ** -60, np.float32) < 1e-10
