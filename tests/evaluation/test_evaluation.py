"""Each metric of an Evaluation is the correctly rounded value of its formula over the rows."""

import dataclasses
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import evaluations
from assertions import error_text
from evaluations import MEANS
from smoothxent import Evaluation

ERRORS = [f"{name}_stderr" for name in (*MEANS, "accuracy")]
EVERY = [*MEANS, *ERRORS, "loss", "perplexity", "bits_per_token", "accuracy", "calibration_error"]


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def rows(request, rng):
    return evaluations.draw(rng, 500, weighted=request.param)


def constant(nll, num_rows=3, /, **others):
    """Return equal rows, with the given quantities changed."""
    ones = np.ones(num_rows)
    return evaluations.Rows(
        **{
            "nll": nll * ones,
            "loss": nll * ones,
            "entropy": ones,
            "confidence": 0.5 * ones,
            "brier": ones,
            "rank": 0 * ones,
            "sample_weight": ones,
            "label_weight": ones,
        }
        | others
    )


def test_counts_and_settings_are_those_given(rows):
    evaluation = evaluations.evaluation(dataclasses.replace(rows, ignored=7))
    assert (evaluation.count, evaluation.ignored) == (500, 7)
    assert evaluation.label_smoothing == 0.1
    assert (evaluation.softcap, evaluation.temperature, evaluation.z_loss) == (None, 1.0, 0.0)
    assert evaluation.weight == math.fsum(rows.sample_weight)


@pytest.mark.parametrize("name", MEANS)
def test_means_are_correctly_rounded(rows, name):
    terms = rows.sample_weight * getattr(rows, name)
    mean = evaluations.mean(terms, rows.sample_weight)
    assert getattr(evaluations.evaluation(rows), name) == mean


def test_loss_is_divided_by_the_weights_of_the_labels(rows):
    evaluation = evaluations.evaluation(rows)
    assert evaluation.loss == evaluations.mean(rows.loss, rows.label_weight)


def test_perplexity_is_the_exponential_of_the_mean(rows):
    evaluation = evaluations.evaluation(rows)
    assert evaluation.perplexity == math.exp(evaluation.nll)


@pytest.mark.slow
@pytest.mark.parametrize(
    "top_k, every_k",
    [
        ((1, 5), (1, 5)),
        ((1,), (1,)),
        ((3, 5), (1, 3, 5)),
        ((5, 3, 3), (1, 3, 5)),
        ((100, 5), (1, 5, 100)),
        ((), (1,)),
    ],
)
def test_top_k_are_the_shares_of_the_rows_that_rank_below_k(rows, top_k, every_k):
    evaluation = evaluations.evaluation(dataclasses.replace(rows, top_k=top_k))
    s = rows.sample_weight
    shares = {k: evaluations.mean(s[rows.rank < k], s) for k in every_k}
    assert evaluation.top_k == shares
    assert list(evaluation.top_k) == list(every_k)
    assert evaluation.accuracy == shares[1]
    assert tuple(Evaluation.empty(top_k=top_k).top_k) == every_k


@pytest.mark.slow
@pytest.mark.parametrize("num_bins", [1, 2, 15, 100])
def test_bins_are_the_means_of_their_rows(rows, num_bins):
    rows = dataclasses.replace(rows, num_bins=num_bins)
    evaluation = evaluations.evaluation(rows)
    s, places = rows.sample_weight, evaluations.bins_of(rows)
    assert sum(each.count for each in evaluation.bins) == len(rows)
    for b, each in enumerate(evaluation.bins):
        inside = places == b
        assert (each.low, each.high) == (b / num_bins, (b + 1) / num_bins)
        assert each.count == inside.sum()
        confidence = evaluations.mean(evaluations.weighted(rows, "confidence")[inside], s[inside])
        accuracy = evaluations.mean(s[inside & (rows.rank < 1)], s[inside])
        assert repr(each[3:]) == repr((confidence, accuracy))


def test_histogram_counts_by_half_octaves():
    edges = [2.0**-32, 2.0**-31.5, 1.0, 2.0**9.5, 2.0**10]
    nll = np.array([0.0, np.nextafter(edges[0], 0), *edges, math.inf, math.nan])
    counts = dict.fromkeys(range(86), 0) | {0: 2, 1: 1, 2: 1, 65: 1, 84: 1, 85: 2}
    rows = constant(1.0, len(nll), nll=nll)
    assert evaluations.evaluation(rows).histogram == tuple(counts.values())


def test_bits_are_nats_by_the_logarithm_of_2(rows):
    evaluation = evaluations.evaluation(rows)
    with mpmath.workdps(60):
        total = mpmath.fsum(map(mpmath.mpf, (rows.sample_weight * rows.nll).tolist()))
        bits = total / mpmath.log(2)
        weight = mpmath.fsum(map(mpmath.mpf, rows.sample_weight.tolist()))
        # The quotient by the amount is rounded, and the quotient by log(2), itself rounded.
        for per in (1, 1234, 0.3, 2**60 + 1, np.float32(7), np.int64(3)):
            expected = pytest.approx(float(bits / mpmath.mpf(float(per))), rel=2**-51)
            assert evaluation.bits(per=per) == expected
        assert evaluation.bits_per_token == pytest.approx(float(bits / weight), rel=2**-51)


def test_bits_of_no_rows_are_0_and_those_of_an_infinite_loss_infinite():
    assert Evaluation.empty().bits(per=3) == 0.0
    assert evaluations.evaluation(constant(math.inf)).bits(per=3) == math.inf
    assert evaluations.evaluation(constant(1e300)).bits(per=1e-300) == math.inf
    assert math.isnan(evaluations.evaluation(constant(math.nan)).bits(per=3))


@pytest.mark.parametrize(
    "per, error, message",
    [
        (0, ValueError, "per must be finite and above 0, got 0"),
        (-1.5, ValueError, "per must be finite and above 0, got -1.5"),
        (math.inf, ValueError, "per must be finite and above 0, got inf"),
        (math.nan, ValueError, "per must be finite and above 0, got nan"),
        (True, TypeError, "per must be a real number, got True"),
        ("8", TypeError, "per must be a real number, got '8'"),
    ],
)
def test_amount_that_nothing_is_divided_by_is_an_error(per, error, message):
    assert error_text(error, Evaluation.empty().bits, per=per) == message


def of_row(rows, name):
    """Return the number of each row whose mean is this metric."""
    return getattr(rows, name) if name in MEANS else (rows.rank < 1).astype(float)


@pytest.mark.parametrize("name", [*MEANS, "accuracy"])
def test_stderr_without_weights_is_that_of_a_sample(rng, name):
    rows = evaluations.draw(rng, 400)
    values = list(map(mpmath.mpf, of_row(rows, name).tolist()))
    with mpmath.workdps(60):
        mean = mpmath.fsum(values) / 400
        stderr = mpmath.sqrt(mpmath.fsum((each - mean) ** 2 for each in values) / 399 / 400)
    assert getattr(evaluations.evaluation(rows), f"{name}_stderr") == float(stderr)


@pytest.mark.parametrize("name", [*MEANS, "accuracy"])
def test_stderr_with_weights_is_that_of_the_effective_number_of_rows(rng, name):
    rows = evaluations.draw(rng, 400, weighted=True)
    s, values = rows.sample_weight, of_row(rows, name)
    mean = (s * values).sum() / s.sum()
    variance = (s * (values - mean) ** 2).sum() / s.sum()
    effective = s.sum() ** 2 / (s**2).sum()
    # The oracle's own float64 sums of 400 positive terms: 400 * 2**-53.
    stderr = math.sqrt(variance / (effective - 1))
    actual = getattr(evaluations.evaluation(rows), f"{name}_stderr")
    assert actual == pytest.approx(stderr, rel=1e-12)


def test_stderr_of_a_share_is_that_of_its_hits(rng):
    rows = dataclasses.replace(evaluations.draw(rng, 400), top_k=(1, 3, 10))
    evaluation = evaluations.evaluation(rows)
    assert list(evaluation.top_k_stderr) == [1, 3, 10]
    for k, stderr in evaluation.top_k_stderr.items():
        p = Fraction(int((rows.rank < k).sum()), 400)  # the variance of a sample: n p (1-p) / (n-1)
        assert stderr == pytest.approx(math.sqrt(p * (1 - p) / 399), rel=2**-51)
    assert evaluation.top_k_stderr[10] == 0.0
    assert evaluation.accuracy_stderr == evaluation.top_k_stderr[1]


def test_stderr_of_large_and_nearly_equal_losses_does_not_cancel():
    # A float64 variance of these would be noise.
    nll = (2**26 + np.arange(1000) % 2).astype(float)
    exact = math.sqrt(Fraction(1, 4) / 999)
    assert evaluations.evaluation(constant(1.0, 1000, nll=nll)).nll_stderr == exact


@pytest.mark.parametrize("nll", [0.1, 0.2, 0.3, 0.7, 1e7 / 3])  # whose squares are not exact
@pytest.mark.parametrize("num_rows", [2, 3, 1000])
def test_stderr_of_equal_losses_is_zero(nll, num_rows):
    assert evaluations.evaluation(constant(nll, num_rows)).nll_stderr == 0.0


@pytest.mark.parametrize("nll", [0.1, 0.3, 1e7 / 3])
def test_stderr_of_equal_losses_with_weights_is_no_more_than_their_roundings(rng, nll):
    rows = constant(nll, 1000, sample_weight=rng.uniform(0, 2, 1000))
    stderr = evaluations.evaluation(rows).nll_stderr
    assert 0 <= stderr <= nll * 2**-25 / math.sqrt(700)  # Kish: three quarters of 1000


def test_stderr_of_losses_whose_squares_overflow_is_nan():
    evaluation = evaluations.evaluation(constant(1e200))
    assert evaluation.nll == 1e200
    assert math.isnan(evaluation.nll_stderr)


@pytest.mark.parametrize("weight", [1.0, 0.1, 1 / 3, 7e10])
def test_stderr_of_a_single_row_is_nan(weight):
    one = constant(0.3, 1, sample_weight=np.array([weight]))
    assert math.isnan(evaluations.evaluation(one).nll_stderr)
    beside_nothing = constant(0.3, 2, sample_weight=np.array([weight, 0.0]))
    assert math.isnan(evaluations.evaluation(beside_nothing).nll_stderr)


def test_infinite_loss_leaves_the_other_metrics_alone():
    evaluation = evaluations.evaluation(constant(1.0, nll=np.array([1.0, math.inf, 2.0])))
    assert evaluation.nll == math.inf
    assert math.isnan(evaluation.nll_stderr)
    assert evaluation.entropy == 1.0
    assert evaluation.calibration_error == 0.5


@pytest.mark.parametrize("name", EVERY)
def test_every_metric_without_rows_or_without_weight_is_nan(name):
    zero = np.zeros(3)
    weightless = constant(1.0, sample_weight=zero, label_weight=zero, loss=zero)
    assert math.isnan(getattr(Evaluation.empty(), name))
    assert math.isnan(getattr(evaluations.evaluation(weightless), name))


def test_settings_are_numbers_of_python():
    given = {"softcap": 30, "temperature": np.float32(0.5), "z_loss": np.int8(2)}
    empty = Evaluation.empty(**given, label_smoothing=np.float16(0.25))
    settings = empty.softcap, empty.temperature, empty.z_loss, empty.label_smoothing
    assert repr(settings) == "(30.0, 0.5, 2.0, 0.25)"


def test_evaluations_are_equal_by_their_exact_sums(rng):
    rows = evaluations.draw(rng, 100)
    evaluation = evaluations.evaluation(rows)
    assert evaluation == evaluations.evaluation(rows.take(rng.permutation(100)))
    hair = rows.take(slice(None))
    hair.nll[0] = np.nextafter(hair.nll[0], 0)
    other = evaluations.evaluation(hair)
    assert other != evaluation
    assert len({evaluation, other, evaluations.evaluation(rows)}) == 2
    assert evaluation != "evaluation"
