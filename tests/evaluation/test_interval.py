"""Confidence intervals of the means of an evaluation, by the definitions of their quantiles."""

import math

import mpmath
import numpy as np
import pytest

from assertions import error_text
from smoothxent import evaluate
from smoothxent._totals.interval import quantile

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 2, (60, 4))
LABELS = np.where(RNG.random(60) < 0.6, LOGITS.argmax(1), RNG.integers(0, 4, 60))
WEIGHT = RNG.uniform(0, 2, 60)


def share_within(t, degrees):
    """Return the probability of a number of Student's distribution in [-t, t]."""
    x = mpmath.mpf(degrees) / (degrees + mpmath.mpf(t) ** 2)
    return 1 - mpmath.betainc(mpmath.mpf(degrees) / 2, 0.5, 0, x, regularized=True)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 30, 199, 200, 201, 1000])
def test_quantiles_of_student_have_their_share_within(degrees):
    with mpmath.workdps(40):
        for tail in (0.49, 0.1, 0.025, 0.0005, 2.0**-54):
            within = share_within(quantile(tail, degrees), degrees)
            assert abs(within - (1 - 2 * tail)) < 1e-12


def test_interval_of_a_mean_is_so_many_standard_errors_wide():
    evaluation = evaluate(LOGITS, LABELS, sample_weight=WEIGHT)
    for name in ("nll", "entropy", "confidence", "brier"):
        mean, stderr = getattr(evaluation, name), getattr(evaluation, f"{name}_stderr")
        low, high = evaluation.interval(name)
        assert low == pytest.approx(mean - 1.959963984540054 * stderr, rel=1e-14)
        assert high == pytest.approx(mean + 1.959963984540054 * stderr, rel=1e-14)
    for confidence, expected in ((0.5, 0.6744897501960817), (1 - 2.0**-53, 8.292361075813595)):
        assert evaluation.interval("nll", confidence)[0] == pytest.approx(
            evaluation.nll - expected * evaluation.nll_stderr, rel=1e-14
        )


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_interval_of_a_share_holds_those_that_are_so_many_errors_away(weight):
    # Wilson: the shares p with (share - p)**2 <= z**2 p (1 - p) / n.
    evaluation = evaluate(LOGITS, LABELS, sample_weight=weight, top_k=(2, 4))
    s = np.ones(60) if weight is None else weight
    size = s.sum() ** 2 / (s**2).sum()
    for name, share in (("accuracy", evaluation.accuracy), ("top_2", evaluation.top_k[2])):
        for p in evaluation.interval(name, 0.9):
            distance = (share - p) ** 2
            assert distance == pytest.approx(1.6448536269514722**2 * p * (1 - p) / size, rel=1e-12)
    assert evaluation.interval("top_1") == evaluation.interval("accuracy")
    low, high = evaluation.interval("top_4")  # all rows are hits
    assert 0.9 < low < high == 1


def test_interval_of_groups_has_the_quantile_of_their_number():
    groups = np.arange(60) // 12
    evaluation = evaluate(LOGITS, LABELS, groups=groups)
    for name in ("nll", "accuracy", "brier"):
        low, high = evaluation.interval(name)  # Student's with 4 degrees: 2.7764451051977987
        half = 2.7764451051977987 * getattr(evaluation, f"{name}_stderr")
        assert (high - low) / 2 == pytest.approx(half, rel=1e-12)
        assert (high + low) / 2 == pytest.approx(getattr(evaluation, name), rel=1e-12)
    weight = np.where(groups == 4, 0.0, 1.0)  # a group of weight 0 does not count
    fewer = evaluate(LOGITS, LABELS, groups=groups, sample_weight=weight)
    low, high = fewer.interval("nll")
    assert (high - low) / 2 == pytest.approx(3.182446305284264 * fewer.nll_stderr, rel=1e-12)
    assert np.isnan(evaluation.interval("entropy")).all()


def test_nothing_is_known_of_one_row_and_of_none():
    assert np.isnan(evaluate(LOGITS[:1], LABELS[:1]).interval("nll")).all()
    assert np.isnan(evaluate(LOGITS[:0], LABELS[:0]).interval("accuracy")).all()
    assert np.isnan(evaluate(LOGITS[:4], LABELS[:4], groups=[0] * 4).interval("nll")).all()


NAMES = "'nll', 'accuracy', 'entropy', 'confidence', 'brier', 'top_1', 'top_5'"
BETWEEN = "must lie between 0 and 1"


@pytest.mark.fault("interval")
@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (("loss",), ValueError, f"name must be one of {NAMES}, got 'loss'"),
        (("nll", 95), ValueError, f"confidence {BETWEEN}, got 95; use 0.95 for 95 %"),
        (("nll", math.nan), ValueError, f"confidence {BETWEEN}, got nan; use 0.95 for 95 %"),
        (("nll", "0.95"), TypeError, "confidence must be a real number, got '0.95'"),
    ],
)
def test_interval_of_something_else_is_an_error(arguments, error, message):
    assert error_text(error, evaluate(LOGITS, LABELS).interval, *arguments) == message
