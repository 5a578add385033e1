"""ClassMetrics: each number by a loop over the rows, and against scikit-learn."""

import math
from fractions import Fraction

import numpy as np
import pytest

from metric_checks import draw
from smoothxent import Evaluation, available_isas, cross_entropy, evaluate
from smoothxent._kernel import widening
from ways import instruction_set

ARRAYS = ("count", "support", "predicted", "hits", "nll", "recall", "precision", "f1")
MEANS = ("balanced_accuracy", "macro_recall", "macro_precision", "macro_f1", "macro_nll")


def classes_of(*arguments, **options):
    return evaluate(*arguments, per_class=True, **options).classes


def quotient(numerator, divisor):
    return float(Fraction(numerator) / Fraction(divisor)) if divisor else math.nan


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("num_classes", [1, 2, 5, 40])
def test_each_class_is_a_loop_over_the_rows(rng, any_dtype, num_classes, weighted):
    logits, labels = draw(rng, 60, num_classes, any_dtype)
    s = rng.integers(0, 9, 60) / 4 if weighted else np.ones(60)
    classes = classes_of(logits, labels, sample_weight=s if weighted else None)
    top = logits.astype(float).argmax(axis=1)
    nll = cross_entropy(logits, labels, reduction="none").astype(float)
    assert len(classes) == num_classes
    for k in range(num_classes):
        own, chosen = labels == k, top == k
        expected = {
            "count": own.sum(),
            "support": s[own].sum(),
            "predicted": s[chosen].sum(),
            "hits": s[own & chosen].sum(),
        }
        for name, value in expected.items():
            assert getattr(classes, name)[k] == value, name
        total = sum(Fraction(x) for x in (s * nll)[own].tolist())
        hits, support, predicted = expected["hits"], expected["support"], expected["predicted"]
        for name, value in (
            ("nll", quotient(float(total), support)),
            ("recall", quotient(hits, support)),
            ("precision", quotient(hits, predicted)),
            ("f1", quotient(2 * hits, support + predicted)),
        ):
            assert repr(float(getattr(classes, name)[k])) == repr(value), name
    assert classes.count.dtype == np.int64


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("num_classes", [2, 7, 30])
def test_metrics_are_those_of_scikit_learn(rng, num_classes, weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    logits, labels = draw(rng, 90, num_classes)
    logits[:, 0] -= 20  # never predicted
    labels[labels == 1] = 0  # never a label
    s = rng.uniform(0.1, 2, 90) if weighted else None
    classes = classes_of(logits, labels, sample_weight=s)
    top = logits.argmax(axis=1)
    options = {"sample_weight": s, "zero_division": np.nan, "labels": range(num_classes)}
    for name, expected in zip(
        ("precision", "recall", "f1", "support"),
        metrics.precision_recall_fscore_support(labels, top, **options),
        strict=True,
    ):
        np.testing.assert_allclose(getattr(classes, name), expected, rtol=1e-12)
    options = {"sample_weight": s, "zero_division": 0, "average": "macro"}
    *expected, _ = metrics.precision_recall_fscore_support(labels, top, **options)
    actual = classes.macro_precision, classes.macro_recall, classes.macro_f1
    assert actual == pytest.approx(tuple(expected), rel=1e-12)
    confusion = metrics.confusion_matrix(labels, top, sample_weight=s)
    has_rows = confusion.sum(axis=1) > 0
    recall = confusion.diagonal()[has_rows] / confusion.sum(axis=1)[has_rows]
    assert classes.balanced_accuracy == pytest.approx(recall.mean(), rel=1e-12)
    assert classes.macro_nll == pytest.approx(np.nanmean(classes.nll), rel=1e-12)


def test_balanced_accuracy_is_that_of_scikit_learn(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    logits, labels = draw(rng, 300, 7)
    s = rng.uniform(0, 2, 300)
    expected = metrics.balanced_accuracy_score(labels, logits.argmax(axis=1), sample_weight=s)
    assert classes_of(logits, labels, sample_weight=s).balanced_accuracy == pytest.approx(expected)


# Below, at and above the limits of few classes, short rows, tiles and segments.
CLASS_COUNTS = [1, 2, 3, 16, 100, 127, 128, 129, 1000, 1024, 1025, 2049, 16_384, 16_385, 40_000]
OPTIONS = {
    "plain": {},
    "softcap": {"softcap": 3.0},
    "temperature": {"temperature": 1.3},
    "smoothing": {"label_smoothing": 1.0},
    "class weight": {"class_weight": 0},  # of zeros
    "prior": {"label_smoothing": 1.0, "prior": 0},  # of the uniform distribution
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
def test_top_class_of_each_row_is_the_first_of_the_largest_logits(
    rng, any_dtype, num_classes, options
):
    # The weights of rows are powers of two: the weight of the rows with a top class names them.
    num_rows = 3 if num_classes > 16_384 else 37
    weights = np.exp2(np.arange(num_rows))
    logits = np.round(rng.normal(0, 4, (num_rows, num_classes))).clip(-8, 8)
    logits[::3] = -np.inf
    logits[::3, rng.integers(0, num_classes, 2)] = 0.5  # two equal ones, and nothing else
    logits = logits.astype(any_dtype)
    labels = rng.integers(0, num_classes, num_rows)
    if "class_weight" in options:
        options = {"class_weight": np.zeros(num_classes)}
    elif "prior" in options:
        options = {"label_smoothing": 1.0, "prior": np.full(num_classes, 1 / num_classes)}
    top = logits.astype(float).argmax(axis=1)
    expected = np.bincount(top, weights, minlength=num_classes)
    arguments = {"sample_weight": weights, **options}
    strided = np.repeat(logits, 2, axis=1)[:, ::2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(widening, "_BLOCK", 5 * num_classes)  # of half types with options
        for rows in (logits, strided, np.asfortranarray(logits)):
            for num_threads in (1, 4):
                classes = classes_of(rows, labels, num_threads=num_threads, **arguments)
                assert classes.predicted.tolist() == expected.tolist()
    for isa in available_isas():
        with instruction_set(isa, "evaluate"):
            assert classes_of(logits, labels, **arguments).predicted.tolist() == expected.tolist()


@pytest.mark.parametrize("num_classes", [2, 100, 500, 5000, 40_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_that_a_soft_cap_makes_equal_are_a_tie(dtype, num_classes):
    # 30 tanh(x / 30) rounds to 30 for both.
    logits = np.zeros((3, num_classes), dtype)
    logits[:, -1] = 5000
    logits[1, num_classes // 2] = 4000
    logits[2, -1] = 4000
    logits[2, 0] = 3000
    labels = np.array([0, num_classes - 1, num_classes // 2])
    expected = [num_classes - 1, num_classes // 2, 0]
    for label in (0, num_classes // 2, num_classes - 1):
        for row in range(3):
            classes = classes_of(logits[row], label, softcap=30)
            assert np.flatnonzero(classes.predicted).tolist() == [expected[row]]
    classes = classes_of(logits, labels, softcap=30)
    assert np.flatnonzero(classes.predicted).tolist() == sorted(set(expected))


@pytest.mark.parametrize("num_classes", [3, 200, 2000, 40_000])
def test_row_without_a_softmax_is_predicted_as_no_class(any_dtype, num_classes):
    logits = np.zeros((4, num_classes), any_dtype)
    logits[0, 1], logits[1, 1], logits[2] = np.nan, np.inf, -np.inf
    classes = classes_of(logits, [1, 1, 1, 1])
    assert classes.predicted.sum() == classes.predicted[0] == 1
    assert (classes.count[1], classes.hits[1]) == (4, 0)
    assert math.isnan(classes.nll[1])
    assert classes.recall[1] == 0


def test_ignored_rows_and_rows_of_weight_0_count_in_no_mean(rng):
    logits, labels = draw(rng, 80, 6)
    s = rng.integers(0, 3, 80).astype(float)
    labels[labels == 5] = -100
    evaluation = evaluate(logits, labels, sample_weight=s, ignore_index=-100, per_class=True)
    kept = (labels != -100) & (s > 0)
    expected = classes_of(logits[kept], labels[kept], sample_weight=s[kept])
    for name in set(ARRAYS) - {"count"}:
        np.testing.assert_array_equal(getattr(evaluation.classes, name), getattr(expected, name))
    assert evaluation.classes.count.sum() == (labels != -100).sum()
    for name in MEANS:
        assert getattr(evaluation.classes, name) == getattr(expected, name)
    nothing = classes_of(logits, labels, sample_weight=np.zeros(80), ignore_index=-100)
    assert np.isnan([getattr(nothing, name) for name in MEANS]).all()
    assert nothing.worst().tolist() == []


def test_prediction_of_weight_0_leaves_no_class():
    # Class 1 is predicted, but only for a row of weight 0, and is no label.
    logits, labels = np.array([[0.0, 3, 0], [3, 0, 0]]), np.array([0, 2])
    evaluation = evaluate(logits, labels, sample_weight=[0, 2], per_class=True)
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation
    assert evaluation.classes.predicted.tolist() == [2, 0, 0]


def test_classes_with_other_rows_are_not_equal(rng):
    logits = np.array([[0.0, 1, 2]] * 2)
    plain, whole = (evaluate(logits, [0, 1], per_class=each) for each in (False, True))
    assert plain.classes is None
    assert plain != whole
    one = classes_of(logits, [0, 1])
    assert one == classes_of(logits[::-1], [1, 0])
    assert one != classes_of(np.array([[0.0, 2, 1]] * 2), [0, 1])
    assert one != classes_of(np.array([[0.0, 1, 2, -np.inf]] * 2), [0, 1])


def test_worst_classes_have_the_lowest_recall_then_the_highest_nll():
    #              recall 1     recall 0, nll 2.x       recall 0, nll 3.x    recall 1/2
    labels = np.array([0, 0, 1, 2, 2, 3, 3])
    logits = np.full((7, 5), -2.0)
    logits[[0, 1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 3, 0]] = 1.0
    logits[2, 1] = 0.5
    classes = classes_of(logits, labels)
    assert classes.worst().tolist() == [2, 1, 3, 0]
    assert classes.worst(2).tolist() == [2, 1]
    assert classes.worst(number=10, least_rows=2).tolist() == [2, 3, 0]
    assert classes.worst(least_rows=3).tolist() == []
    even = classes_of(np.zeros((3, 3)), [0, 1, 2])
    assert even.worst().tolist() == [1, 2, 0]


def test_weights_near_the_largest_number_do_not_overflow():
    logits = np.array([[3.0, 0], [3, 0], [0, 3]])
    classes = classes_of(logits, [0, 1, 1], sample_weight=np.full(3, 8e307))
    assert classes.f1.tolist() == pytest.approx([2 / 3, 2 / 3], rel=1e-15)
    assert classes.macro_f1 == pytest.approx(2 / 3, rel=1e-15)


@pytest.mark.parametrize(
    "num_classes, text", [(1, "1 class"), (2, "2 classes"), (1500, "1,500 classes")]
)
def test_repr_is_the_number_of_classes(num_classes, text):
    assert repr(classes_of(np.zeros((1, num_classes)), [0])) == f"ClassMetrics({text})"


@pytest.mark.parametrize("weighted", [False, True])
def test_coefficients_of_agreement_are_those_of_the_table_of_labels_and_predictions(rng, weighted):
    logits, labels = rng.normal(0, 1, (200, 6)), rng.integers(0, 5, 200)
    logits[np.arange(200), labels] += 1
    s = rng.uniform(0, 2, 200) if weighted else np.ones(200)
    classes = evaluate(
        logits, labels, per_class=True, sample_weight=s if weighted else None
    ).classes
    table = np.zeros((6, 6))
    np.add.at(table, (labels, logits.argmax(1)), s / s.sum())
    support, predicted, hits = table.sum(1), table.sum(0), np.diag(table)
    iou = hits / (support + predicted - hits)
    assert classes.iou == pytest.approx(iou, rel=1e-12)
    assert classes.mean_iou == pytest.approx(iou.mean(), rel=1e-12)
    chance = support @ predicted
    assert classes.kappa == pytest.approx((hits.sum() - chance) / (1 - chance), rel=1e-12)
    indicators = np.eye(6)[labels] - support, np.eye(6)[logits.argmax(1)] - predicted
    covariance = [[(s[:, None] * a * b).sum() for b in indicators] for a in indicators]
    mcc = covariance[0][1] / np.sqrt(covariance[0][0] * covariance[1][1])
    assert classes.mcc == pytest.approx(mcc, rel=1e-12)
    nll = (s * cross_entropy(logits, labels, reduction="none")).sum() / s.sum()
    known = support[support > 0]
    assert classes.d2 == pytest.approx(1 + nll / (known @ np.log(known)), rel=1e-12)


def test_coefficients_of_agreement_of_one_class_and_of_no_rows():
    one = evaluate(np.zeros((3, 2)), [0, 0, 0], per_class=True).classes
    assert (one.mcc, one.mean_iou) == (0.0, 1.0)
    assert np.isnan([one.kappa, one.d2]).all()
    none = evaluate(np.zeros((0, 2)), [], per_class=True).classes
    assert np.isnan([none.mcc, none.kappa, none.d2, none.mean_iou]).all()
