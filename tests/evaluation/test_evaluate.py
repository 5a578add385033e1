"""evaluate: every metric by the formulas, its exact totals as fractions, its errors."""

import json
import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evaluations
import oracle
import smoothxent
from assertions import error_text
from inventory import rows_for_threads
from metric_checks import CLASS_COUNTS, ORDINARY_TOLERANCE, draw
from quick import slow_but_first
from smoothxent import Evaluation, evaluate
from smoothxent._totals.exact import square_root
from ways import instruction_set

MEASURES = ("nll", "entropy", "confidence", "brier", "rank")


def expected_rows(logits, labels, *, sample_weight=None, class_weight=None, **options):
    """Return the expected rows for a call's arguments, by the formulas."""
    num_classes = logits.shape[1]
    s = np.ones(len(logits)) if sample_weight is None else np.asarray(sample_weight, float)
    w = np.ones(num_classes) if class_weight is None else np.asarray(class_weight, float)
    of_loss = {k: v for k, v in options.items() if k in ("label_smoothing", "prior")}
    of_totals = {k: v for k, v in options.items() if k in ("label_smoothing", "top_k", "num_bins")}
    measures = oracle.measures(logits, labels)
    return evaluations.Rows(
        **{name: measures[name] for name in MEASURES},
        loss=oracle.row_losses(logits, labels, class_weight=w, sample_weight=s, **of_loss),
        sample_weight=s,
        label_weight=s * w[labels],
        **{"label_smoothing": 0.0} | of_totals,
    )


def assert_as_measured(evaluation, expected, dtype, edges=True):
    """Assert that two evaluations have the same metrics, to the promised tolerance."""
    allowed = ORDINARY_TOLERANCE[np.dtype(np.float64 if dtype == np.float64 else np.float32)]
    errors = (f"{name}_stderr" for name in (*evaluations.MEANS, "accuracy"))
    for name in ("loss", *evaluations.MEANS, *errors, "top_k_stderr"):
        actual, wanted = getattr(evaluation, name), getattr(expected, name)
        assert actual == pytest.approx(wanted, rel=allowed, abs=allowed, nan_ok=True), name
    for name in ("count", "ignored", "accuracy", "top_k", "weight", "label_smoothing"):
        assert getattr(evaluation, name) == pytest.approx(getattr(expected, name)), name
    assert evaluation.perplexity == pytest.approx(math.exp(evaluation.nll))
    if edges:  # no row of these is so near the edge of a bin that a rounding could move it
        assert evaluation.histogram == expected.histogram
        assert [b.count for b in evaluation.bins] == [b.count for b in expected.bins]
        assert evaluation.calibration_error == pytest.approx(
            expected.calibration_error, rel=allowed, abs=allowed
        )


@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
@pytest.mark.parametrize("scale", slow_but_first([4, 0.1, 40]))
def test_metrics_are_those_of_the_formulas(any_dtype, rng, num_classes, scale):
    logits, labels = draw(rng, 83, num_classes, any_dtype, scale)
    expected = evaluations.evaluation(expected_rows(logits, labels))
    # Of halves there are rows of two classes whose confidence is exactly an edge, of 1 class all.
    edges = num_classes > 2 and scale == 4 and np.dtype(any_dtype).itemsize > 2
    assert_as_measured(evaluate(logits, labels), expected, any_dtype, edges)


@pytest.mark.parametrize("num_classes", [5, 129, 1000, 3000])
@pytest.mark.parametrize("weighted", ["sample_weight", "class_weight", "both"])
def test_metrics_are_right_under_every_option(any_dtype, rng, num_classes, weighted):
    logits, labels = draw(rng, 61, num_classes, any_dtype)
    options = {"label_smoothing": 0.1, "top_k": (2, 3, 7), "num_bins": 8}
    if weighted != "class_weight":
        options["sample_weight"] = rng.uniform(0, 2, 61) * (rng.uniform(0, 1, 61) > 0.2)
    if weighted != "sample_weight":
        options["class_weight"] = rng.uniform(0, 2, num_classes)
        options["prior"] = rng.dirichlet(np.ones(num_classes))
    expected = evaluations.evaluation(expected_rows(logits, labels, **options))
    assert_as_measured(evaluate(logits, labels, **options), expected, any_dtype)


def test_weights_of_bools_are_a_mask_of_rows_or_classes(any_dtype, rng):
    logits, labels = draw(rng, 61, 5, any_dtype)
    mask, classes, loss = rng.uniform(0, 1, 61) < 0.5, np.arange(5) > 0, smoothxent.cross_entropy
    for options in ({}, {"class_weight": classes}):
        kept = loss(logits[mask], labels[mask], **options)
        assert evaluate(logits, labels, sample_weight=mask, **options).loss == kept
    weights = {"class_weight": classes}, {"sample_weight": classes[labels]}
    assert len({loss(logits, labels, **each) for each in weights}) == 1


@pytest.mark.parametrize("num_classes", [5, 129, 3000])
def test_labels_without_a_share_in_the_loss_have_metrics(dtype, rng, num_classes):
    logits, labels = draw(rng, 61, num_classes, dtype)
    for options in (
        {"label_smoothing": 1.0, "prior": rng.dirichlet(np.ones(num_classes))},
        {"label_smoothing": 0.1, "class_weight": np.arange(num_classes) % 2},
        {"class_weight": np.arange(num_classes) % 3},
    ):
        expected = evaluations.evaluation(expected_rows(logits, labels, **options))
        assert_as_measured(evaluate(logits, labels, **options), expected, dtype)


@pytest.mark.fault("ignored-rows")
@pytest.mark.parametrize("num_classes", [4, 300, 5000])
def test_ignored_rows_count_nowhere(any_dtype, rng, num_classes):
    logits, labels = draw(rng, 60, num_classes, any_dtype)
    ignored = rng.uniform(0, 1, 60) < 0.4
    with_ignored = np.where(ignored, -100, labels)
    spoilt = logits.copy()
    spoilt[ignored & (np.arange(60) < 30)] = np.nan
    of_all = evaluate(spoilt, with_ignored, label_smoothing=0.1, ignore_index=-100)
    of_kept = evaluate(logits[~ignored], labels[~ignored], label_smoothing=0.1)
    assert of_all.ignored == ignored.sum()
    of_none = evaluate(logits[:0], labels[:0], label_smoothing=0.1)
    of_ignored = evaluate(
        spoilt[ignored], with_ignored[ignored], label_smoothing=0.1, ignore_index=-100
    )
    assert of_all == of_kept + of_ignored
    assert of_all.nll == of_kept.nll
    for evaluation, bare in ((of_all, of_kept), (of_ignored, of_none)):
        for name in ("count", "bins", "histogram", "top_k"):
            assert repr(getattr(evaluation, name)) == repr(getattr(bare, name)), name


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [3, 129, 1025, 20_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_any_shards_on_any_threads_give_the_same_totals(any_dtype, rng, num_classes, weighted):
    num_rows = 40_000 // num_classes + 50
    logits, labels = draw(rng, num_rows, num_classes, any_dtype)
    weight = rng.uniform(0, 2, num_rows) if weighted else None
    whole = evaluate(logits, labels, sample_weight=weight, num_threads=1)
    for num_threads in (2, 3, 16, None):
        again = evaluate(logits, labels, sample_weight=weight, num_threads=num_threads)
        assert again == whole
    for num_shards in (2, 40):
        order = rng.permutation(num_rows)
        shards = [
            evaluate(
                logits[part], labels[part], sample_weight=None if weight is None else weight[part]
            )
            for part in np.array_split(order, num_shards)
        ]
        total = sum(shards, Evaluation.empty())
        assert total == whole
        assert json.dumps(total.to_dict()) == json.dumps(whole.to_dict())


@pytest.mark.thread_unsafe(reason="changes which build the process calls")
@given(st.data())
def test_every_instruction_set_gives_the_same_totals(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.float16, ml_dtypes.bfloat16]))
    num_classes = data.draw(st.sampled_from([1, 2, 9, 70, 128, 129, 700, 1024, 1025, 17_000]))
    num_rows = data.draw(st.integers(0, max(1, min(40, 40_000 // num_classes))))
    logits, labels = draw(rng, num_rows, num_classes, dtype, data.draw(st.floats(0, 100)))
    options = {"label_smoothing": data.draw(st.sampled_from([0.0, 0.1]))}
    if data.draw(st.booleans()):
        options["sample_weight"] = rng.uniform(0, 2, num_rows)
    expected = evaluate(logits, labels, **options)
    top_k = data.draw(st.integers(1, min(64, num_classes)))
    of_rows = smoothxent.row_statistics(logits, labels, top_k=top_k)
    for isa in smoothxent.available_isas():
        with instruction_set(isa, "evaluate", "row_statistics"):
            assert evaluate(logits, labels, **options) == expected
            statistics = smoothxent.row_statistics(logits, labels, top_k=top_k)
            for one, other in zip(statistics, of_rows, strict=True):
                assert one.tobytes() == other.tobytes()


def test_evaluation_of_no_rows_is_empty():
    for axis_of_none in (np.zeros((0, 4), np.float32), np.zeros((0, 0))):
        evaluation = evaluate(axis_of_none, np.zeros(0, int))
        assert evaluation + Evaluation.empty() == evaluation + evaluation == evaluation


def test_each_mean_is_one_quotient_of_exact_sums(rng):
    # Of rows one by one the sums are the rows' own measures, so that fractions can add them.
    logits, labels = draw(rng, 50, 6, np.float64)
    rows = [evaluate(row, label) for row, label in zip(logits, labels, strict=True)]
    whole = evaluate(logits, labels)
    for name in ("nll", "entropy", "confidence", "brier"):
        terms = [getattr(row, name) for row in rows]
        assert getattr(whole, name) == evaluations.mean(terms, np.ones(50))


@pytest.mark.parametrize("num_classes", [1, 2, 10, 129, 1025])
@pytest.mark.parametrize("num_bins", [15, 1000])
def test_every_total_is_exact_over_rows_of_the_dtype_of_losses(
    any_dtype, rng, num_classes, num_bins
):
    logits, labels = draw(rng, 50, num_classes, any_dtype, 6)
    rows = [evaluate(row, label) for row, label in zip(logits, labels, strict=True)]
    whole, one_each = evaluate(logits, labels, num_bins=num_bins), np.ones(50)
    for name in evaluations.MEANS:
        values = np.array([getattr(row, name) for row in rows])
        if np.dtype(any_dtype).itemsize < 8:
            assert (values.astype(np.float32) == values).all()
        assert getattr(whole, name) == evaluations.mean(values, one_each)
        assert getattr(whole, f"{name}_stderr") == stderr(values)
    confidence, hits = (
        np.array([getattr(row, name) for row in rows]) for name in ("confidence", "accuracy")
    )
    places = np.minimum(np.floor(confidence * num_bins), num_bins - 1)
    for b, each in enumerate(whole.bins):
        inside = places == b
        assert each.count == inside.sum()
        expected = evaluations.mean(confidence[inside], one_each[inside])
        assert repr(each.confidence) == repr(expected)
    score = sum((Fraction(c) - int(hit)) ** 2 for c, hit in zip(confidence, hits, strict=True))
    assert whole.reliability().score == float(score / 50)


@pytest.mark.parametrize("num_bins", [1, 15, 1000])
def test_confidence_that_is_rounded_to_1_is_in_the_last_bin(dtype, num_bins):
    # exp(-20) is less than half an ulp of 1 in float32, exp(-40) in float64.
    logits = np.array([[40, 0], [20, 0], [0, 30]], dtype)
    evaluation = evaluate(logits, [0, 0, 1], num_bins=num_bins)
    assert evaluation.bins[-1].count == 3
    assert (evaluation.confidence == 1) == (dtype == np.float32)
    assert (evaluation.reliability().score == 0) == (dtype == np.float32)


@pytest.mark.fault("probabilities-for-labels")
@pytest.mark.parametrize("function", [evaluate, smoothxent.row_statistics])
def test_scores_of_a_binary_decision_function_are_errors_with_the_remedy(rng, function):
    scores, labels = rng.normal(size=5), np.array([0, 1, 1, 0, 1])
    assert error_text(ValueError, function, scores, labels) == (
        "labels must be one class index if logits have one axis, got shape (5,); "
        "if these are scores s of a binary decision_function, use "
        "np.stack([np.zeros_like(s), s], axis=-1) for logits"
    )
    logits = np.stack([np.zeros_like(scores), scores], axis=-1)
    expected = np.log1p(np.exp(np.where(labels == 1, -scores, scores)))
    # Either is within a few roundoffs of losses of about 1.
    assert evaluate(logits, labels).nll == pytest.approx(expected.mean(), rel=1e-14)


def stderr(nll):
    """Return the correctly rounded standard error of the mean of these float64 numbers."""
    exact = list(map(Fraction, nll.tolist()))
    mean = sum(exact) / len(exact)
    return square_root(sum((each - mean) ** 2 for each in exact) / (len(exact) * (len(exact) - 1)))


@pytest.mark.parametrize("num_classes", [2, 129, 1025])
@pytest.mark.parametrize("gap, spread", [(1e7, 1e-3), (1e7, 1e-8), (-10, 3), (-40, 1e-9), (1, 1)])
def test_stderr_is_correctly_rounded_however_alike_the_rows_are(rng, num_classes, gap, spread):
    logits = np.full((500, num_classes), -1e9)
    logits[:, 0], logits[:, 1] = 0, gap + spread * rng.normal(size=500)
    labels = np.zeros(500, int)
    nll = smoothxent.cross_entropy(logits, labels, reduction="none")
    assert evaluate(logits, labels).nll_stderr == stderr(nll)


@pytest.mark.fault("label-range")
@pytest.mark.parametrize("function", [evaluate, smoothxent.row_statistics])
@pytest.mark.parametrize("num_classes", [4, 400, 20_000])
def test_lowest_label_out_of_range_is_named(function, num_classes):
    num_rows = rows_for_threads(num_classes, 40)
    logits, labels = np.zeros((num_rows, num_classes), np.float32), np.zeros(num_rows, int)
    labels[[13, 29]] = num_classes, -1
    for num_threads in (1, 3):
        assert error_text(IndexError, function, logits, labels, num_threads=num_threads) == (
            f"labels must lie in [0, {num_classes}), got labels[13] = {num_classes}"
        )


SETTINGS = [
    ({"top_k": (0,)}, ValueError("top_k must be at least 1, got 0")),
    ({"top_k": 5}, TypeError("top_k must be a tuple of integers, got 5; write (5,)")),
    ({"top_k": (1, 2.5)}, TypeError("top_k must be an integer, got 2.5")),
    ({"top_k": (True,)}, TypeError("top_k must be an integer, got True")),
    ({"top_k": (2**63,)}, ValueError(f"top_k must be at most {2**63 - 1}, got {2**63}")),
    ({"num_bins": 0}, ValueError("num_bins must be at least 1, got 0")),
    ({"num_bins": 1.5}, TypeError("num_bins must be an integer, got 1.5")),
    # so many that their size in bytes would wrap around, or that no size_t holds
    ({"num_bins": 2**55}, ValueError(f"num_bins must be at most 1048576, got {2**55}")),
    ({"num_bins": 2**70}, ValueError(f"num_bins must be at most 1048576, got {2**70}")),
    ({"label_smoothing": 2}, ValueError("label_smoothing must lie in [0, 1], got 2")),
    ({"softcap": 0}, ValueError("softcap must lie in [1e-37, 1e+37], got 0")),
]
OF_ROWS = [
    ({"num_threads": 0}, ValueError("num_threads must be at least 1, got 0")),
    (
        {"labels": np.eye(3)[:2]},
        ValueError(
            "labels must be class indices here, got probabilities of shape (2, 3); "
            "take their argmax over the class axis"
        ),
    ),
    ({"labels": [0]}, ValueError("labels must have shape (2,), got (1,)")),
    ({"sample_weight": [1.0]}, ValueError("sample_weight must have shape (2,), got (1,)")),
]


@pytest.mark.fault("probabilities-for-labels", "top-k-and-bins", "unequal-settings")
@pytest.mark.parametrize("changes, error", SETTINGS + OF_ROWS)
def test_what_no_evaluation_takes_is_an_error(changes, error):
    arguments = {"logits": np.zeros((2, 3), np.float32), "labels": [0, 1]} | changes
    assert error_text(type(error), evaluate, **arguments) == str(error)
    if (changes, error) in SETTINGS:
        assert error_text(type(error), Evaluation.empty, **changes) == str(error)


def test_weights_of_an_empty_evaluation_have_one_size():
    text = error_text(ValueError, Evaluation.empty, prior=[[1.0]])
    assert text == "prior must have shape (1,), got (1, 1)"
    text = error_text(ValueError, Evaluation.empty, prior=[1.0], class_weight=[1, 1])
    assert text == "class_weight must have shape (1,), got (2,)"
