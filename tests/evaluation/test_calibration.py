"""Calibration errors, reliability and risk-coverage, against loops over rows and scikit-learn."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given

import evaluations
from assertions import error_text
from evaluations import splits
from smoothxent import Evaluation, evaluate

# Of sums of some hundred terms up to 1 in float64, in this file and in the library.
ALLOWED = 1e-13
REMEDY = "use equal_mass=True, or a multiple of it in evaluate"
NAN_ROW = dict.fromkeys(("nll", "loss", "entropy", "confidence", "brier"), math.nan)


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def rows(request, rng):
    return evaluations.draw(rng, 500, weighted=request.param, num_bins=60)


def spread(rng, num_rows, num_bins=1000):
    """Return equal weights for rows of which no two are in the same bin."""
    confidence = (rng.permutation(num_bins)[:num_rows] + rng.uniform(0.1, 0.9, num_rows)) / num_bins
    rows = evaluations.draw(rng, num_rows, num_bins=num_bins)
    rank = 1.0 * (rng.uniform(size=num_rows) > confidence)
    return dataclasses.replace(rows, confidence=confidence, rank=rank)


def gaps_of(rows, places):
    """Return the share of the rows and the gap in each place, from rows."""
    s, hits = rows.sample_weight, rows.rank < 1
    shares, gaps = [], []
    for place in np.unique(places[s > 0]):
        inside = places == place
        shares.append(s[inside].sum() / s.sum())
        gaps.append(abs((s * (hits - rows.confidence))[inside].sum() / s[inside].sum()))
    return np.array(shares), np.array(gaps)


def expected_error(rows, places, norm):
    shares, gaps = gaps_of(rows, places)
    if norm == "max":
        return gaps.max()
    return (shares @ gaps) if norm == "l1" else math.sqrt(shares @ gaps**2)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@pytest.mark.parametrize("num_bins", [None, 60, 15, 1])
def test_error_is_the_norm_of_the_gaps_of_bins_of_equal_width(rows, norm, num_bins):
    places = (rows.confidence * (num_bins or 60)).astype(int)
    evaluation = evaluations.evaluation(rows)
    actual = evaluation.binned_calibration_error(norm, num_bins=num_bins)
    assert actual == pytest.approx(expected_error(rows, places, norm), abs=ALLOWED)
    if (norm, num_bins) == ("l1", None):
        assert evaluation.calibration_error == actual


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_merged_bins_are_those_of_an_evaluation_with_fewer(rng, norm):
    logits, labels = rng.normal(0, 2, (400, 5)), rng.integers(0, 5, 400)
    fine, coarse = (evaluate(logits, labels, num_bins=num_bins) for num_bins in (60, 12))
    assert fine.binned_calibration_error(norm, num_bins=12) == coarse.binned_calibration_error(norm)
    assert coarse.binned_calibration_error() == coarse.calibration_error


def places_of_equal_mass(rows, num_bins):
    """Return the merged bin of each row; it ends where the next share of the weight is reached."""
    fine = evaluations.bins_of(rows)
    total, filled, place, places = rows.sample_weight.sum(), 0.0, 0, {}
    for b in range(rows.num_bins):
        places[b] = place
        filled += rows.sample_weight[fine == b].sum()
        while filled > 0 and filled * num_bins / total >= place + 1:
            place += 1
    return np.array([places[b] for b in fine])


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@pytest.mark.parametrize("num_bins", [60, 15, 7, 1])
def test_bins_of_equal_mass_end_where_a_share_of_the_weight_is_reached(rows, norm, num_bins):
    expected = expected_error(rows, places_of_equal_mass(rows, num_bins), norm)
    evaluation = evaluations.evaluation(rows)
    actual = evaluation.binned_calibration_error(norm, num_bins=num_bins, equal_mass=True)
    assert actual == pytest.approx(expected, abs=ALLOWED)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_bins_of_equal_mass_are_quantiles_where_each_row_has_its_own_bin(rng, norm):
    rows = spread(rng, 60)
    places = np.empty(60, int)
    places[rows.confidence.argsort()] = np.arange(60) // 12
    actual = evaluations.evaluation(rows).binned_calibration_error(
        norm, num_bins=5, equal_mass=True
    )
    assert actual == pytest.approx(expected_error(rows, places, norm), abs=ALLOWED)


def test_bins_of_equal_mass_are_fewer_where_one_bin_holds_several_shares():
    # Weights of the bins: 1, 6, 0, 3. The first reaches no fifth of 10, the second three of them.
    confidence = np.repeat([0.1, 0.3, 0.8], [1, 6, 3])
    rows = evaluations.draw(np.random.default_rng(0), 10, num_bins=4)
    rows = dataclasses.replace(rows, confidence=confidence, rank=np.repeat([0.0, 1, 0], [1, 6, 3]))
    evaluation = evaluations.evaluation(rows)
    gap = abs(1 - 0.1 - 6 * 0.3) / 10 + 3 * 0.2 / 10
    actual = evaluation.binned_calibration_error(num_bins=4, equal_mass=True)
    assert actual == pytest.approx(gap, abs=ALLOWED)


@pytest.mark.parametrize("weight", [1e-150, 1e150])
def test_results_do_not_depend_on_the_size_of_the_weights(rows, weight):
    weight = 2.0 ** round(math.log2(weight))  # a power of two, so that no product is rounded
    scaled = dataclasses.replace(rows, sample_weight=weight * rows.sample_weight)
    one, other = evaluations.evaluation(rows), evaluations.evaluation(scaled)
    assert other.reliability() == one.reliability()
    assert other.risk_coverage() == one.risk_coverage()
    for norm in ("l1", "l2", "max"):
        options = {"num_bins": 7, "equal_mass": True}
        error = one.binned_calibration_error(norm, **options)
        assert other.binned_calibration_error(norm, **options) == error


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"norm": "l0"}, ValueError, "norm must be one of 'l1', 'l2', 'max', got 'l0'"),
        ({"norm": 2}, ValueError, "norm must be one of 'l1', 'l2', 'max', got 2"),
        ({"num_bins": 0}, ValueError, "num_bins must be at least 1, got 0"),
        ({"num_bins": 16}, ValueError, "num_bins must be at most 15, got 16"),
        ({"num_bins": 16, "equal_mass": True}, ValueError, "num_bins must be at most 15, got 16"),
        ({"num_bins": 1.5}, TypeError, "num_bins must be an integer, got 1.5"),
        (
            {"num_bins": 4},
            ValueError,
            f"num_bins must divide 15, the number of bins, got 4; {REMEDY}",
        ),
    ],
)
def test_bad_norm_or_number_of_bins_is_an_error(arguments, error, message):
    assert error_text(error, Evaluation.empty().binned_calibration_error, **arguments) == message


def of_bins(rows, values):
    """Return the mean of these values in each bin that has weight."""
    s, places = rows.sample_weight, evaluations.bins_of(rows)
    inside = [places == b for b in np.unique(places[s > 0])]
    return np.array([s[i] @ values[i] / s[i].sum() for i in inside])


def test_recalibrated_confidence_is_the_isotonic_regression_of_scikit_learn(rows):
    isotonic = pytest.importorskip("sklearn.isotonic")
    curve = evaluations.evaluation(rows).reliability()
    s, places = rows.sample_weight, evaluations.bins_of(rows)
    shares = [s[places == b].sum() / s.sum() for b in np.unique(places[s > 0])]
    confidence, accuracy = of_bins(rows, rows.confidence), of_bins(rows, 1.0 * (rows.rank < 1))
    assert curve.share == pytest.approx(shares, abs=ALLOWED)
    assert curve.confidence == pytest.approx(confidence, abs=ALLOWED)
    assert curve.accuracy == pytest.approx(accuracy, abs=ALLOWED)
    regression = isotonic.IsotonicRegression().fit_transform(
        confidence, accuracy, sample_weight=shares
    )
    assert len(set(curve.recalibrated)) < len(curve.accuracy)  # some bins are pooled
    assert curve.recalibrated == pytest.approx(regression, abs=ALLOWED)


def test_score_is_decomposed_as_its_parts_are_defined(rows):
    curve = evaluations.evaluation(rows).reliability()
    s, hits, places = rows.sample_weight, 1.0 * (rows.rank < 1), evaluations.bins_of(rows)
    used = np.unique(places[s > 0])
    recalibrated = np.array(curve.recalibrated)[np.searchsorted(used, places)]

    def score_of(confidence):
        return s @ (confidence - hits) ** 2 / s.sum()

    uncertainty = score_of(s @ hits / s.sum())
    assert curve.score == pytest.approx(score_of(rows.confidence), abs=ALLOWED)
    assert curve.uncertainty == pytest.approx(uncertainty, abs=ALLOWED)
    expected = score_of(rows.confidence) - score_of(recalibrated)
    assert curve.miscalibration == pytest.approx(expected, abs=ALLOWED)
    expected = uncertainty - score_of(recalibrated)
    assert curve.discrimination == pytest.approx(expected, abs=ALLOWED)


@given(splits())
def test_parts_of_a_score_add_up_to_it(split):
    rows, _, _ = split
    curve = evaluations.evaluation(rows).reliability()
    whole = curve.miscalibration - curve.discrimination + curve.uncertainty
    assert curve.score == pytest.approx(whole, abs=2**-50, nan_ok=True)
    assert not curve.discrimination < 0
    assert list(curve.recalibrated) == sorted(curve.recalibrated)


def test_regression_of_single_rows_needs_a_bin_for_each(rng):
    isotonic = pytest.importorskip("sklearn.isotonic")
    rows = spread(rng, 80)
    curve, hits = evaluations.evaluation(rows).reliability(), 1.0 * (rows.rank < 1)
    regression = isotonic.IsotonicRegression().fit_transform(rows.confidence, hits)
    assert curve.recalibrated == pytest.approx(np.sort(regression), abs=ALLOWED)
    expected = np.mean((rows.confidence - hits) ** 2) - np.mean((regression - hits) ** 2)
    assert curve.miscalibration == pytest.approx(expected, abs=ALLOWED)
    assert curve.miscalibration >= 0  # the regression is the best of all rising functions


def test_accuracy_that_rises_is_its_own_regression():
    rows = evaluations.draw(np.random.default_rng(0), 6, num_bins=2)
    confidence, rank = np.repeat([0.25, 0.75], [2, 4]), np.array([0.0, 1, 0, 0, 0, 1])
    curve = evaluations.evaluation(
        dataclasses.replace(rows, confidence=confidence, rank=rank)
    ).reliability()
    assert curve.recalibrated == curve.accuracy == (0.5, 0.75)
    # 2 (1/4)**2 of 6 rows; of the constant 2/3, which is the accuracy, 2/9.
    assert curve[4:] == pytest.approx((11 / 48, 1 / 48, 1 / 72, 2 / 9), abs=ALLOWED)


def covered_by_rows(rows, thresholds):
    """Return the coverage and the risk at each threshold, and the mean risk, from rows."""
    s, misses, places = rows.sample_weight, 1.0 * (rows.rank >= 1), evaluations.bins_of(rows)
    inside = [places >= round(threshold * rows.num_bins) for threshold in thresholds]
    coverage = [s[i].sum() / s.sum() for i in inside]
    risk = [s[i] @ misses[i] / s[i].sum() for i in inside]
    of_row = dict(zip([round(t * rows.num_bins) for t in thresholds], risk, strict=True))
    area = sum(w * of_row[b] for w, b in zip(s, places, strict=True) if w) / s.sum()
    return coverage, risk, area


def test_risk_is_the_error_of_the_rows_above_each_threshold(rows):
    curve = evaluations.evaluation(rows).risk_coverage()
    used = np.unique(evaluations.bins_of(rows)[rows.sample_weight > 0])[::-1]
    assert curve.threshold == tuple(used / rows.num_bins)
    coverage, risk, area = covered_by_rows(rows, curve.threshold)
    assert curve.coverage == pytest.approx(coverage, abs=ALLOWED)
    assert curve.risk == pytest.approx(risk, abs=ALLOWED)
    assert curve.area == pytest.approx(area, abs=ALLOWED)
    assert curve.coverage[-1] == 1.0
    assert curve.risk[-1] == pytest.approx(1 - evaluations.evaluation(rows).accuracy)


def test_area_is_the_mean_risk_of_the_most_confident_rows_where_each_has_its_own_bin(rng):
    rows = spread(rng, 80)
    misses = (rows.rank >= 1)[np.argsort(-rows.confidence)]
    risks = np.cumsum(misses) / np.arange(1, 81)
    curve = evaluations.evaluation(rows).risk_coverage()
    assert curve.risk == pytest.approx(risks, abs=ALLOWED)
    assert curve.area == pytest.approx(risks.mean(), abs=ALLOWED)


@pytest.mark.parametrize("special", ["no rows", "no weight", "nan"])
def test_nothing_is_known_of_no_rows_and_of_rows_of_nan(rng, special):
    rows = evaluations.draw(rng, 0 if special == "no rows" else 5)
    if special == "no weight":
        rows.sample_weight[:] = 0
    if special == "nan":
        for name, value in NAN_ROW.items():
            getattr(rows, name)[2] = value
    evaluation = evaluations.evaluation(rows)
    assert math.isnan(evaluation.binned_calibration_error("l2", num_bins=3, equal_mass=True))
    assert repr(tuple(evaluation.reliability())) == "((), (), (), (), nan, nan, nan, nan)"
    assert repr(tuple(evaluation.risk_coverage())) == "((), (), (), nan)"


def test_any_shards_in_any_order_have_the_same_bits(any_dtype, rng):
    logits = rng.normal(0, 3, (300, 4)).astype(any_dtype)
    labels, weight = rng.integers(0, 4, 300), rng.uniform(0, 2, 300)
    options = {"num_bins": 100}
    whole = evaluate(logits, labels, sample_weight=weight, **options)
    parts = np.array_split(rng.permutation(300), 7)
    total = sum(evaluate(logits[i], labels[i], sample_weight=weight[i], **options) for i in parts)
    assert total.reliability() == whole.reliability()
    assert total.risk_coverage() == whole.risk_coverage()
    for norm in ("l1", "l2", "max"):
        merged = {"num_bins": 10, "equal_mass": True}
        error = whole.binned_calibration_error(norm, **merged)
        assert total.binned_calibration_error(norm, **merged) == error
    for name in ("top_k", "entropy", "confidence", "brier"):
        assert getattr(total, f"{name}_stderr") == getattr(whole, f"{name}_stderr")
