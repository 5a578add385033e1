"""smooth_labels: the table q' = (1 - eps) q + eps u, and its loss."""

import math

import numpy as np
import pytest

import oracle
import smoothxent
from assertions import error_text


@pytest.mark.parametrize("kind", ["indices", "probabilities"])
@pytest.mark.parametrize("label_smoothing", [0, 0.001, 0.1, 0.5, 1])
def test_table_is_the_formula(rng, label_smoothing, kind):
    labels = rng.integers(0, 7, 20) if kind == "indices" else rng.dirichlet(np.ones(7), 20)
    num_classes = 7 if kind == "indices" else None
    table = smoothxent.smooth_labels(labels, label_smoothing, num_classes=num_classes)
    expected = oracle.coefficients(labels, 7, label_smoothing=label_smoothing)
    # (1 - eps) q, eps u and their sum round once each, in values up to 1.
    assert table.shape == (20, 7)
    assert np.max(np.abs(table - expected)) <= 3 * 2.0**-54


def test_no_smoothing_leaves_the_labels_as_they_are(rng):
    q = np.eye(5)[rng.integers(0, 5, 20)]
    assert np.array_equal(smoothxent.smooth_labels(q, 0), q)


@pytest.mark.parametrize("prior", [None, []])
def test_table_of_no_rows_without_classes_is_empty(prior):
    table = smoothxent.smooth_labels(np.zeros((0, 0)), 0.1, prior=prior)
    assert table.shape == (0, 0)
    assert smoothxent.cross_entropy(table, table, prior=prior, reduction="sum") == 0


def test_full_smoothing_leaves_the_prior_alone():
    prior = [0.5, 0.25, 0.25]
    table = smoothxent.smooth_labels([0, 2], 1, prior=prior, num_classes=3)
    assert np.array_equal(table, [prior, prior])


@pytest.mark.fault("smooth-labels-size")
@pytest.mark.parametrize("labels", [[2, 1, 1], np.array([0, 1], np.uint8), np.zeros(0, np.int64)])
def test_indices_without_the_number_of_classes_are_errors(labels):
    assert error_text(ValueError, smoothxent.smooth_labels, labels, 0.1) == (
        "num_classes must be given if labels are integers on one axis, got None; "
        "one row of probabilities is labels.astype(np.float64)"
    )


def test_one_row_of_probabilities_needs_no_number_of_classes():
    table = smoothxent.smooth_labels([0.0, 0.0, 1.0], 0.3)
    assert np.array_equal(table, smoothxent.smooth_labels([[0, 0, 1]], 0.3)[0])


def test_table_of_float32_probabilities_is_the_rounded_formula(rng):
    q = rng.dirichlet(np.ones(7), 20).astype(np.float32)
    table = smoothxent.smooth_labels(q, 0.1)
    expected = oracle.coefficients(q, 7, label_smoothing=0.1).astype(np.float32)
    assert table.dtype == np.float32
    assert np.array_equal(table, expected)


@pytest.mark.parametrize("labels", [[0, 3, 7], [[0, -1], [7, 0]]])
def test_smooth_labels_names_a_label_out_of_range(labels):
    text = error_text(IndexError, smoothxent.smooth_labels, labels, 0.1, num_classes=7)
    place, value = ("[2]", 7) if np.ndim(labels) == 1 else ("[0, 1]", -1)
    assert text == f"labels must lie in [0, 7), got labels{place} = {value}"


@pytest.mark.parametrize(("value", "found"), [(-1, "-1.0"), (math.inf, "inf"), (math.nan, "nan")])
@pytest.mark.parametrize("axis", [0, 1])
def test_smooth_labels_names_an_improper_probability(value, found, axis):
    labels = np.ones((3, 4))
    labels[2, 0] = value
    labels[2, 3] = -2  # a later row along either axis, or a later class
    text = error_text(ValueError, smoothxent.smooth_labels, labels, 0.1, axis=axis)
    assert text == f"labels must be finite and not negative, got labels[2, 0] = {found}"


def test_smooth_labels_names_an_improper_integer_probability():
    text = error_text(ValueError, smoothxent.smooth_labels, [[1, 0], [-1, 2]], 0.1)
    assert text == "labels must be finite and not negative, got labels[1, 0] = -1"
