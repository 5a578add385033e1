"""Data without a temperature of least nll, and arguments out of range: one error for each."""

import re

import numpy as np
import pytest

from assertions import error_text
from smoothxent import evaluate, fit_temperature

NO_MINIMUM = (
    "labels must not have the largest logit in every row, got an nll that falls for ever as the "
    "temperature goes to 0; fit on more rows, which the classifier was not trained on"
)
NO_EFFECT = "logits must differ within some row, got an nll that is the same at all temperatures"
IGNORE = "give such rows a label that is ignore_index"
BOUNDS = "bounds must be two temperatures low < 1 < high in [1e-30, 1e+30]"

pytestmark = pytest.mark.fault("temperature-data")


@pytest.fixture
def rows(rng):
    logits = rng.normal(size=(60, 5))
    return logits, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_labels_that_are_always_right(rows, any_dtype, scale):
    logits = (scale * rows[0]).astype(any_dtype)
    assert error_text(ValueError, fit_temperature, logits, logits.argmax(axis=1)) == NO_MINIMUM


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3, 1e4])
def test_labels_that_are_always_right_or_tied(rows, any_dtype, scale):
    logits = (scale * rows[0]).astype(any_dtype)
    labels = logits.argmax(axis=1)
    logits[:7, :] = 0
    logits[:7, [1, 3]] = scale
    labels[:7] = 3  # which ranks below class 1
    assert error_text(ValueError, fit_temperature, logits, labels) == NO_MINIMUM


def test_wrong_row_of_weight_0_or_ignored_does_not_count(rows):
    logits, labels = rows
    is_wrong = labels != logits.argmax(axis=1)
    assert is_wrong.any()
    weights = np.where(is_wrong, 0.0, 1.0)
    assert error_text(ValueError, fit_temperature, *rows, sample_weight=weights) == NO_MINIMUM
    labels = np.where(is_wrong, -1, labels)
    assert error_text(ValueError, fit_temperature, logits, labels, ignore_index=-1) == NO_MINIMUM


def test_a_single_wrong_row_of_little_weight_is_enough(rows):
    logits = rows[0]
    labels, weights = logits.argmax(axis=1), np.ones(60)
    labels[8] = logits[8].argmin()
    weights[8] = 1e-20  # the accuracy is 1 in float64
    fitted = fit_temperature(logits, labels, sample_weight=weights, bounds=(1e-6, 2))
    assert fitted.evaluation.accuracy == 1
    assert fitted.bound is None


@pytest.mark.parametrize("value", [0.0, 3.3, -1e3])
@pytest.mark.parametrize("num_classes", [2, 7])
def test_equal_logits(rng, any_dtype, value, num_classes):
    logits = np.full((50, num_classes), value, any_dtype)
    labels = rng.integers(0, num_classes, 50)
    assert error_text(ValueError, fit_temperature, logits, labels) == NO_EFFECT


def test_equal_logits_with_absent_classes(rng, any_dtype):
    logits = np.full((50, 9), -np.inf, any_dtype)
    logits[:, 3:6] = rng.normal(size=(50, 1))
    labels = rng.integers(3, 6, 50)
    assert error_text(ValueError, fit_temperature, logits, labels) == NO_EFFECT


def test_one_class():
    assert error_text(ValueError, fit_temperature, np.ones((5, 1)), [0] * 5) == NO_MINIMUM


def test_no_rows(rows):
    logits, labels = rows
    expected = "labels must have at least one row, got 0 rows"
    assert error_text(ValueError, fit_temperature, logits[:0], labels[:0]) == expected
    found = error_text(ValueError, fit_temperature, logits, 0 * labels, ignore_index=0)
    assert found == f"{expected}, 60 more ignored"
    found = error_text(ValueError, fit_temperature, *rows, sample_weight=np.zeros(60))
    assert found == "sample_weight must be positive for at least one row, got a sum of 0"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_no_distribution(rows, any_dtype, bad):
    logits, labels = rows[0].astype(any_dtype), rows[1].copy()
    logits[3, 2] = bad
    expected = f"logits must be finite, got 1 row with nan or +inf, or only -inf; {IGNORE}"
    assert error_text(ValueError, fit_temperature, logits, labels) == expected
    logits[5] = -np.inf
    found = error_text(ValueError, fit_temperature, logits, labels)
    assert found == expected.replace("1 row ", "2 rows ")
    labels[[3, 5]] = -1
    fit_temperature(logits, labels, ignore_index=-1)


def test_label_without_probability(rows):
    logits, labels = rows
    logits[3, labels[3]] = -np.inf
    expected = f"labels must have logits above -inf, got an infinite nll; {IGNORE}"
    assert error_text(ValueError, fit_temperature, logits, labels) == expected


def test_logits_that_overflow_at_the_temperature(rng):
    logits = (1e-3 * rng.normal(size=(60, 5))).astype(np.float32)
    labels = logits.argmax(axis=1)
    labels[0] = logits[0].argmin()
    logits[1, labels[1]] = 1e38  # finite, but not after division by 1/8
    found = error_text(ValueError, fit_temperature, logits, labels)
    rule = r"logits must be finite after division by 0\.1\d*, "
    assert re.fullmatch(f"{rule}got 1 row with nan or \\+inf, or only -inf; {IGNORE}", found)


@pytest.mark.parametrize(
    "error, bounds",
    [
        (ValueError, (1.0, 2.0)),
        (ValueError, (0.5, 1.0)),
        (ValueError, (2.0, 0.5)),
        (ValueError, (0.0, 2.0)),
        (ValueError, (-1.0, 2.0)),
        (ValueError, (1e-31, 2.0)),
        (ValueError, (0.5, 1e31)),
        (ValueError, (float("nan"), 2.0)),
        (ValueError, (0.5, float("inf"))),
        (TypeError, 2.0),
        (TypeError, (0.1, 1.0, 2.0)),
        (TypeError, None),
    ],
)
def test_bounds_out_of_range(rows, error, bounds):
    expected = f"{BOUNDS}, got {bounds!r}"
    assert error_text(error, fit_temperature, *rows, bounds=bounds) == expected


def test_bounds_that_are_no_numbers(rows):
    found = error_text(TypeError, fit_temperature, *rows, bounds=("a", 2))
    assert found == "bounds must be a real number, got 'a'"


def test_other_arguments_have_the_errors_of_evaluate(rows):
    logits, labels = rows
    found = error_text(IndexError, fit_temperature, logits, labels + 1)
    assert found.startswith("labels must lie in [0, 5), got labels[")
    found = error_text(ValueError, fit_temperature, logits, labels, top_k=(0,))
    assert found == "top_k must be at least 1, got 0"
    found = error_text(ValueError, fit_temperature, logits, labels, sample_weight=np.ones(59))
    assert found == "sample_weight must have shape (60,), got (59,)"


def test_wrong_row_whose_weight_vanishes_does_not_count(rows):
    logits = 1e5 * rows[0]
    labels, weights = logits.argmax(axis=1), np.full(60, 1e300)
    labels[8] = logits[8].argmin()
    weights[8] = 5e-324
    assert evaluate(logits, labels, sample_weight=weights).nll == 0
    found = error_text(ValueError, fit_temperature, logits, labels, sample_weight=weights)
    assert found == NO_MINIMUM
