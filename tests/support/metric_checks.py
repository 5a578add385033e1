"""Checks of random calls of row_statistics and evaluate: the oracle's values within an allowance.

Each row has an expected value and an allowed error for every measure: the promised error plus the
error of the oracle. Means of an evaluation are compared with the means of the expected values.
Ranks, counts and weights must be exact.
"""

import json
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

import oracle
import smoothxent
from evaluations import HISTOGRAM_EDGES

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}  # promised in docstrings
# For ordinary rows; test_small_shares_beside_a_large_one_keep_their_entropy has the worst rows.
ORDINARY_TOLERANCE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-12}
CLASS_COUNTS = [1, 2, 3, 10, 16, 17, 127, 128, 129, 1000, 1024, 1025, 5000, 40_000]
PROBABLE = ("entropy", "confidence", "brier")
COUNTED = ("argmax", "rank")
NOT_OF_LOSS = {"top_k", "num_bins"}
EXACT_CLASSES = 24  # most classes for which one row is also checked with mpmath
MOST_SQUARED = 1e150  # squares of larger numbers may overflow


def draw(rng, num_rows=100, num_classes=10, dtype=np.float32, scale=4):
    """Draw ordinary rows; the label of every second row is its top class."""
    logits = rng.normal(0, scale, (num_rows, num_classes)).astype(dtype)
    labels = rng.integers(0, num_classes, num_rows)
    labels[::2] = logits[::2].argmax(axis=1)
    return logits, labels


@dataclass
class Rows:
    """The rows of a call, with the expected value and the allowed error of each measure."""

    labels: np.ndarray  # 0 for ignored rows and without labels
    kept: np.ndarray
    special: np.ndarray  # whether the row has no softmax
    values: dict[str, np.ndarray]
    allowed: dict[str, np.ndarray]
    num_classes: int


def expected_rows(call, rows, dtype, special):
    """Return the oracle's values for rows (N, C).

    An error d of log p_k changes p_k by p_k d, and p_k log p_k by p_k d (1 + log p_k).
    """
    labels, kept = np.zeros(len(rows), int), np.ones(len(rows), bool)
    if call.labels is not None:
        kept = oracle.kept(np.ravel(call.labels), call.options.get("ignore_index")) > 0
        labels = np.where(kept, np.ravel(call.labels), 0).astype(int)
    log_p, error = oracle.log_softmax(rows), oracle.log_softmax_error(rows)
    p = np.exp(log_p)
    moved = np.where(p > 0, p * error, 0.0)
    distance = p.copy()
    distance[np.arange(len(rows)), labels] -= 1.0
    truth = {
        "entropy": np.where(p > 0, moved * (1 - log_p), 0.0).sum(axis=1),
        "confidence": moved.max(axis=1),
        "brier": (2 * moved * np.abs(distance)).sum(axis=1),
    }
    values = oracle.measures(rows, labels)
    roundings = 2.0**-52 * (math.log2(rows.shape[1]) + 8)
    allowed = {
        name: TOLERANCE[dtype] + truth[name] + roundings * (1 + values[name]) for name in PROBABLE
    }
    allowed["nll"] = oracle.loss_allowance(rows, labels, dtype)
    for name in ("nll", *PROBABLE):
        values[name][special] = np.nan
    values["rank"][special] = rows.shape[1]
    values["argmax"][np.isnan(values["max_logit"])] = -1
    return Rows(labels, kept, special, values, allowed, rows.shape[1])


def check_row_statistics(call, results, rows, dtype, known, special):
    """Compare the statistics of the `known` rows with the oracle's."""
    names = [*smoothxent.RowStatistics._fields[: 5 if call.labels is None else 8]]
    if call.options.get("top_k"):
        check_top_classes(call, results[-2:], rows)
        results = results[:-2]
    expected = expected_rows(call, rows, dtype, special)
    for name, of_ignored in (("nll", 0.0), ("rank", -1), ("label_logit", np.nan)):
        expected.values[name][~expected.kept] = of_ignored
    for name, result in zip(names, results, strict=True):
        assert result.dtype == (np.int64 if name in COUNTED else dtype), name
        if name == "log_sum_exp":  # call_checks.py compares this function with the oracle
            expected_bits = smoothxent.log_sum_exp(call.logits, axis=call.axis)
            assert np.array_equal(result, expected_bits, equal_nan=True)
            continue
        value, actual = expected.values[name], np.ravel(result)
        near = np.isfinite(value) & known & (expected.kept | (name not in ("nll", "rank")))
        least, most = value[near], value[near]
        if name in expected.allowed:
            allowed = expected.allowed[name][near]
            least, most = (value[near] - allowed, value[near] + allowed)
        least, most = least.astype(result.dtype), most.astype(result.dtype)
        outside = ~((actual[near] >= least) & (actual[near] <= most))
        assert not outside.any(), f"{name}: {actual[near][outside]}, {least[outside]}"
        rest = known & ~near
        assert np.array_equal(actual[rest], value[rest].astype(result.dtype), equal_nan=True), name


def check_top_classes(call, results, rows):
    """Compare the top classes with a stable sort, their log-probabilities with log_softmax."""
    log_probs, classes = results
    expected = np.argsort(-rows, axis=1, kind="stable")[:, : call.options["top_k"]]
    log_p = oracle.as_rows(smoothxent.log_softmax(call.logits, axis=call.axis), call.axis)
    expected_log_probs = np.take_along_axis(log_p, expected, axis=1)
    expected[np.isnan(rows).any(axis=1)] = -1
    assert classes.dtype == np.int64
    assert np.array_equal(classes.reshape(expected.shape), expected)
    assert log_probs.dtype == log_p.dtype
    assert np.array_equal(log_probs.reshape(expected.shape), expected_log_probs, equal_nan=True)


def check_evaluation(call, results, rows, dtype, known, special):
    """Compare an evaluation with the oracle's; if not all rows are `known`, only what is exact."""
    (evaluation,) = results
    expected = expected_rows(call, rows, dtype, special)
    kept = expected.kept
    s = np.ravel(call.options.get("sample_weight", np.ones(len(rows)))).astype(float)[kept]
    rank = np.where(special, np.inf, expected.values["rank"])[kept]  # special rows are in no top k
    assert (evaluation.count, evaluation.ignored) == (kept.sum(), (~kept).sum())
    assert evaluation.weight == float(total(s))
    assert evaluation.top_k.keys() == {1, *call.options["top_k"]}
    for k, share in evaluation.top_k.items():
        assert repr(share) == repr(quotient(total(s[rank < k]), total(s)))
    of_loss = {name: call.options[name] for name in call.options.keys() - NOT_OF_LOSS}
    loss = smoothxent.cross_entropy(call.logits, call.labels, **of_loss)
    assert repr(evaluation.loss) == repr(loss)
    record = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert smoothxent.Evaluation.from_dict(record) == evaluation
    if not known[kept].all():
        return
    values = {name: value[kept] for name, value in expected.values.items()}
    allowed = {name: each[kept] for name, each in expected.allowed.items()}
    for name in ("nll", *PROBABLE):
        check_mean(name, getattr(evaluation, name), values[name], allowed[name], s)
    check_spread(evaluation, values["nll"], allowed["nll"], s)
    slack = allowed["nll"] + 2.0**-50 * values["nll"]
    check_counts(evaluation.histogram, histogram_place, values["nll"], slack)
    check_bins(evaluation, values["confidence"], allowed["confidence"], rank < 1, s)
    check_one_exactly(rows, expected, dtype)


def total(values):
    return sum((Fraction(float(value)) for value in values), Fraction())


def quotient(numerator, divisor):
    """Return the correctly rounded quotient: nan for a divisor of 0, inf beyond float64."""
    try:
        return float(numerator / divisor) if divisor else math.nan
    except OverflowError:
        return math.inf


def check_mean(name, actual, values, allowed, s):
    """Check a weighted mean; a weight of 0 leaves out every value but nan."""
    with np.errstate(over="ignore"):
        terms = np.multiply(s, values, where=s != 0, out=np.zeros_like(s))
    if np.isnan(values).any() or not total(s):
        assert math.isnan(actual), name
    elif np.isinf(terms).any():
        assert actual == math.inf, name
    else:
        mean = quotient(total(terms), total(s))
        used = s != 0
        slack = quotient(total((s * allowed)[used]), total(s)) + 2.0**-50 * mean
        assert actual == mean or abs(actual - mean) <= slack, f"{name}: {actual}, {mean} +- {slack}"


def check_spread(evaluation, nll, allowed, s):
    """Check the standard error: it is a norm, so it changes by at most the norm of the errors."""
    if not s.sum() or not (nll[s != 0] < MOST_SQUARED).all():
        return
    w = s / s.max() / (s / s.max()).sum()
    nll, allowed = nll[s != 0], allowed[s != 0]
    w = w[s != 0]
    freedom = 1 / (w**2).sum() - 1
    if freedom < 2.0**-20 or np.isnan(evaluation.nll_stderr):  # the squares underflow
        return
    mean = (w * nll).sum()
    spread = math.sqrt((w * (nll - mean) ** 2).sum() / freedom)
    off = math.sqrt((w * allowed**2).sum()) + math.sqrt(2.0**-48 * (w * nll**2).sum())
    assert abs(evaluation.nll_stderr - spread) <= off / math.sqrt(freedom) + 2.0**-30 * spread


def check_counts(counts, place_of, values, allowed):
    """Check how many values lie in each place; return whether every place is certain."""
    values, allowed = values[~np.isnan(values)], allowed[~np.isnan(values)]
    with np.errstate(invalid="ignore"):
        least, most = (place_of(values + step * allowed, len(counts)) for step in (-1, 1))
    least = np.where(np.isinf(values), most, least)
    assert sum(counts) == len(values)
    for place, count in enumerate(counts):
        certain = (least == place) & (most == place)
        possible = (least <= place) & (place <= most)
        assert certain.sum() <= count <= possible.sum()
    return bool((least == most).all())


def histogram_place(nll, _):
    return np.searchsorted(HISTOGRAM_EDGES, nll, side="right")


def bin_place(confidence, num_bins):
    return np.clip(np.floor(confidence * num_bins), 0, num_bins - 1).astype(int)


def check_bins(evaluation, confidence, allowed, hits, s):
    """Check the bins and the calibration error, unless a row may lie in one of two bins."""
    bins = evaluation.bins
    certain = check_counts([each.count for each in bins], bin_place, confidence, allowed)
    if np.isnan(confidence).any() or not total(s):
        assert math.isnan(evaluation.calibration_error)
        return
    if not certain:
        assert 0 <= evaluation.calibration_error <= 1
        return
    gaps = Fraction()
    places = bin_place(confidence, len(bins))
    for place, each in enumerate(bins):
        inside = places == place
        assert repr(each.accuracy) == repr(quotient(total(s[inside & hits]), total(s[inside])))
        check_mean(
            f"bins[{place}]", each.confidence, confidence[inside], allowed[inside], s[inside]
        )
        gaps += abs(total(s[inside & hits]) - total((s * confidence)[inside]))
    slack = quotient(total(s * allowed), total(s)) + 2.0**-50
    assert abs(evaluation.calibration_error - quotient(gaps, total(s))) <= slack


def check_one_exactly(rows, expected, dtype):
    """Compare entropy, confidence and Brier score of the first finite row with exact values."""
    finite = np.isfinite(rows).all(axis=1) & expected.kept
    if not finite.any() or expected.num_classes > EXACT_CLASSES:
        return
    row, label = rows[finite.argmax()].astype(dtype), int(expected.labels[finite.argmax()])
    evaluation, exact = smoothxent.evaluate(row, label), oracle.exact_measures(row, label)
    for name in PROBABLE:
        assert abs(getattr(evaluation, name) - exact[name]) <= TOLERANCE[dtype], name
