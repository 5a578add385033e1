"""evaluate with extreme inputs: nan, infinities, ties, certain rows, many rows, large logits."""

import json
import math
import sys

import numpy as np
import pytest

import oracle
import smoothxent
from evaluations import MEANS
from smoothxent import Evaluation, evaluate

MORE = ("loss", "perplexity", "bits_per_token", "calibration_error")


@pytest.mark.fault("special-values")
def test_rows_without_a_softmax_make_the_means_nan_and_are_misses(dtype):
    for num_classes in (3, 200, 2000):
        good = np.zeros((4, num_classes), dtype)
        good[:, 1] = 3
        for value, where in [(np.nan, 1), (np.inf, 1), (np.inf, 2), (-np.inf, slice(None))]:
            logits = good.copy()
            logits[2, where] = value
            evaluation = evaluate(logits, [1] * 4, top_k=(1, num_classes, 2**63 - 1))
            for name in [*MEANS, *(f"{name}_stderr" for name in MEANS), *MORE]:
                assert math.isnan(getattr(evaluation, name)), name
            assert evaluation.accuracy == 0.75
            assert evaluation.accuracy_stderr == pytest.approx(0.25)
            assert set(evaluation.top_k.values()) == {0.75}
            assert sum(b.count for b in evaluation.bins) == sum(evaluation.histogram) == 3
            assert Evaluation.from_dict(evaluation.to_dict()) == evaluation


def test_a_row_of_no_weight_changes_no_metric_of_the_others(rng):
    logits, labels = rng.normal(0, 4, (20, 30)), rng.integers(0, 30, 20)
    weight = np.ones(20)
    weight[5] = 0
    kept = np.delete(np.arange(20), 5)
    evaluation = evaluate(logits, labels, sample_weight=weight)
    expected = evaluate(logits[kept], labels[kept])
    for name in ("loss", "nll", "nll_stderr", "accuracy", "top_k", "entropy", "brier"):
        assert getattr(evaluation, name) == getattr(expected, name), name
    assert evaluation.count == 20


def test_an_infinite_loss_of_no_weight_is_left_out(dtype):
    logits = np.array([[0.0, -np.inf], [0.0, 0.0]], dtype)
    evaluation = evaluate(logits, [1, 1], sample_weight=[0, 3])
    assert evaluation.nll == evaluation.loss == pytest.approx(math.log(2), rel=2e-7)


@pytest.mark.parametrize("num_classes", [3, 300, 3000])
def test_an_impossible_label_without_a_share_has_its_brier_score(dtype, num_classes):
    row, weight = np.full(num_classes, -np.inf, dtype), np.ones(num_classes)
    row[0], weight[1] = 0, 0
    evaluation = evaluate(row, 1, label_smoothing=0.5, class_weight=weight)
    assert (evaluation.nll, evaluation.brier) == (math.inf, 2.0)


@pytest.mark.parametrize("num_classes", [20, 300, 1000, 5000, 40_000])
def test_labels_on_either_side_of_rank_k_are_told_apart(dtype, rng, num_classes):
    logits = rng.permuted(np.tile(np.arange(num_classes, dtype=dtype), (13, 1)), axis=1)
    labels = np.argsort(-logits, axis=1)[np.arange(13), np.arange(13)]
    assert evaluate(logits, labels, top_k=(1, 5, 10)).top_k == {1: 1 / 13, 5: 5 / 13, 10: 10 / 13}
    assert smoothxent.row_statistics(logits, labels).rank.tolist() == [*range(13)]


@pytest.mark.parametrize("num_classes", [2, 20, 300, 3000])
@pytest.mark.parametrize("gap", [1e-3, 20, 300])
def test_no_entropy_is_below_0_and_no_confidence_above_1(dtype, rng, num_classes, gap):
    for row in rng.normal(0, 1, (60, num_classes)).astype(dtype):
        row[1] = row.max() + dtype(gap)
        for label in (0, 1):
            evaluation = evaluate(row, label)
            assert 0 <= evaluation.entropy <= math.log(num_classes) * (1 + 1e-8)
            assert 0 < evaluation.confidence <= 1


@pytest.mark.parametrize("num_classes", [2, 20, 300])
def test_the_rounded_exp_of_a_sure_class_is_no_more_than_the_sum(dtype, rng, num_classes):
    # Without a bound, 4 in 1,000 rows of float32 and 35 of float64 get a confidence above 1.
    row = np.zeros(num_classes, dtype)
    for logit in rng.uniform(300, 302, 3000):
        row[1] = logit
        assert evaluate(row, 0).confidence <= 1


@pytest.mark.parametrize("num_classes", [3, 300])
def test_a_row_of_nan_counts_in_whichever_thread_it_is(dtype, num_classes):
    num_rows = 120_000 // num_classes
    for n in (0, num_rows // 2, num_rows - 1):
        logits = np.zeros((num_rows, num_classes), dtype)
        logits[n, 1] = np.nan
        labels = np.zeros(num_rows, int)
        whole = evaluate(logits, labels, num_threads=1)
        assert math.isnan(whole.confidence)
        for num_threads in (2, 5):
            assert evaluate(logits, labels, num_threads=num_threads) == whole


@pytest.mark.parametrize("num_classes", [4, 300, 3000])
@pytest.mark.parametrize("offset", [0, 2e5])
def test_an_impossible_label_leaves_the_other_classes_their_measures(
    dtype, rng, num_classes, offset
):
    row = rng.normal(offset, 2, num_classes).astype(dtype)
    row[1] = row[-1] = -np.inf
    expected = oracle.measures(row[None], [1])
    evaluation = evaluate(row, 1)
    assert evaluation.nll == math.inf
    for name in ("entropy", "confidence", "brier"):
        assert getattr(evaluation, name) == pytest.approx(expected[name][0], rel=2e-6), name


@pytest.mark.parametrize("num_classes", [3, 20, 300, 1000, 3000])
def test_of_equal_logits_the_lower_class_is_the_larger(dtype, rng, num_classes):
    logits = rng.integers(-2, 3, (40, num_classes)).astype(dtype)
    labels = rng.integers(0, num_classes, 40)
    labels[::2] = num_classes - 1 - logits[::2, ::-1].argmax(axis=1)  # the last of the top ones
    ranks = oracle.measures(logits, labels)["rank"]
    ks = (1, 2, 5, num_classes // 3 + 1, num_classes)
    expected = {k: (ranks < k).sum() / 40 for k in ks}
    assert evaluate(logits, labels, top_k=ks).top_k == expected


@pytest.mark.parametrize("num_classes", [2, 20, 300, 3000])
@pytest.mark.parametrize("offset", [1e5, -1e5, 1.4e5, -1e6])
def test_measures_far_from_zero_keep_their_digits(rng, num_classes, offset):
    for row in rng.normal(offset, 2, (10, num_classes)):
        for label in (row.argmin(), row.argmax()):
            expected = oracle.measures(row[None], [label])
            evaluation = evaluate(row, label)
            for name in ("nll", "entropy", "confidence", "brier"):
                assert getattr(evaluation, name) == pytest.approx(
                    expected[name][0], rel=1e-12, abs=1e-12
                ), name


def test_an_impossible_label_has_an_infinite_perplexity():
    logits = np.array([[0.0, -np.inf], [0.0, 0.0]])
    evaluation = evaluate(logits, [1, 1])
    assert (evaluation.nll, evaluation.perplexity) == (math.inf, math.inf)
    assert evaluation.brier == pytest.approx((2 + 0.5) / 2)
    assert evaluation.histogram[-1] == 1
    assert evaluate(np.array([800.0, 0.0]), 1).perplexity == math.inf
    assert '"perplexity": null' in json.dumps(evaluation.to_dict(), allow_nan=False)


@pytest.mark.parametrize("num_classes", [3, 120, 200, 2000])
def test_a_label_of_the_lowest_number_adds_nothing_to_the_entropy(dtype, num_classes):
    logits = np.full((1, num_classes), np.finfo(dtype).min, dtype)
    logits[0, 1] = 0
    evaluation = evaluate(logits, [0])
    assert 0 <= evaluation.entropy < 1e-30
    assert evaluation.brier == 2


@pytest.mark.fault("extreme-logits")
@pytest.mark.parametrize("num_classes", [2, 129, 1025, 40_000])
@pytest.mark.parametrize("top", ["first", "last"])
def test_certain_rows_have_no_entropy_however_far_apart_their_logits_lie(num_classes, top):
    # Differences of these overflow, as their sums over classes do of the nearer ones.
    for highest in (1.7e308, 8e307):
        row = np.full(num_classes, -highest)
        row[-1 if top == "last" else 0] = highest
        for label in (0, num_classes - 1):
            evaluation = evaluate(row, label)
            assert (evaluation.entropy, evaluation.confidence) == (0.0, 1.0)
            assert evaluation.brier == 2.0 * (row[label] < 0)
        assert smoothxent.row_statistics(row).entropy == 0.0


@pytest.mark.parametrize("num_classes", [2, 20])
def test_losses_whose_squares_overflow_go_through_a_record(num_classes):
    logits = np.zeros((3, num_classes))
    logits[1, 1] = 1e200
    evaluation = evaluate(logits, [0] * 3)
    assert evaluation.to_dict()["totals"]["sums"]["nll_square"] == "inf"
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation


@pytest.mark.fault("extreme-weights")
@pytest.mark.parametrize("weight", [1e-300, 1e-160, 1e150, 3e299])
def test_weights_whose_squares_overflow_or_vanish_go_through_a_record(weight):
    rows, options = ([[0.0, 1], [3, 1], [2, 1]], [0, 1, 0]), {"per_class": True}
    options["groups"] = list("aab")
    evaluation, one = (evaluate(*rows, sample_weight=[s] * 3, **options) for s in (weight, 1))
    assert evaluation.nll == pytest.approx(one.nll)
    assert evaluation.groups.nll == pytest.approx(one.groups.nll)
    for name in ("nll", "f1", "iou", "mcc", "d2"):
        found, expected = (getattr(each.classes, name) for each in (evaluation, one))
        assert found == pytest.approx(expected, nan_ok=True)
    assert Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict()))) == evaluation


@pytest.mark.parametrize("weight", [None, 0.7, 0.3e-6])
def test_totals_of_very_many_rows_are_exact(dtype, weight):
    # More terms than the kernel adds in lanes before these would round: of the losses where weights
    # are about 1, of the confidences where they are so small that each term has all of its bits.
    row, num_rows = np.array([0.0, 1 / 3, -2000.1], dtype), 2**18
    one = evaluate(row, 2, sample_weight=weight)
    for _ in range(18):
        one += one
    assert one == evaluate(
        np.broadcast_to(row, (num_rows, 3)),
        np.full(num_rows, 2),
        sample_weight=None if weight is None else np.full(num_rows, weight),
        num_threads=1,
    )


@pytest.mark.parametrize("num_classes", [2, 3, 10, 128])
def test_entropy_of_a_sure_row_keeps_its_digits_also_if_the_label_is_another_class(
    dtype, rng, num_classes
):
    rows = rng.normal(0, 1, (30, num_classes))
    rows[:, -1] = np.linspace(2, 70, 30)
    for row in rows.astype(dtype):
        for label in (0, num_classes - 1):
            entropy = evaluate(np.tile(row, (16, 1)), [label] * 16).entropy
            assert entropy == pytest.approx(
                float(oracle.exact_measures(row, label)["entropy"]),
                rel=1e-12 if dtype == np.float64 else 2e-6,
            )


@pytest.mark.fault("extreme-logits")
@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [129, 1025, 2049, 40_000])
@pytest.mark.parametrize("distance", [7.3, 9.09, 9.63])
def test_small_shares_beside_a_large_one_keep_their_entropy(dtype, num_classes, distance):
    # The first block sets the reference; the top lies so far above it that it stays, and many terms
    # that are alike are added to that of the top, and rounded alike. The term of the top, its share
    # times the distance, is rounded ten times at most; half of what that comes to at worst is
    # allowed. The sums of float64 and the logarithm have less.
    middle = num_classes // 2
    far = 90_000.0 if dtype == np.float64 else -0.64
    for offset in (0.0, -57.63, far):
        for tops in ([middle], [middle, middle + 1], [0, -1]):
            row = np.full(num_classes, offset - distance, dtype)
            row[tops] = offset
            gap = float(row.max()) - float(row.min())
            allowed = 5 * oracle.UNIT_ROUNDOFF[np.dtype(dtype)] * (gap + 2)
            exact = oracle.exact_measures(row, 3)
            evaluation, statistics = evaluate(row, 3), smoothxent.row_statistics(row)
            rounded = abs(exact["entropy"]) * oracle.UNIT_ROUNDOFF[statistics.entropy.dtype]
            assert abs(evaluation.entropy - exact["entropy"]) <= allowed
            assert abs(float(statistics.entropy) - exact["entropy"]) <= allowed + rounded
            assert abs(evaluation.brier - exact["brier"]) <= allowed


def test_evaluation_of_one_row_is_light():
    logits, labels = np.arange(10, dtype=np.float32)[np.newaxis], np.array([3])
    evaluate(logits, labels)
    calls = []
    sys.setprofile(lambda frame, event, _: calls.append(frame) if event == "call" else None)
    try:
        evaluate(logits, labels)
    finally:
        sys.setprofile(None)
    assert len(calls) <= 60  # of functions in Python
