"""The scorer for scikit-learn: real estimators, and all functions that take a scorer."""

import pickle
import re

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_score, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

import oracle
from assertions import error_text
from smoothxent import evaluate
from smoothxent.sklearn import SmoothedLogLossScorer, neg_smoothed_log_loss

# Of two mean losses of about 1 in float64, each by sums of a few hundred rounded terms.
TOLERANCE = 1e-12


def data(num_classes, rows=300):
    features = {"n_features": 8, "n_informative": 6, "class_sep": 0.5}
    return make_classification(rows, n_classes=num_classes, random_state=0, **features)


def logistic_regression():
    return make_pipeline(StandardScaler(), LogisticRegression())


WITH_PROBABILITIES = {
    "LogisticRegression": logistic_regression(),
    "AdaBoost": AdaBoostClassifier(n_estimators=5, random_state=0),  # its decisions are no logits
    "RandomForest": RandomForestClassifier(10, random_state=0),  # some probabilities are 0 or 1
}


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [2, 4])
@pytest.mark.parametrize("name", WITH_PROBABILITIES)
def test_score_is_by_default_neg_log_loss(name, num_classes, rng):
    X, y = data(num_classes)
    weight = rng.uniform(0, 2, len(y))
    model = clone(WITH_PROBABILITIES[name]).fit(X[::2], y[::2])
    ours, theirs = neg_smoothed_log_loss(), get_scorer("neg_log_loss")
    for options in ({}, {"sample_weight": weight}):
        expected = theirs(model, X, y, **options)
        assert ours(model, X, y, **options) == pytest.approx(expected, rel=TOLERANCE)


class Says:
    """A classifier that returns these probabilities for all inputs."""

    def __init__(self, probabilities):
        self.probabilities = probabilities
        self.classes_ = np.arange(len(probabilities[0]))

    def predict_proba(self, X):
        return self.probabilities


# The digits of log_loss, whose logarithms are of the dtype.
@pytest.mark.parametrize(
    "kind, digits",
    [(np.float16, 1e-3), (np.float32, 1e-6), (np.float64, TOLERANCE), (np.int64, TOLERANCE)],
)
@pytest.mark.parametrize("num_classes", [2, 1000])
def test_probabilities_of_0_and_1_are_clipped_as_log_loss_clips_them(kind, digits, num_classes):
    probabilities = np.eye(num_classes, dtype=kind)[[0, 1, 1]]
    score = neg_smoothed_log_loss(label_smoothing=0)
    for y in ([0, 1, 0], [0, 1, 1]):
        expected = -log_loss(y, probabilities, labels=range(num_classes))
        assert score(Says(probabilities), y, y) == pytest.approx(expected, rel=digits)


def test_smoothed_score_is_the_textbook_formula_of_probabilities_also_without_sum_1(rng):
    probabilities = rng.uniform(0.1, 0.9, (300, 4))
    probabilities[:3] = np.eye(4)[1:]
    y, weight = rng.integers(0, 4, 300), rng.uniform(0, 2, 300)
    eps = np.finfo(float).eps
    minus_logs = -np.log(np.clip(probabilities, eps, 1 - eps))
    losses = 0.9 * minus_logs[np.arange(300), y] + 0.1 * minus_logs.mean(axis=1)
    score = neg_smoothed_log_loss(label_smoothing=0.1)
    model = Says(probabilities)
    assert score(model, y, y) == pytest.approx(-losses.mean(), rel=TOLERANCE)
    expected = -np.average(losses, weights=weight)
    assert score(model, y, y, sample_weight=weight) == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("model", [SVC(), LinearSVC(), SGDClassifier(random_state=0)], ids=repr)
@pytest.mark.parametrize("num_classes", [2, 4])
@pytest.mark.parametrize("label_smoothing", [0.1, 1.0])
def test_decisions_without_probabilities_are_scored_as_logits(model, num_classes, label_smoothing):
    X, y = data(num_classes)
    model = clone(model).fit(X, y)
    logits = model.decision_function(X)
    if num_classes == 2:
        logits = np.stack([0 * logits, logits], axis=1)
    expected = -oracle.reduced_loss(logits, y, "mean", label_smoothing=label_smoothing)
    score = neg_smoothed_log_loss(label_smoothing=label_smoothing)(model, X, y)
    assert score == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize(
    "names", [["b", "a", "c"], [30, 10, 20], [True, False]], ids=["text", "numbers", "booleans"]
)
def test_labels_are_found_by_their_class_whatever_they_are(names):
    X, y = data(len(names))
    numbers = np.unique(names, return_inverse=True)[1][y]
    named = np.array(names)[y]
    model = logistic_regression().fit(X, named)
    score = neg_smoothed_log_loss()
    expected = -oracle.reduced_loss(model.predict_log_proba(X), numbers, "mean")
    assert score(model, X, named) == pytest.approx(expected, rel=TOLERANCE)
    assert score(model, X, named.astype(object)) == score(model, X, named)
    assert score(model, X, named.tolist()) == score(model, X, named)


@pytest.mark.parametrize("kind", [str, object, np.bytes_])
def test_remedy_for_names_of_classes_gives_their_indices(kind):
    X, y = data(3)
    names = np.array(["cat", "ant", "bee"])[y].astype(kind)
    classifier = LogisticRegression().fit(X, names.astype(str))
    classes = classifier.classes_.astype(kind)
    logits = classifier.decision_function(X)
    text = error_text(TypeError, evaluate, logits, names)
    (remedy,) = re.findall(r"np\.searchsorted\(classes, labels\)", text)
    labels = eval(remedy, {"np": np, "classes": classes, "labels": names})
    assert (classes[labels] == names).all()
    assert evaluate(logits, labels).nll == pytest.approx(
        -neg_smoothed_log_loss(label_smoothing=0)(classifier, X, names.astype(str)), rel=TOLERANCE
    )


def test_rows_that_lack_a_class_are_scored_in_the_columns_of_the_estimator():
    X, y = data(4)
    model, lacks = logistic_regression().fit(X, y), y != 1
    expected = -log_loss(y[lacks], model.predict_proba(X[lacks]), labels=range(4))
    score = neg_smoothed_log_loss(label_smoothing=0)(model, X[lacks], y[lacks])
    assert score == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.slow
def test_scorer_serves_cross_validation_alone_and_beside_others():
    X, y = data(3)
    folds = StratifiedKFold(3)
    scorer = neg_smoothed_log_loss(label_smoothing=0)
    alone = cross_val_score(logistic_regression(), X, y, cv=folds, scoring=scorer)
    scoring = {"ours": scorer, "theirs": "neg_log_loss", "accuracy": "accuracy"}
    beside = cross_validate(logistic_regression(), X, y, cv=folds, scoring=scoring)
    np.testing.assert_array_equal(beside["test_ours"], alone)
    np.testing.assert_allclose(alone, beside["test_theirs"], rtol=TOLERANCE)


def test_scorer_can_be_pickled_compared_and_read():
    scorer = neg_smoothed_log_loss(label_smoothing=0.3)
    assert pickle.loads(pickle.dumps(scorer)) == scorer
    assert scorer != neg_smoothed_log_loss()
    assert repr(scorer) == "SmoothedLogLossScorer(label_smoothing=0.3)"


@pytest.mark.slow
def test_routing_brings_weights_to_the_scorer_that_asks_for_them(rng):
    X, y = data(3)
    weight = rng.uniform(0, 2, len(y))
    folds = StratifiedKFold(3)
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=False)
        scoring = {
            "weighted": neg_smoothed_log_loss().set_score_request(sample_weight=True),
            "plain": neg_smoothed_log_loss().set_score_request(sample_weight=False),
        }
        scores = cross_validate(
            model, X, y, cv=folds, scoring=scoring, params={"sample_weight": weight}
        )
        alone = cross_val_score(
            model, X, y, cv=folds, scoring=scoring["weighted"], params={"sample_weight": weight}
        )
    for fold, (train, test) in enumerate(folds.split(X, y)):
        fitted, score = clone(model).fit(X[train], y[train]), neg_smoothed_log_loss()
        assert scores["test_plain"][fold] == score(fitted, X[test], y[test])
        expected = score(fitted, X[test], y[test], sample_weight=weight[test])
        assert scores["test_weighted"][fold] == alone[fold] == expected


def test_routing_rejects_weights_that_the_scorer_was_not_asked_about(rng):
    X, y = data(3)
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=False)
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
            cross_val_score(
                model, X, y, scoring=neg_smoothed_log_loss(), params={"sample_weight": np.ones(300)}
            )


# Errors.


def error_of(model, X, y, error=ValueError, **options):
    return error_text(error, neg_smoothed_log_loss(), model, X, y, **options)


@pytest.mark.fault("scorer")
def test_labels_that_the_estimator_does_not_know_or_of_another_shape_are_errors():
    X, y = data(3)
    model = logistic_regression().fit(X, y)
    strange = y.copy()
    strange[[7, 9]] = 5
    rule = "y must hold classes that the estimator was fitted on, got"
    assert error_of(model, X, strange) == f"{rule} y[7] = 5"
    assert error_of(model, X, y.astype(str)) == f"{rule} y[0] = '{y[0]}'"
    assert error_of(model, X, y[:, None]) == "y must have shape (300,), got (300, 1)"
    assert error_of(model, X, y[:-1]) == "y must have shape (300,), got (299,)"


@pytest.mark.slow
def test_estimator_that_hashes_its_scorer_takes_it():
    X, y = data(3)
    model = HistGradientBoostingClassifier(
        max_iter=3, early_stopping=True, scoring=neg_smoothed_log_loss(label_smoothing=0.2)
    )
    assert len(model.fit(X, y).validation_score_) == model.n_iter_ + 1


@pytest.mark.fault("scorer")
def test_estimator_that_is_no_fitted_classifier_is_an_error():
    X, y = data(3)
    assert error_of(IsolationForest(n_estimators=5).fit(X), X, y, TypeError) == (
        "estimator must be a fitted classifier, got IsolationForest without classes_"
    )
    votes = VotingClassifier([("one", GaussianNB())]).fit(X, y)
    assert error_of(votes, X, y, TypeError) == (
        "estimator must have predict_proba or decision_function, got VotingClassifier"
    )


@pytest.mark.fault("scorer")
def test_decisions_between_pairs_of_classes_are_errors():
    X, y = data(4)
    assert error_of(SVC(decision_function_shape="ovo").fit(X, y), X, y) == (
        "decision_function must give one number for each of 4 classes, got shape (300, 6) from SVC"
    )


@pytest.mark.fault("scorer")
def test_probabilities_of_another_shape_are_errors():
    y = np.array([0, 1])
    model = Says(np.full((2, 3), 1 / 3))
    model.classes_ = y
    assert error_of(model, y, y) == (
        "predict_proba must give one number for each of 2 classes, got shape (2, 3) from Says"
    )


@pytest.mark.fault("scorer")
def test_smoothing_out_of_range_is_an_error_where_the_scorer_is_made():
    for make in (neg_smoothed_log_loss, SmoothedLogLossScorer):
        text = error_text(ValueError, make, label_smoothing=2)
        assert text == "label_smoothing must lie in [0, 1], got 2"
        text = error_text(TypeError, make, label_smoothing="0.1")
        assert text == "label_smoothing must be a real number, got '0.1'"
