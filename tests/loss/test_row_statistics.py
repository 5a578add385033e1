"""row_statistics: the formulas, extreme values, every kind of label."""

import ml_dtypes
import numpy as np
import pytest

import oracle
import smoothxent
from assertions import error_text
from metric_checks import CLASS_COUNTS, ORDINARY_TOLERANCE, draw
from quick import slow_but_first
from smoothxent import row_statistics

LABELLED = ("label_logit", "nll", "rank")


def assert_as_measured(statistics, logits, labels):
    """Compare the statistics of finite rows with the oracle's."""
    expected = oracle.measures(logits, labels)
    allowed = ORDINARY_TOLERANCE[statistics.entropy.dtype]
    for name, values in zip(statistics._fields[:8], statistics[:8], strict=True):
        if name in ("argmax", "rank", "max_logit", "label_logit"):
            np.testing.assert_array_equal(values, expected[name], err_msg=name)
        else:
            np.testing.assert_allclose(
                values, expected[name], rtol=allowed, atol=allowed, err_msg=name
            )


@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
@pytest.mark.parametrize("scale", slow_but_first([4, 0.1, 60]))
def test_statistics_are_those_of_the_formulas(any_dtype, rng, num_classes, scale):
    logits, labels = draw(rng, 19, num_classes, any_dtype, scale)
    assert_as_measured(row_statistics(logits, labels), logits, labels)


@pytest.mark.parametrize("num_classes", [3, 100, 129, 1000, 1025, 40_000])
def test_of_equal_logits_the_lower_class_is_the_larger(any_dtype, rng, num_classes):
    logits = rng.integers(-2, 3, (23, num_classes)).astype(any_dtype)
    labels = rng.integers(0, num_classes, 23)
    assert_as_measured(row_statistics(logits, labels), logits, labels)


@pytest.mark.fault("extreme-logits")
@pytest.mark.parametrize("num_classes", [2, 100, 1000, 5000])
def test_logits_of_any_size_and_order(dtype, rng, num_classes):
    for offset in (0.0, 1e3, -1e5, 1.4e5, -1e6):
        logits, labels = draw(rng, 9, num_classes, dtype)
        for ordered in (logits, np.sort(logits, axis=1), -np.sort(-logits, axis=1)):
            moved = (ordered + dtype(offset)).astype(dtype)
            assert_as_measured(row_statistics(moved, labels), moved, labels)


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.0, 1.0, 10.0, 17.0, 30.0, 60.0, 88.0])
@pytest.mark.parametrize("num_classes", [2, 20, 130, 1100])
def test_entropy_and_doubt_of_a_certain_row_keep_their_digits(dtype, num_classes, gap):
    row = np.linspace(-1, 0, num_classes).astype(dtype)
    row[1] = dtype(gap)
    exact = oracle.exact_measures(row, 1)
    evaluation = smoothxent.evaluate(row, 1)
    statistics = row_statistics(row, 1)
    allowed = 16 * ORDINARY_TOLERANCE[np.dtype(dtype)]
    assert abs(float(statistics.entropy) - exact["entropy"]) <= allowed * exact["entropy"]
    # The Brier score of a row is rounded to the dtype, in which it may be subnormal or 0.
    rounded = float(np.finfo(dtype).smallest_subnormal) / 2
    assert abs(evaluation.brier - exact["brier"]) <= allowed * exact["brier"] + rounded


@pytest.mark.parametrize("num_classes", [1, 2, 200, 3000])
def test_a_class_alone_leaves_no_doubt(dtype, num_classes):
    logits = np.full((8, num_classes), -np.inf, dtype)
    logits[:, -1] = [-1e6, -5.3, -0.3, 0, 0.2, 0.5, 7.1, 100.7]
    statistics = row_statistics(logits, np.full(8, num_classes - 1))
    assert (statistics.entropy == 0).all()
    assert (statistics.confidence == 1).all()
    for row in logits:
        evaluation = smoothxent.evaluate(row, num_classes - 1)
        found = [getattr(evaluation, name) for name in ("nll", "entropy", "confidence", "brier")]
        assert found == [0, 0, 1, 0]


def test_without_labels_there_are_no_statistics_of_labels(rng):
    logits, labels = draw(rng, 5, 40, np.float32)
    bare, labelled = row_statistics(logits, top_k=3), row_statistics(logits, labels, top_k=3)
    for name, values in bare._asdict().items():
        if name in LABELLED:
            assert values is None
        else:
            np.testing.assert_array_equal(values, getattr(labelled, name))


@pytest.mark.fault("special-values")
@pytest.mark.parametrize("num_classes", [3, 200, 2000])
def test_rows_without_a_softmax_say_so(dtype, num_classes):
    logits = np.zeros((5, num_classes), dtype)
    logits[0, 1], logits[1, 2], logits[2], logits[3, 1] = np.nan, np.inf, -np.inf, -np.inf
    statistics = row_statistics(logits, np.full(5, 1))
    for name in ("entropy", "confidence", "nll"):
        assert np.isnan(getattr(statistics, name)[:3]).all(), name
    np.testing.assert_array_equal(statistics.log_sum_exp[:3], [np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(statistics.max_logit, [np.nan, np.inf, -np.inf, 0, 0])
    assert statistics.argmax.tolist() == [-1, 2, 0, 0, 0]
    assert statistics.rank.tolist() == [num_classes] * 3 + [num_classes - 1, 1]
    assert statistics.nll[3] == np.inf
    assert statistics.entropy[3] == pytest.approx(np.log(num_classes - 1), rel=2e-6)


@pytest.mark.fault("ignored-rows")
def test_an_ignored_row_has_the_statistics_of_its_logits_alone(any_dtype, rng):
    for num_classes in (5, 300, 3000):
        logits, labels = draw(rng, 21, num_classes, any_dtype)
        bare = row_statistics(logits, top_k=3)
        labels_or_ignored = np.where(labels % 2, -100, labels)
        statistics = row_statistics(logits, labels_or_ignored, ignore_index=-100, top_k=3)
        ignored = labels % 2 == 1
        for name, values in statistics._asdict().items():
            if name not in LABELLED:
                np.testing.assert_array_equal(values, getattr(bare, name))
        assert np.isnan(statistics.label_logit[ignored]).all()
        assert (statistics.nll[ignored] == 0).all()
        assert (statistics.rank[ignored] == -1).all()
        assert not np.isnan(statistics.label_logit[~ignored]).any()


def test_shapes_are_those_of_the_rows(rng):
    logits = rng.normal(0, 3, (2, 7, 3)).astype(np.float32)
    labels = rng.integers(0, 7, (2, 3))
    moved = row_statistics(np.ascontiguousarray(np.moveaxis(logits, 1, -1)), labels, top_k=4)
    statistics = row_statistics(logits, labels, axis=1, top_k=4)
    for one, other in zip(statistics, moved, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    assert {array.shape for array in statistics[:8]} == {(2, 3)}
    assert statistics.top_classes.shape == statistics.top_log_probs.shape == (2, 3, 4)
    one_row = row_statistics(logits[0, :, 0], labels[0, 0], top_k=2)
    assert (one_row.nll.shape, one_row.top_classes.shape) == ((), (2,))
    nothing = row_statistics(np.zeros((0, 4), np.float32), np.zeros(0, int), top_k=2)
    assert (nothing.rank.shape, nothing.top_log_probs.shape) == ((0,), (0, 2))


@pytest.mark.parametrize("num_classes", [3, 128, 1000, 20_000])
def test_statistics_are_those_of_the_transformed_logits(any_dtype, rng, num_classes):
    logits, labels = draw(rng, 40, num_classes, any_dtype, 4)
    real = np.float64 if any_dtype == np.float64 else np.float32
    wide = logits.astype(real)
    options = {"softcap": 5.0, "temperature": 0.75}
    capped = wide.astype(np.float64)
    capped = (5.0 * np.tanh(capped / 5.0) / 0.75).astype(real)
    for given, expected in [
        ({"temperature": 2.0}, row_statistics(wide / real(2), labels)),  # an exact quotient
        (options, row_statistics(capped, labels)),
    ]:
        statistics = row_statistics(logits, labels, **given)
        for name in ("log_sum_exp", "max_logit", "entropy", "confidence", "label_logit", "nll"):
            one, other = getattr(statistics, name), getattr(expected, name)
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5, err_msg=name)
    np.testing.assert_array_equal(statistics.argmax, wide.argmax(axis=1))


def test_row_that_a_temperature_makes_infinite_says_so():
    logits = np.array([[1e38, 0, 0], [1.0, 2, 3]], np.float32)
    statistics = row_statistics(logits, [0, 0], temperature=2**-10)
    assert statistics.log_sum_exp.tolist() == [np.inf, 3072.0]
    assert statistics.max_logit.tolist() == [np.inf, 3072.0]


def test_blocks_in_which_halves_are_widened_do_not_show(rng, monkeypatch):
    logits, labels = draw(rng, 30, 20, ml_dtypes.bfloat16)
    pairs = logits.reshape(2, 15, 20).swapaxes(1, 2), labels.reshape(2, 15)
    options = {"axis": 1, "softcap": 4.0, "top_k": 4}
    expected = row_statistics(*pairs, **options)
    monkeypatch.setattr("smoothxent._kernel.widening._BLOCK", 50)
    statistics = row_statistics(*pairs, **options)
    for one, other in zip(statistics, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    labels[[17, 23]] = 20
    assert error_text(IndexError, row_statistics, logits, labels, softcap=4.0) == (
        "labels must lie in [0, 20), got labels[17] = 20"
    )


@pytest.mark.fault("probabilities-for-labels")
def test_what_is_no_class_index_is_an_error():
    logits = np.zeros((2, 3), np.float32)
    assert error_text(ValueError, row_statistics, logits, np.eye(3)[:2]) == (
        "labels must be class indices here, got probabilities of shape (2, 3); "
        "take their argmax over the class axis"
    )
    assert error_text(ValueError, row_statistics, logits, [0]) == (
        "labels must have shape (2,), got (1,)"
    )
    assert error_text(ValueError, row_statistics, logits, ignore_index=-100) == (
        "ignore_index must be None without labels, got -100"
    )
