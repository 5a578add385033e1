"""The search for a temperature ends after few reads of the logits."""

import numpy as np
import pytest

from quick import slow_but_first
from smoothxent import evaluate, fit_temperature
from smoothxent._calibration.fit import fit

MOST_READS = 8


def two_classes(scores):
    return np.stack([-scores / 2, scores / 2], axis=1) if scores.ndim == 1 else scores


def of_regression(name, strength):
    """Return held-out logits of a logistic regression, and labels."""
    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn.linear_model import LogisticRegression

    features, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)
    order = np.random.default_rng(0).permutation(len(labels))
    train, test = order[::2], order[1::2]
    model = LogisticRegression(C=strength, max_iter=5000).fit(features[train], labels[train])
    return two_classes(model.decision_function(features[test])), labels[test]


@pytest.mark.parametrize("name", ["digits", "wine", "breast_cancer", "iris"])
@pytest.mark.parametrize("strength", [1e-3, 1.0, 1e3])  # underconfident to overconfident
def test_real_data_need_few_reads(name, strength):
    logits, labels = of_regression(name, strength)
    fitted = fit_temperature(logits, labels)
    assert fitted.iterations <= MOST_READS
    assert fitted.bound is None
    for factor in (0.99, 1.01):
        near = evaluate(logits, labels, temperature=factor * fitted.value)
        assert near.nll >= fitted.nll_after


def drawn(rng, kind, num_classes, temperature):
    """Return logits and labels of 1000 rows: usual ones, or of a kind that is hard to model."""
    logits = rng.normal(0, 2, (1000, num_classes))
    if kind == "unequal rows":
        logits *= np.exp(1.5 * rng.normal(size=(1000, 1)))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    if kind == "confident":
        logits *= 20
        labels = np.where(rng.random(1000) < 0.05, labels, logits.argmax(axis=1))
    if kind == "one wrong":
        labels = logits.argmax(axis=1)
        labels[0] = logits[0].argmin()
    if kind == "weak":
        labels[100:] = rng.integers(0, num_classes, 900)
    return temperature * logits, labels


@pytest.mark.parametrize("kind", ["usual", "unequal rows", "confident", "one wrong", "weak"])
@pytest.mark.parametrize("num_classes", slow_but_first([10, 2, 1000]))
@pytest.mark.parametrize("temperature", [0.05, 1.0, 20.0])
def test_drawn_data_need_few_reads(rng, kind, num_classes, temperature):
    logits, labels = drawn(rng, kind, num_classes, temperature)
    for dtype in (np.float32, np.float16):
        fitted = fit_temperature(logits.astype(dtype), labels, bounds=(1e-4, 1e4))
        assert fitted.iterations <= MOST_READS
        assert fitted.bound is None


@pytest.mark.slow
def test_usual_data_need_five_reads_on_average(rng):
    reads = []
    for num_classes in (2, 10, 100):
        for temperature in (0.05, 0.3, 1.0, 3.0, 20.0):
            logits, labels = drawn(rng, "usual", num_classes, temperature)
            reads.append(fit_temperature(logits, labels).iterations)
    assert np.mean(reads) <= 5


def test_number_of_iterations_is_that_of_the_reads(rng):
    counts = []
    for logits, labels in (
        drawn(rng, "usual", 10, 3.0),
        drawn(rng, "usual", 10, 0.001),  # beyond the lower bound: one more read shows a minimum
        (rng.normal(size=(100, 3)), np.arange(100) % 3),
    ):
        temperatures = [1.0]

        def evaluate_at(temperature, logits=logits, labels=labels, seen=temperatures):
            seen.append(temperature)
            return evaluate(logits, labels, temperature=temperature)

        fitted = fit(evaluate(logits, labels), evaluate_at, logits.shape[1], (0.01, 100.0))
        assert fitted.iterations == len(temperatures) == len(set(temperatures))
        counts.append(fitted.bound)
    assert counts[1] == "lower"


def test_search_ends_at_a_temperature_that_it_knows(rng, monkeypatch):
    # Without the usual end, rounding errors of the slope decide the last steps.
    monkeypatch.setattr("smoothxent._calibration.fit.LEAST_DECREASE", -1.0)
    logits, labels = drawn(rng, "weak", 10, 3.0)
    logits, reads = logits.astype(np.float32), []

    def evaluate_at(temperature):
        reads.append(temperature)
        assert len(reads) <= 40
        return evaluate(logits, labels, temperature=temperature)

    fitted = fit(evaluate(logits, labels), evaluate_at, 10, (0.01, 100.0))
    monkeypatch.undo()
    assert fitted.value == pytest.approx(fit_temperature(logits, labels).value, rel=1e-4)


@pytest.mark.parametrize("spread", [1e-2, 1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("is_random", [False, True])
def test_nearly_equal_logits_need_few_reads_too(rng, spread, is_random):
    # The slope at temperature 1 is near or below the rounding errors of float32.
    logits = (spread * rng.normal(size=(2000, 10))).astype(np.float32)
    signal = 0.0 if is_random else 0.5 / spread
    labels = (signal * logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    fitted = fit_temperature(logits, labels, bounds=(1e-6, 1e6))
    assert fitted.iterations <= MOST_READS
    for beta in np.geomspace(1e-6, 1e6, 25):
        nll = evaluate(logits.astype(np.float64), labels, temperature=float(1 / beta)).nll
        assert fitted.nll_after <= nll * (1 + 2.0**-22)


@pytest.mark.parametrize("spread", [1e3, 1e5, 1e150])
def test_entropies_near_0_need_few_reads_too(rng, spread):
    # At temperature 1 the entropy of most rows is below 1e-300, or 0.
    logits = spread * rng.normal(size=(200, 5))
    labels = logits.argmax(axis=1)
    labels[:20] = rng.integers(0, 5, 20)
    fitted = fit_temperature(logits, labels, bounds=(1e-30, 1e30))
    assert fitted.iterations <= MOST_READS
    assert fitted.bound == ("upper" if spread == 1e150 else None)
