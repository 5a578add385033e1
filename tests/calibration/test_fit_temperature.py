"""fit_temperature: the minimum of the nll, by independent searches, and rules that it obeys."""

import math

import ml_dtypes
import mpmath
import numpy as np
import pytest

from quick import slow_but_first
from smoothxent import bits, evaluate, fit_temperature, softmax
from smoothxent._kernel import builds

GOLDEN = (math.sqrt(5) - 1) / 2


def draw(rng, num_rows=2000, num_classes=10, temperature=2.0, dtype=np.float64):
    """Draw labels from the softmax of some logits; return these times the temperature."""
    logits = 2 * rng.normal(size=(num_rows, num_classes))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return (temperature * logits).astype(dtype), labels


def mean_nll(logits, labels, temperature, weights=None):
    """Return the mean nll by its formula, in float64."""
    scaled = logits.astype(np.float64) / temperature
    top = scaled.max(axis=1, keepdims=True)
    log_sum_exp = top[:, 0] + np.log(np.exp(scaled - top).sum(axis=1))
    return np.average(log_sum_exp - scaled[np.arange(len(labels)), labels], weights=weights)


def golden_section(function, low, high, width):
    """Return the middle of an interval of this width with the minimum of a unimodal function."""
    while high - low > width:
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if function(left) < function(right):
            high = right
        else:
            low = left
    return (low + high) / 2


@pytest.mark.parametrize("temperature", slow_but_first([3.0, 0.05, 0.3, 1.0, 20.0]))
@pytest.mark.parametrize("num_classes", [2, 10, 300])
def test_temperature_is_that_of_a_golden_section_search(rng, num_classes, temperature, any_dtype):
    logits, labels = draw(rng, 500, num_classes, temperature, any_dtype)
    fitted = fit_temperature(logits, labels)
    expected = golden_section(
        lambda t: mean_nll(logits, labels, math.exp(t)), math.log(0.01), math.log(100), 1e-8
    )
    # A search by values sees no difference of less than 1e-16: its error is about 1e-7. The other
    # error is 1e-5 sqrt(nll / v), with a v of 0.2 nll and more here.
    assert math.log(fitted.value) == pytest.approx(expected, abs=3e-5)
    assert fitted.bound is None
    assert fitted.nll_before == pytest.approx(mean_nll(logits, labels, 1.0), rel=1e-6)
    least = mean_nll(logits, labels, math.exp(expected))
    assert fitted.nll_after == pytest.approx(least, rel=1e-6)


def test_temperature_is_the_root_of_the_derivative_in_50_digits():
    logits, labels = [[5.0, 0, -1], [1, 2, 4], [0, 3, 1], [2, 2, 1]], [0, 1, 1, 2]
    with mpmath.workdps(50):

        def derivative(beta):
            total = mpmath.mpf(0)
            for row, label in zip(logits, labels, strict=True):
                weights = [mpmath.exp(beta * each) for each in row]
                mean = mpmath.fdot(weights, row) / mpmath.fsum(weights)
                total += mean - row[label]
            return total

        expected = float(1 / mpmath.findroot(derivative, (0.1, 2), solver="anderson"))
    assert fit_temperature(logits, labels).value == pytest.approx(expected, rel=2e-5)


def test_two_equal_classes_of_rows_have_the_temperature_of_the_formula():
    # Three of four rows are right, with a gap of 8 nats: p = 3/4 where 8 / T = log 3.
    fitted = fit_temperature([[8.0, 0]] * 4, [0, 0, 0, 1])
    assert fitted.value == pytest.approx(8 / math.log(3), rel=1e-7)
    assert fitted.nll_after == pytest.approx(math.log(4) - 0.75 * math.log(3), rel=1e-12)
    assert fitted.evaluation.confidence == pytest.approx(0.75, rel=1e-7)


def test_temperature_is_that_of_scikit_learn():
    calibration = pytest.importorskip("sklearn.calibration")
    if not hasattr(calibration, "_TemperatureScaling"):
        pytest.skip("scikit-learn before 1.8")
    from sklearn.datasets import load_digits
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression

    features, labels = load_digits(return_X_y=True)
    model = LogisticRegression(C=100.0, max_iter=5000).fit(features[:600] / 16, labels[:600])
    held_out, their_labels = features[600:1200] / 16, labels[600:1200]
    theirs = calibration.CalibratedClassifierCV(FrozenEstimator(model), method="temperature")
    theirs.fit(held_out, their_labels)
    ours = fit_temperature(model.decision_function(held_out), their_labels)
    expected = softmax(model.decision_function(features[1200:] / 16) / ours.value)
    np.testing.assert_allclose(theirs.predict_proba(features[1200:] / 16), expected, atol=1e-5)
    assert ours.value > 1.3  # the model is overconfident


def test_evaluations_are_those_of_evaluate(rng, any_dtype):
    logits, labels = draw(rng, dtype=any_dtype)
    options = {"softcap": 5.0, "ignore_index": 3, "top_k": (2, 4), "num_bins": 7}
    options["sample_weight"] = rng.uniform(0, 2, len(labels))
    fitted = fit_temperature(logits, labels, **options)
    assert fitted.evaluation_before == evaluate(logits, labels, **options)
    assert fitted.evaluation == evaluate(logits, labels, temperature=fitted.value, **options)
    assert fitted.value == fitted.evaluation.temperature


def test_printed_digits_are_all_digits_of_the_temperature(rng):
    for scale in (0.3, 1.0, 2.0, 7.0):
        value = fit_temperature(*draw(rng, 200, 5, scale)).value
        assert float(f"{value:.8g}") == value


def test_mean_nll_is_the_mean_entropy_and_the_order_of_classes_stays(rng):
    fitted = fit_temperature(*draw(rng))
    assert fitted.evaluation.entropy == pytest.approx(fitted.nll_after, rel=1e-4)
    assert fitted.evaluation.accuracy == fitted.evaluation_before.accuracy
    assert fitted.evaluation.top_k == fitted.evaluation_before.top_k
    assert fitted.nll_after < fitted.nll_before


def test_fitted_logits_have_temperature_1_and_need_at_most_two_reads(rng):
    logits, labels = draw(rng)
    again = fit_temperature(logits / fit_temperature(logits, labels).value, labels)
    assert again.value == pytest.approx(1, rel=3e-5)
    assert again.iterations <= 2
    assert again.nll_after <= again.nll_before


def test_constant_added_to_a_row_changes_nothing(rng):
    logits, labels = draw(rng)
    shifted = logits + rng.normal(0, 10, (len(labels), 1))
    expected = fit_temperature(logits, labels).value
    assert fit_temperature(shifted, labels).value == pytest.approx(expected, rel=1e-6)


def test_weights_are_numbers_of_copies(rng):
    logits, labels = draw(rng, 300)
    copies = rng.integers(0, 4, len(labels))
    weighted = fit_temperature(logits, labels, sample_weight=copies)
    repeated = fit_temperature(np.repeat(logits, copies, axis=0), np.repeat(labels, copies))
    assert (weighted.value, weighted.nll_after) == (repeated.value, repeated.nll_after)


def test_weight_of_0_and_ignored_label_leave_a_row_out(rng):
    logits, labels = draw(rng, 300)
    expected = fit_temperature(logits[100:], labels[100:])
    with_weights = fit_temperature(logits, labels, sample_weight=np.repeat([0, 1], [100, 200]))
    assert with_weights.value == expected.value
    labels[:100] = -100
    logits[:100] = np.nan
    ignored = fit_temperature(logits, labels, ignore_index=-100)
    assert (ignored.value, ignored.nll_after) == (expected.value, expected.nll_after)
    assert ignored.evaluation.ignored == 100


def test_rows_in_any_order_and_layout_and_threads_have_the_same_bits(rng, any_dtype):
    logits, labels = draw(rng, 4000, 30, dtype=any_dtype)
    assert logits.size >= builds.kernel("float32").LEAST_PARALLEL
    expected = fit_temperature(logits, labels, num_threads=1)
    order = rng.permutation(len(labels))
    assert fit_temperature(logits, labels, num_threads=3) == expected
    assert fit_temperature(logits[order], labels[order]) == expected
    assert fit_temperature(np.asfortranarray(logits), labels) == expected
    assert fit_temperature(logits.T, labels, axis=0) == expected
    assert fit_temperature(logits.reshape(40, 100, 30), labels.reshape(40, 100)) == expected


def test_bits_of_half_types_are_what_dtype_says(rng):
    logits, labels = draw(rng, dtype=ml_dtypes.bfloat16)
    found = fit_temperature(bits(logits.view(np.uint16), "bfloat16"), labels)
    assert found == fit_temperature(logits, labels)


@pytest.mark.parametrize("temperature", [0.02, 0.1, 3.0])
def test_classes_of_minus_infinity_are_as_if_they_were_absent(rng, temperature):
    logits, labels = draw(rng, num_classes=4, temperature=temperature)
    wide = np.full((len(labels), 200), -np.inf)
    wide[:, 50:54] = logits
    expected = fit_temperature(logits, labels)
    found = fit_temperature(wide, labels + 50)
    assert found.value == pytest.approx(expected.value, rel=3e-5)
    assert found.iterations <= 8


@pytest.mark.parametrize("num_classes", [2, 10, 1000])
def test_random_labels_have_the_upper_bound(rng, num_classes):
    logits, labels = rng.normal(0, 3, (500, num_classes)), rng.integers(0, num_classes, 500)
    labels[:250] = logits[:250].argmin(axis=1)  # worse than chance
    fitted = fit_temperature(logits, labels)
    assert (fitted.value, fitted.bound) == (100.0, "upper")
    assert fitted.nll_after == evaluate(logits, labels, temperature=100.0).nll
    assert fit_temperature(logits, labels, bounds=(0.5, 7.25)).value == 7.25


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("high", [100.0, 99.123454321])  # of more digits than a fitted one
def test_labels_with_the_least_logit_have_the_upper_bound_however_small_logits_are(scale, high):
    for dtype in (np.float64, np.float32):
        logits = scale * np.array([[0, 1, 2], [1, 5, 3]], dtype)
        fitted = fit_temperature(logits, [0, 0], bounds=(0.01, high))
        assert (fitted.value, fitted.bound) == (high, "upper")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scale", [1e6, 1e-8, 1e-12, 1e-17, 1e-25])
def test_temperature_is_proportional_to_the_logits_however_small_or_large_they_are(dtype, scale):
    logits, labels = np.array([[0.0, 2, -1], [1, 0, 3], [2, 1, 0], [0, 1, 2]]), [1, 2, 1, 2]
    scaled, bounds = (scale * logits).astype(dtype), (1e-28, 1e30)
    fitted, expected = (
        fit_temperature(scaled, labels, bounds=bounds),
        fit_temperature(logits, labels),
    )
    assert fitted.value == pytest.approx(scale * expected.value, rel=1e-4)
    assert (fitted.bound, fitted.nll_after) == (None, pytest.approx(expected.nll_after, rel=1e-7))
    if scale < 1:
        near = fit_temperature(scaled, labels)
        assert (near.value, near.bound) == (0.01, "lower")
    else:
        assert fit_temperature(scaled, labels).bound == "upper"


def test_minimum_below_the_bound_has_the_lower_bound(rng):
    logits, labels = draw(rng, temperature=0.001)
    fitted = fit_temperature(logits, labels)
    assert (fitted.value, fitted.bound) == (0.01, "lower")
    wider = fit_temperature(logits, labels, bounds=(1e-5, 10))
    assert (wider.value, wider.bound) == (pytest.approx(0.001, rel=0.1), None)
    assert wider.nll_after < fitted.nll_after < fitted.nll_before
