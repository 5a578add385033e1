"""compare: differences of pairs of rows, their standard errors and quantiles, by the formulas."""

import math
from fractions import Fraction

import numpy as np
import pytest

from assertions import error_text
from smoothxent import compare, evaluate

CLASS_COUNTS = [1, 2, 10, 1000, 40_000]  # the last is more than a block of logits
PAIRED = ["nll_difference", "entropy_difference", "confidence_difference", "brier_difference"]
PAIRED += ["probability_change", "accuracy_difference", "top_k_difference", "kl", "agreement"]
QUANTILES = ["kl_quantiles", "probability_change_quantiles"]
METRICS = [*(name for each in PAIRED for name in (each, f"{each}_stderr")), *QUANTILES]
METRICS += ["probability_change_rms"]


def draw(rng, num_rows, num_classes, dtype=np.float32, noise=0.5):
    """Draw logits of two classifiers that mostly agree, and labels."""
    a = rng.normal(0, 3, (num_rows, num_classes))
    b = a + rng.normal(0, noise, a.shape)
    return a.astype(dtype), b.astype(dtype), rng.integers(0, num_classes, num_rows)


def log_p(logits):
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    return wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))


def measures(logits, labels):
    """Return what is compared of each finite row of one classifier, by the formulas."""
    log, rows = log_p(logits), np.arange(len(labels))
    p, own = np.exp(log), log[rows, labels]
    above = (logits > logits[rows, labels][:, None]).sum(axis=1)
    equal = logits == logits[rows, labels][:, None]
    rank = above + (equal & (np.arange(logits.shape[1]) < labels[:, None])).sum(axis=1)
    return {
        "nll_difference": -own,
        "entropy_difference": -(p * log).sum(axis=1),
        "confidence_difference": p.max(axis=1),
        "brier_difference": ((p - (np.arange(p.shape[1]) == labels[:, None])) ** 2).sum(axis=1),
        "probability_change": np.exp(own),
        "accuracy_difference": rank < 1,
        "top_k_difference": rank < 5,
    }


def expected_pairs(a, b, labels):
    """Return the differences, divergences and agreement of finite rows, by the formulas."""
    of_a, of_b = measures(a, labels), measures(b, labels)
    log_a, log_b = log_p(a), log_p(b)
    return {name: of_b[name].astype(float) - of_a[name] for name in of_a} | {
        "kl": (np.exp(log_a) * (log_a - log_b)).sum(axis=1),
        "agreement": 1.0 * (log_a.argmax(axis=1) == log_b.argmax(axis=1)),
    }


def metric(comparison, name):
    value = getattr(comparison, name)
    return value[5] if name.startswith("top_k") else value


def mean_and_stderr(values, weights):
    """Return the weighted mean and its standard error with the effective number of rows."""
    mean = np.average(values, weights=weights)
    variance = np.average((values - mean) ** 2, weights=weights)
    effective = weights.sum() ** 2 / (weights**2).sum()
    return mean, math.sqrt(variance / (effective - 1))


@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
def test_pairs_are_those_of_the_formulas(rng, num_classes, any_dtype):
    num_rows = min(500, max(3, 200_000 // num_classes))
    a, b, labels = draw(rng, num_rows, num_classes, any_dtype)
    comparison = compare(a, b, labels)
    expected = expected_pairs(a, b, labels)
    # Formulas and kernel differ by some ulps of log-probabilities of up to 40.
    close = {"rel": 1e-11, "abs": 1e-12}
    for name in PAIRED:
        values = expected[name]
        assert metric(comparison, name) == pytest.approx(values.mean(), **close)
        stderr = values.std(ddof=1) / math.sqrt(num_rows)
        assert metric(comparison, f"{name}_stderr") == pytest.approx(stderr, **close)
    rms = math.sqrt((expected["probability_change"] ** 2).mean())
    assert comparison.probability_change_rms == pytest.approx(rms, **close)
    for name in QUANTILES:
        by_size = np.sort(expected[name.removesuffix("_quantiles")])
        for share, quantile in getattr(comparison, name).items():
            # The least with that share at or below it; shares are decimal numbers.
            rank = max(math.ceil(Fraction(str(share)) * num_rows), 1)
            assert quantile == pytest.approx(by_size[rank - 1], rel=2**-11 + 1e-11, abs=1e-12)


def test_weights_are_those_of_the_formulas(rng):
    a, b, labels = draw(rng, 300, 12)
    weights = rng.exponential(size=300)
    comparison = compare(a, b, labels, sample_weight=weights)
    assert comparison.a == evaluate(a, labels, sample_weight=weights)
    assert comparison.b == evaluate(b, labels, sample_weight=weights)
    expected = expected_pairs(a, b, labels)
    for name in PAIRED:
        mean, stderr = mean_and_stderr(expected[name], weights)
        assert metric(comparison, name) == pytest.approx(mean, rel=1e-11, abs=1e-12)
        assert metric(comparison, f"{name}_stderr") == pytest.approx(stderr, rel=1e-9)
    for name in QUANTILES:
        values = expected[name.removesuffix("_quantiles")]
        found = list(getattr(comparison, name).values())
        shares = list(getattr(comparison, name))
        wanted = np.quantile(values, shares, method="inverted_cdf", weights=weights)
        np.testing.assert_allclose(found, wanted, rtol=2**-11 + 1e-11, atol=1e-12)


def test_weights_are_repeated_rows(rng):
    a, b, labels = draw(rng, 100, 12)
    times = rng.choice([0, 1, 2, 4], 100)  # products with powers of 2 are not rounded
    a[times == 0] = np.nan
    comparison = compare(a, b, labels, sample_weight=times)
    repeated = compare(*(np.repeat(each, times, axis=0) for each in (a, b, labels)))
    for name in [*PAIRED, *QUANTILES, "probability_change_rms"]:
        assert metric(comparison, name) == metric(repeated, name)


def test_unit_weights_are_no_weights(rng):
    a, b, labels = draw(rng, 50, 12)
    assert compare(a, b, labels, sample_weight=np.ones(50)) == compare(a, b, labels)
    shape = (5, 10)
    wide = a.reshape(*shape, 12), b.reshape(*shape, 12), labels.reshape(shape)
    weights = rng.integers(1, 9, shape)
    assert compare(*wide, sample_weight=weights) == compare(
        a, b, labels, sample_weight=weights.reshape(-1)
    )


def test_weights_of_no_use_are_named(rng):
    a, b, labels = draw(rng, 4, 5)
    found = error_text(ValueError, compare, a, b, labels, sample_weight=[1, 2, 3])
    assert found == "sample_weight must have shape (4,), got (3,)"
    found = error_text(ValueError, compare, a, b, labels, sample_weight=[1, 2, -3, 4])
    assert found == "sample_weight must be finite and not negative, got sample_weight[2] = -3"
