"""linear_row_statistics: the bits of row_statistics for the stored logits of a head."""

import ml_dtypes
import numpy as np
import pytest

import oracle
from assertions import error_text
from peaks import peak_of
from quick import slow_but_first
from smoothxent import (
    available_isas,
    linear_cross_entropy_and_grad,
    linear_evaluate,
    linear_row_statistics,
    row_statistics,
)
from test_linear import SHAPES, draw, draw_whole, logits_of
from ways import instruction_set

OPTIONS = {
    "ignored": {"ignore_index": 0, "top_k": 3},
    "plain": {},
    "top classes": {"top_k": 64},
    "transformed": {"softcap": 3.0, "temperature": 0.5, "top_k": 5},
}


def assert_same_bits(actual, expected):
    for name, one, other in zip(expected._fields, actual, expected, strict=True):
        if other is None:
            assert one is None, name
        else:
            assert (one.dtype, one.shape) == (other.dtype, other.shape), name
            np.testing.assert_array_equal(one, other, err_msg=name)


@pytest.mark.parametrize("has_labels", [False, True])
@pytest.mark.parametrize("name", slow_but_first(OPTIONS))
@pytest.mark.parametrize("num_rows, num_classes", SHAPES)
def test_statistics_are_those_of_stored_logits(
    rng, dtype, rows_each, num_rows, num_classes, name, has_labels
):
    hidden, weight, bias, labels = draw_whole(rng, num_rows, num_classes, dtype)
    options = dict(OPTIONS[name])
    if "top_k" in options:
        options["top_k"] = min(options["top_k"], num_classes)
    if not has_labels:
        labels = None
        options.pop("ignore_index", None)
    logits = logits_of(hidden, weight, bias, dtype)
    assert_same_bits(
        linear_row_statistics(hidden, weight, labels, bias=bias, **options),
        row_statistics(logits, labels, **options),
    )


@pytest.mark.slow
def test_ordinary_numbers_lose_no_more_than_the_products_do(rng, dtype):
    hidden, weight, bias, labels = draw(rng, 20, 17_000, dtype, features=100)
    statistics = linear_row_statistics(hidden, weight, labels, bias=bias, top_k=3)
    logits = logits_of(hidden, weight, bias)
    expected = oracle.measures(logits, labels)
    # A logit is a sum of 101 terms; a log-probability moves by twice as much as a logit.
    roundoff = oracle.UNIT_ROUNDOFF[np.dtype(dtype)]
    size = (np.abs(hidden) @ np.abs(weight).T).max()
    error = 2 * 103 * roundoff * size
    for name in ("log_sum_exp", "max_logit", "label_logit", "nll"):
        np.testing.assert_allclose(
            getattr(statistics, name), expected[name], rtol=8 * roundoff, atol=error
        )
    log_p = oracle.log_softmax(logits)
    best = -np.sort(-log_p, axis=1)[:, :3]
    np.testing.assert_allclose(statistics.top_log_probs, best, rtol=8 * roundoff, atol=error)
    of_classes = np.take_along_axis(log_p, statistics.top_classes, axis=1)
    np.testing.assert_allclose(of_classes, best, rtol=0, atol=2 * error)


@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
def test_halves_are_the_numbers_that_they_are(rng, half):
    hidden, weight, bias, labels = draw_whole(rng, 20, 17_000, half)
    wide = [array.astype(np.float32) for array in (hidden, weight)]
    assert_same_bits(
        linear_row_statistics(hidden, weight, labels, bias=bias, top_k=9),
        linear_row_statistics(*wide, labels, bias=bias.astype(np.float32), top_k=9),
    )


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3), (2, 0, 3)])
@pytest.mark.parametrize("num_classes", [9, 20_000])
def test_rows_may_have_any_shape(rng, shape, num_classes):
    hidden = rng.integers(-3, 4, (*shape, 4)).astype(np.float32)
    weight = rng.integers(-3, 4, (num_classes, 4)).astype(np.float32)
    labels = rng.integers(0, num_classes, shape)
    statistics = linear_row_statistics(hidden, weight, labels, top_k=2)
    assert statistics.nll.shape == shape
    assert statistics.top_classes.shape == (*shape, 2)
    assert_same_bits(statistics, row_statistics(hidden @ weight.T, labels, top_k=2))


@pytest.mark.fault("head-nan")
@pytest.mark.parametrize("num_classes", [7, 200, 3000, 40_000])
def test_rows_without_a_softmax_say_so_and_spoil_no_other(rng, num_classes):
    hidden, weight, bias, _ = draw_whole(rng, 9, num_classes)
    hidden[1, 0] = np.nan  # in all classes
    hidden[3:5] = np.abs(hidden[3:5]) + 1
    weight[num_classes // 2] = np.inf  # in one class of each row, which row 3 and 4 have as inf
    weight[num_classes - 1] = [np.nan, 0, 0, 0]
    spread = np.where(np.arange(9) == 4, 0, 1).astype(np.float32)
    hidden = np.hstack([hidden, spread[:, None]])
    weight = np.hstack([weight, np.zeros((num_classes, 1), np.float32)])
    with np.errstate(all="ignore"):
        logits = hidden @ weight.T + bias
    statistics = linear_row_statistics(hidden, weight, bias=bias, top_k=3)
    assert_same_bits(statistics, row_statistics(logits, top_k=3))


@pytest.mark.fault("head-nan")
@pytest.mark.parametrize("num_classes", [7, 200, 3000, 40_000])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_infinite_bias_is_an_infinite_logit(rng, num_classes, value):
    hidden, weight, bias, labels = draw_whole(rng, 6, num_classes)
    for places in ([0], [num_classes - 1], [1, num_classes // 2], [*range(num_classes)]):
        bias[places] = value
        logits = logits_of(hidden, weight, bias, np.float32)
        assert_same_bits(
            linear_row_statistics(hidden, weight, labels, bias=bias, top_k=5),
            row_statistics(logits, labels, top_k=5),
        )


@pytest.mark.slow
@pytest.mark.thread_unsafe(reason="tracemalloc traces all threads")
def test_logits_are_never_stored(rng):
    hidden, weight, _, labels = draw_whole(rng, 600, 128_256, np.float32, 16)
    _, peak = peak_of(lambda: linear_row_statistics(hidden, weight, labels, top_k=20))
    assert peak < 64 << 20  # the logits are 308 MB


@pytest.mark.fault("head-arguments")
@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"top_k": 8}, ValueError, "top_k must be at most the number of classes (7), got 8"),
        ({"top_k": (1,)}, TypeError, "top_k must be an integer, got (1,)"),
        ({"ignore_index": -1}, ValueError, "ignore_index must be None without labels, got -1"),
        ({"labels": [7] * 5}, IndexError, "labels must lie in [0, 7), got labels[0] = 7"),
        (
            {"weight": np.zeros((70, 4)), "top_k": 65},
            ValueError,
            "top_k must be at most 64, got 65",
        ),
    ],
)
def test_bad_arguments_are_errors(options, error, text):
    arguments = {"hidden": np.zeros((5, 4)), "weight": np.zeros((7, 4))} | options
    assert error_text(error, linear_row_statistics, **arguments) == text


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [50, 40_000])
def test_bits_are_the_same_for_any_number_of_threads_and_instruction_set(
    rng, monkeypatch, num_classes
):
    # As few rows as a thread can take.
    monkeypatch.setattr("smoothxent._linear.labelled_head._PART", 1)
    hidden, weight, bias, labels = draw_whole(rng, 1400 if num_classes == 50 else 70, num_classes)
    q = np.full((len(hidden), num_classes), 1 / num_classes, np.float32)

    def bits(num_threads):
        head = {"bias": bias, "num_threads": num_threads}
        options = head | {"label_smoothing": 0.1}
        loss, gradients = linear_cross_entropy_and_grad(hidden, weight, labels, **options)
        of_q, gradients_of_q = linear_cross_entropy_and_grad(hidden, weight, q, **options)
        statistics = linear_row_statistics(hidden, weight, labels, top_k=20, **head)
        arrays = (*gradients, *gradients_of_q, *statistics)
        evaluation = linear_evaluate(hidden, weight, labels, **options)
        return loss, of_q, *(array.tobytes() for array in arrays), evaluation

    expected = bits(1)
    assert bits(2) == bits(16) == expected
    for isa in available_isas():
        with instruction_set(isa, "Blocks"):
            assert bits(2) == expected
