"""bench.accuracy: its exact values are right, it notices errors, all results are in bounds."""

import dataclasses
import json
import math
from collections import defaultdict

import mpmath
import numpy as np
import pytest
from bench.accuracy import __main__ as command
from bench.accuracy import bounds, breeding, report
from bench.accuracy.comparison import ExactProblem, Worst, comparisons
from bench.accuracy.libraries import details_of, results_of
from bench.accuracy.problems import DTYPES, draw, problems
from bench.accuracy.processes import Processes
from bench.accuracy.records import Tally, campaign, load
from bench.accuracy.regimes import REGIMES
from bench.accuracy.ulps import FORMATS, errors, exact_of_mpf
from bench.peers import OURS

import oracle
import smoothxent

BY_NAME = {regime.name: regime for regime in REGIMES}
PROBLEM = draw(BY_NAME["usual"], "float32", 2, 3)


def worst_errors(library, problem, results=None):
    """Return the worst error of each function."""
    worst = defaultdict(Worst)
    results = results_of(library, problem) if results is None else results
    for comparison in comparisons(problem, list(ExactProblem(problem).truths()), results):
        worst[comparison.function] = worst[comparison.function].joined(comparison.worst)
    return worst


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_result_keeps_its_bound_in_every_regime(dtype):
    functions = set()
    for problem in problems(quick=True, dtypes=(dtype,)):
        worst = worst_errors(OURS, problem)
        functions |= set(worst)
        for w in worst.values():
            assert w.fraction <= 1, w.case
    assert functions == set(bounds.FUNCTIONS)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["levels", "ascending", "huge"])
def test_rows_of_several_segments_keep_their_bounds(name, dtype):
    # A segment has 16384 classes; here the largest logits of the second lie elsewhere.
    worst = worst_errors(OURS, draw(BY_NAME[name], dtype, 1, 20_000))
    assert [w.case for w in worst.values() if w.fraction > 1] == []


def test_promise_of_a_loss_is_the_same_wherever_it_stands():
    assert {np.dtype(name): ulps for name, ulps in bounds.LOSSES.items()} == oracle.LOSS_ULPS
    single, double = oracle.LOSS_ULPS.values()
    assert bounds.FUNCTIONS[bounds.LOSS] == f"{single} ulp of float32, {double} ulp of float64"
    notes = " ".join(smoothxent.cross_entropy.__doc__.split())
    assert f"within {single} ulp of the exact value, float64 losses within {double}," in notes
    for page in ("README.md", "docs/promises.md"):
        text = " ".join((command.ROOT / page).read_text(encoding="utf-8").split())
        assert f"within {single} ulp of the exact value, float64 losses within {double}" in text


# Exact values and errors.


def as_mpf(exact, *index):
    """Return one exact value, which holds 106 bits."""
    total = mpmath.mpf(float(exact.high[index])) + mpmath.mpf(float(exact.low[index]))
    return mpmath.ldexp(total, int(exact.exponent[index]))


def assert_same(truth, index, expected):
    """Compare 104 of 106 bits; after a cancellation, to 2**-200 of the terms; 2**-1190 is zero."""
    allowed = abs(expected) * 2.0**-104 + float(truth.scale[index]) * mpmath.ldexp(1, -200)
    assert abs(as_mpf(truth.exact, *index) - expected) <= allowed + mpmath.ldexp(1, -1190)


def assert_exact(problem):
    """Compare every exact value of a problem with the oracle's plain sums and logarithms."""
    truths = {(function, name): truth for function, name, truth in ExactProblem(problem).truths()}
    for n, row in enumerate(problem.logits.astype(float)):
        with mpmath.workdps(oracle.digits_for(row)):
            lse = oracle.exact_log_sum_exp(row)
            assert_same(truths[bounds.LOG_SUM_EXP, ""], (n,), lse)
            for k, p in enumerate(oracle.exact_softmax(row)):
                assert_same(truths[bounds.SOFTMAX, ""], (n, k), p)
                assert_same(truths[bounds.LOG_SOFTMAX, ""], (n, k), float(row[k]) - lse)
            for setting in problem.settings:
                options = {
                    name: value for name, value in setting.options.items() if name != "ignore_index"
                }
                if "sample_weight" in options:
                    options["sample_weight"] = options["sample_weight"][n]
                loss, gradient = mpmath.mpf(0), [mpmath.mpf(0)] * len(row)
                if setting.kept()[n]:
                    loss = oracle.exact_loss(row, setting.labels[n], **options)
                    gradient = oracle.exact_gradient(row, setting.labels[n], **options)
                assert_same(truths[bounds.LOSS, setting.name], (n,), loss)
                for k, g in enumerate(gradient):
                    assert_same(truths[bounds.GRADIENT, setting.name], (n, k), g)


@pytest.mark.slow
@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: regime.name)
def test_exact_values_are_those_of_plain_mpmath(regime):
    # The largest numbers are those of float32: at 1e299, mpmath's exp takes half a minute.
    dtype = "float32" if regime.name in ("huge", "near overflow") else "float64"
    assert_exact(draw(regime, dtype, 2, 4))


@pytest.mark.slow
def test_exact_values_of_many_classes_are_those_of_plain_mpmath():
    # Several pieces of the tables, and two thousand distinct exponentials.
    assert_exact(draw(BY_NAME["usual"], "float32", 1, 2001))


def test_exact_mean_is_the_sum_of_the_losses_by_the_sum_of_the_weights():
    problem = draw(BY_NAME["usual"], "float64", 5, 3)
    truths = {(function, name): truth for function, name, truth in ExactProblem(problem).truths()}
    for setting in problem.settings:
        losses, mean = truths[bounds.LOSS, setting.name], truths[bounds.MEAN, setting.name]
        options = {
            name: value
            for name, value in setting.options.items()
            if name not in ("label_smoothing", "prior")
        }
        divisor = oracle.denominator("mean", setting.labels, 3, **options)
        with mpmath.workdps(60):
            total = mpmath.fsum(as_mpf(losses.exact, n) for n in range(5))
            assert_same(mean, (0,), total / divisor)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_error_of_eight_ulps_exceeds_the_bound(dtype):
    # The largest probability has the smallest bound: at most 6 ulp, and less than 1 more.
    problem = draw(BY_NAME["confident"], dtype, 4, 10)
    results = results_of(OURS, problem)
    settings = {bounds.LOSS: "plain", bounds.GRADIENT: "plain"}
    settings |= {bounds.SOFTMAX: "", bounds.LOG_SUM_EXP: ""}
    right = worst_errors(None, problem, results)
    off = {key: results[key] + 8 * np.spacing(results[key]) for key in settings.items()}
    wrong = worst_errors(None, problem, results | off)
    for function in settings:
        assert right[function].fraction <= 1
        # Its own error is added, and below 1 an ulp is half as large.
        assert 1 < wrong[function].fraction <= 7
        assert wrong[function].case.startswith(f"{function}, confident, {dtype}, 4 x 10")


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_error_of_a_result_that_is_not_finite_is_infinite(wrong):
    problem = draw(BY_NAME["usual"], "float32", 4, 10)
    results = results_of(OURS, problem)
    results[bounds.LOSS, "plain"][2] = wrong
    assert worst_errors(None, problem, results)[bounds.LOSS].ulps == math.inf


def test_mean_that_is_rounded_twice_exceeds_the_bound():
    problem = draw(BY_NAME["usual"], "float64", 8, 10)
    results = results_of(OURS, problem)
    mean = results[bounds.MEAN, "plain"]
    assert worst_errors(None, problem, results)[bounds.MEAN_OF_ROWS].fraction <= 1
    for neighbour in (np.nextafter(mean, 0), np.nextafter(mean, 9)):
        worst = worst_errors(None, problem, results | {(bounds.MEAN, "plain"): neighbour})
        assert worst[bounds.MEAN_OF_ROWS].fraction > 1


@pytest.mark.parametrize("dtype", FORMATS)
def test_ulps_are_distances_between_neighbours(dtype):
    form = FORMATS[dtype]
    least = 2.0**form.smallest
    top = 2.0 ** (form.largest - 1)  # the largest power of two
    for exact, actual, expected in [
        (1.0, 1 + 2.0 ** (1 - form.digits), 1.0),
        (1.0, 1 - 2.0**-form.digits, 0.5),
        (3 * least, 5 * least, 2.0),
        (least, 0.0, 1.0),
        (0.0, 0.0, 0.0),
        (top, math.inf, math.inf),
        (4 * mpmath.mpf(top), math.inf, 0.0),
        (4 * mpmath.mpf(top), -math.inf, math.inf),
        (mpmath.ldexp(1, -5000), 0.0, 0.0),
        (mpmath.ldexp(1, -5000), least, 1.0),
        (1.0, math.nan, math.inf),
    ]:
        truth = exact_of_mpf([mpmath.mpf(exact)])
        ulps = errors(np.array([actual]), truth, np.abs(truth.nearest()), dtype)
        assert ulps.tolist() == [expected], (exact, actual)


# The search for worse rows.


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("function", "setting"), breeding.GOALS)
def test_search_ranks_rows_by_their_exact_errors(function, setting, dtype):
    row = breeding.ancestors(dtype, 1, 20, 0)[0]
    problem = breeding.problem_of_row("; ".join((function, setting, dtype)), row)
    exact = worst_errors(OURS, problem)[function].fraction
    ranked = breeding.Hunt(function, dtype, problem.settings[0]).fractions(problem.logits)
    np.testing.assert_allclose(ranked, [exact], rtol=0.02, atol=0.002)


def test_search_finds_worse_rows_than_it_begins_with():
    hunt = breeding.Hunt(bounds.LOSS, "float32", breeding.setting_of("plain", 129))
    rows = breeding.ancestors("float32", 16, 129, 0)
    before = hunt.fractions(rows).max()
    worst = breeding.bred(hunt, rows, range(200), np.random.default_rng(0))
    assert hunt.fractions(worst)[0] > 1.2 * before


# The command.


def campaign_of(results, details, failures):
    """Return a campaign with our results of one problem."""
    tally, truths = Tally(), ExactProblem(PROBLEM).truths()
    compared = tally.add(OURS, PROBLEM, comparisons(PROBLEM, list(truths), results))
    return campaign(tally, compared, details, failures)


@pytest.fixture(scope="module")
def short_run():
    """Return a campaign with a peer that fails."""
    return campaign_of(
        results_of(OURS, PROBLEM), {OURS: details_of(OURS)}, {"nobody": "no such peer"}
    )


@pytest.mark.slow
def test_peer_that_fails_is_named_and_left_out():
    with Processes([OURS, "nobody"]) as processes:
        answers = dict(processes.outcomes(processes.start(results_of, PROBLEM)))
        assert set(answers) == {OURS}
        run = campaign_of(answers[OURS], processes.details, processes.failures)
    assert run.failures == {"nobody": "KeyError('nobody')"}
    assert list(run.versions) == [OURS]


def test_saved_run_is_read_as_it_was(short_run, tmp_path):
    path = tmp_path / "run.json"
    short_run.save(path)
    assert load(path) == short_run
    assert json.loads(path.read_text())["compared"] == short_run.compared == 3 + 4 * 14


@pytest.mark.slow
def test_exit_status_says_whether_a_bound_is_exceeded(short_run, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    path = tmp_path / "run.json"
    monkeypatch.setattr(command, "SAVED", path)
    monkeypatch.setattr(command, "DOCS", tmp_path)
    short_run.save(path)
    assert command.main(["--redraw"]) == 0
    assert capsys.readouterr().err == (
        "nobody failed, and its later results are missing: no such peer\n"
    )
    record = dataclasses.replace(short_run.records[0], fraction=1.0001, case="this one")
    changed = dataclasses.replace(short_run, records=[record, *short_run.records[1:]], failures={})
    changed.save(path)
    assert command.main(["--redraw"]) == 1
    assert capsys.readouterr().err == "exceeds its bound: this one\n"


def test_page_says_where_a_bound_is_exceeded(short_run):
    assert report.standing(short_run) == "All results of smoothxent are within their bounds."
    record = dataclasses.replace(short_run.records[0], fraction=1.25)
    changed = dataclasses.replace(short_run, records=[record, *short_run.records[1:]])
    standing = "These results exceed their bound: softmax of float32, usual (125% of the bound)."
    assert report.standing(changed) == standing
    page = report.page(changed)
    assert f"**{standing}**" in page
    assert "| softmax | float32 | 125% | usual |" in page


def test_page_is_that_of_the_saved_run():
    run = load(command.SAVED)
    assert run.exceeded("smoothxent") == []
    assert run.names("regime") == [*(regime.name for regime in REGIMES), breeding.BRED]
    assert (command.DOCS / "accuracy.md").read_text(encoding="utf-8") == report.page(run)
