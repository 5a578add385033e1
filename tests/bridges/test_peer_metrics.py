"""Agreement of the metrics with scikit-learn, SciPy and, if installed, PyTorch's libraries."""

import inspect

import numpy as np
import pytest

import smoothxent

# A few roundoffs of each side, relative to the larger of 1 and the value; torchmetrics sums in
# float32 whatever it is given.
TOLERANCE = {np.float32: 3e-6, np.float64: 1e-12}
SHAPES = {"few classes": (400, 5), "many classes": (300, 150), "a tile and more": (60, 1300)}


def assert_agrees(actual, expected, allowed):
    np.testing.assert_allclose(actual, np.asarray(expected, float), rtol=allowed, atol=allowed)


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def case(request, rng, dtype):
    """Return logits without ties, labels (a third are the top class), and sample weights."""
    num_rows, num_classes = request.param
    logits = rng.normal(0, 3, request.param).astype(dtype)
    labels = rng.integers(0, num_classes, num_rows)
    labels[::3] = logits[::3].argmax(axis=1)
    return logits, labels, rng.uniform(0, 2, num_rows)


def probabilities(logits):
    special = pytest.importorskip("scipy.special")
    return special.softmax(logits.astype(np.float64), axis=1)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_metrics_agree_with_scikit_learn(case, dtype, weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    logits, labels, weight = case
    weight, classes = weight if weighted else None, np.arange(logits.shape[1])
    p, options = probabilities(logits), {"sample_weight": weight, "labels": classes}
    evaluation = smoothxent.evaluate(logits, labels, sample_weight=weight, top_k=(1, 2, 4))
    allowed = TOLERANCE[dtype]
    assert_agrees(evaluation.nll, metrics.log_loss(labels, p, **options), allowed)
    assert_agrees(evaluation.loss, metrics.log_loss(labels, p, **options), allowed)
    accuracy = metrics.accuracy_score(labels, logits.argmax(axis=1), sample_weight=weight)
    assert_agrees(evaluation.accuracy, accuracy, 1e-12)
    for k, share in evaluation.top_k.items():
        expected = metrics.top_k_accuracy_score(labels, logits, k=k, **options)
        assert_agrees(share, expected, 1e-12)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_brier_score_agrees_with_scikit_learn(case, dtype, weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    if "scale_by_half" not in inspect.signature(metrics.brier_score_loss).parameters:
        pytest.skip("this scikit-learn has the Brier score of two classes alone")
    logits, labels, weight = case
    weight = weight if weighted else None
    expected = metrics.brier_score_loss(
        labels,
        probabilities(logits),
        sample_weight=weight,
        labels=np.arange(logits.shape[1]),
        scale_by_half=False,
    )
    evaluation = smoothxent.evaluate(logits, labels, sample_weight=weight)
    assert_agrees(evaluation.brier, expected, TOLERANCE[dtype])


def test_brier_score_of_two_classes_is_twice_that_of_scikit_learn(dtype, rng):
    metrics = pytest.importorskip("sklearn.metrics")
    logits, labels = rng.normal(0, 2, (300, 2)).astype(dtype), rng.integers(0, 2, 300)
    expected = 2 * metrics.brier_score_loss(labels, probabilities(logits)[:, 1])
    assert_agrees(smoothxent.evaluate(logits, labels).brier, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("num_bins", [1, 7, 15])
def test_bins_agree_with_the_calibration_curve_of_scikit_learn(case, dtype, num_bins):
    calibration = pytest.importorskip("sklearn.calibration")
    logits, labels, _ = case
    hits = logits.argmax(axis=1) == labels
    accuracy, confidence = calibration.calibration_curve(
        hits, probabilities(logits).max(axis=1), n_bins=num_bins
    )
    bins = [b for b in smoothxent.evaluate(logits, labels, num_bins=num_bins).bins if b.count]
    assert_agrees([b.accuracy for b in bins], accuracy, 1e-12)
    assert_agrees([b.confidence for b in bins], confidence, TOLERANCE[dtype])


def test_entropy_and_standard_errors_agree_with_scipy(case, dtype):
    stats = pytest.importorskip("scipy.stats")
    logits, labels, _ = case
    p, evaluation = probabilities(logits), smoothxent.evaluate(logits, labels)
    entropy = stats.entropy(p, axis=1)
    assert_agrees(smoothxent.row_statistics(logits).entropy, entropy, TOLERANCE[dtype])
    assert_agrees(evaluation.entropy, entropy.mean(), TOLERANCE[dtype])
    of_rows = {
        "nll": -np.log(p[np.arange(len(p)), labels]),
        "accuracy": logits.argmax(axis=1) == labels,
        "entropy": entropy,
        "confidence": p.max(axis=1),
        "brier": ((p - np.eye(p.shape[1])[labels]) ** 2).sum(axis=1),
    }
    for name, values in of_rows.items():
        stderr = stats.sem(values.astype(float))
        assert_agrees(getattr(evaluation, f"{name}_stderr"), stderr, TOLERANCE[dtype])


@pytest.mark.parametrize("ignore_index", [None, -100, 2])
@pytest.mark.parametrize("num_bins", [1, 7, 15])
@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_calibration_error_agrees_with_torchmetrics(case, norm, num_bins, ignore_index, torch):
    classification = pytest.importorskip("torchmetrics.classification")
    logits, labels, _ = case
    if ignore_index is not None:
        labels[1::5] = ignore_index
    metric = classification.MulticlassCalibrationError(
        num_classes=logits.shape[1], n_bins=num_bins, norm=norm, ignore_index=ignore_index
    )
    expected = metric(torch.from_numpy(logits), torch.from_numpy(labels)).item()
    evaluation = smoothxent.evaluate(logits, labels, num_bins=num_bins, ignore_index=ignore_index)
    # The roundings of a bin, of at least one row, are those of its gap.
    allowed = TOLERANCE[np.float32] * (1 if norm == "l1" else 10)
    assert_agrees(evaluation.binned_calibration_error(norm), expected, allowed)
