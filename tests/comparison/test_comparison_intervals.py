"""Comparison: intervals, the detectable difference, and the sentence of the title."""

import mpmath
import numpy as np
import pytest

from assertions import error_text
from smoothxent import compare
from test_compare_formulas import PAIRED, draw, metric

NAMES = {"top_k_difference": "top_5_difference"}  # as intervals have them
NORMAL = 1.959963984540054  # the quantile at 0.975


@pytest.mark.parametrize(
    "num_groups, confidence, quantile",
    [
        (None, 0.95, NORMAL),
        (None, 0.5, 0.6744897501960817),
        (2, 0.95, 12.706204736174704),  # Student's, with 1, 2 and 4 degrees of freedom
        (3, 0.95, 4.302652729749464),
        (5, 0.5, 0.7406970840516808),
    ],
)
def test_intervals_are_so_many_errors_wide(rng, num_groups, confidence, quantile):
    ids = None if num_groups is None else np.arange(200) % num_groups
    comparison = compare(*draw(rng, 200, 12), groups=ids)
    for name in PAIRED:
        if name == "agreement" and num_groups is None:
            continue
        mean, error = metric(comparison, name), metric(comparison, f"{name}_stderr")
        expected = mean - quantile * error, mean + quantile * error
        found = comparison.interval(NAMES.get(name, name), confidence)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize("weighted", [False, True])
def test_interval_of_the_agreement_is_the_one_of_wilson(rng, weighted):
    a, b, labels = draw(rng, 60, 4)
    weights = rng.exponential(size=60) if weighted else np.ones(60)
    share = weights[a.argmax(axis=1) == b.argmax(axis=1)].sum() / weights.sum()
    size = weights.sum() ** 2 / (weights**2).sum()
    for p in compare(a, b, labels, sample_weight=weights).interval("agreement"):
        assert (share - p) ** 2 == pytest.approx(NORMAL**2 * p * (1 - p) / size, rel=1e-9)


@pytest.mark.parametrize("power", [0.5, 0.8, 0.99])
def test_detectable_difference_is_found_with_its_power(rng, power):
    comparison = compare(*draw(rng, 300, 12))
    for name in ("nll_difference", "accuracy_difference"):
        error = metric(comparison, f"{name}_stderr")
        difference = comparison.detectable_difference(name, power=power)
        found = 1 - mpmath.ncdf(NORMAL * error, difference, error)  # the other side: < 2e-6
        assert float(found) == pytest.approx(power, rel=1e-12)
    few = compare(*draw(rng, 300, 12), groups=np.arange(300) % 3)
    # Student's with 2 degrees: at 0.975, and with t**2 = 2 x**2 / (1 - x**2) for x = 2 power - 1
    of_power = (2 * power - 1) / np.sqrt(2 * power * (1 - power))
    expected = (4.302652729749464 + of_power) * few.nll_difference_stderr
    assert few.detectable_difference(power=power) == pytest.approx(expected, rel=1e-12)


@pytest.mark.fault("interval")
def test_names_and_shares_that_are_none_are_errors(rng):
    comparison = compare(*draw(rng, 5, 3), top_k=(1, 2))
    for method in (comparison.interval, comparison.detectable_difference):
        assert error_text(ValueError, method, "nll").endswith(
            "'top_1_difference', 'top_2_difference', 'agreement', got 'nll'"
        )
    found = error_text(ValueError, comparison.interval, "kl", 95)
    assert found == "confidence must lie between 0 and 1, got 95; use 0.95 for 95 %"
    for power in (0.4, 1, 80):
        found = error_text(ValueError, comparison.detectable_difference, power=power)
        assert found == f"power must lie in [0.5, 1), got {power}"


def test_wins_and_losses_are_the_rows_that_only_one_gets_right(rng):
    a, b, labels = draw(rng, 200, 5)
    right_a, right_b = (each.argmax(axis=1) == labels for each in (a, b))
    for weights in (np.ones(200), rng.integers(0, 5, 200) / 4):
        comparison = compare(a, b, labels, sample_weight=weights)
        assert comparison.wins == weights[right_b & ~right_a].sum()
        assert comparison.losses == weights[right_a & ~right_b].sum()
    other = compare(a, b, labels, top_k=(2,), groups=labels)
    assert (other.wins, other.losses) == ((right_b & ~right_a).sum(), (right_a & ~right_b).sum())


def sentence(b, interval=None, **options):
    """Return the title's last line for nlls of 0 in each row of a and these of b."""
    nll = np.array(b, float)
    with np.errstate(divide="ignore"):
        logits = np.log(np.stack([np.exp(-nll), -np.expm1(-nll)], axis=1))
    sure = np.tile([0, -np.inf], (len(nll), 1))
    text = compare(sure, logits, [0] * len(nll), **options).to_text(interval=interval)
    return text.partition("\n\n")[0].splitlines()[-1]


@pytest.mark.parametrize(
    "nll, expected",
    [
        # Mean and error of 2 and 3, and of 0 and 1: 2.5 ± 0.5, 0.5 ± 0.5; 1.96 errors are 0.98.
        ([2, 3], "B is worse by 2.50 ± 0.50 nats"),
        ([0, 1], "B is not clearly better or worse: +0.50 ± 0.50 nats"),
        ([2, 2], "B is worse by 2.0000 nats"),
        ([2], "B is not clearly better or worse: +2.0000 nats"),
        ([0, 0], "B is not clearly better or worse: +0.0000 nats"),
        ([1, np.inf], "B is worse by inf nats"),
        ([1, np.nan], "B and A can't be compared: the difference of a row's nll is nan"),
    ],
)
def test_title_says_which_one_is_better(nll, expected):
    assert sentence(nll) == expected


def test_title_says_that_b_is_better_or_that_groups_are_too_few():
    a, b = np.array([[0, 3.0], [0, 2]]), np.zeros((2, 2))
    # log(1 + e**3) - log 2 and log(1 + e**2) - log 2 are 2.355 and 1.434.
    better = compare(a, b, [0, 0])
    assert "\nB is better by 1.89 ± 0.46 nats\n" in str(better)
    assert "\nB is better by 0.99 to 2.80 nats\n" in better.to_text(interval=0.95)
    assert sentence([2, 3], 0.95) == "B is worse by 1.52 to 3.48 nats"
    assert sentence([2, 2], 0.95) == "B is worse by 2.0000 nats"
    # 12.7 errors with two groups
    expected = "B is not clearly better or worse: +2.50 ± 0.50 nats"
    assert sentence([2, 3], groups=["x", "y"]) == expected
