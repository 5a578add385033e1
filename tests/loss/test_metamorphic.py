"""Relations between results that hold for all logits; Hypothesis searches for exceptions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import smoothxent
from assertions import assert_losses_right
from strategies import DTYPES, EIGHTHS, SMOOTHINGS, problems


def losses_of(logits, labels, **options):
    return smoothxent.cross_entropy(logits, labels, reduction="none", **options)


def gradient_of(logits, labels, **options):
    return smoothxent.cross_entropy_and_grad(logits, labels, reduction="none", **options)[1]


def twice_the_promise(losses, dtype):
    """Return the largest difference of two losses that both have the promised accuracy."""
    return 2 * oracle.LOSS_ULPS[np.dtype(dtype)] * np.spacing(np.abs(losses).astype(dtype))


@given(problems(elements=EIGHTHS), SMOOTHINGS, st.integers(-1000, 1000))
def test_loss_is_unchanged_by_a_constant_shift(problem, label_smoothing, shift):
    # Multiples of 1/8 and a whole shift: the sum is exact, and so the exact loss is the same.
    shifted = problem.logits + problem.dtype(shift)
    options = {"label_smoothing": label_smoothing}
    before = losses_of(problem.logits, problem.labels, **options)
    after = losses_of(shifted, problem.labels, **options)
    assert np.all(np.abs(after - before) <= twice_the_promise(before, problem.dtype))


@given(problems(elements=EIGHTHS), st.integers(-1000, 1000))
def test_gradient_is_unchanged_by_a_constant_shift(problem, shift):
    shifted = problem.logits + problem.dtype(shift)
    before = gradient_of(problem.logits, problem.labels).astype(float)
    after = gradient_of(shifted, problem.labels).astype(float)
    # Either is within its allowance of the same exact value.
    allowed = oracle.gradient_allowance(problem.logits, problem.labels, problem.dtype)
    assert np.all(np.abs(after - before) <= 2 * allowed)


@given(problems(), SMOOTHINGS, st.randoms(use_true_random=False))
def test_loss_is_unchanged_by_a_permutation_of_the_classes(problem, label_smoothing, random):
    order = random.sample(range(problem.num_classes), problem.num_classes)
    new_place = np.argsort(order)
    options = {"label_smoothing": label_smoothing}
    before = losses_of(problem.logits, problem.labels, **options)
    after = losses_of(problem.logits[:, order], new_place[problem.labels], **options)
    assert np.all(np.abs(after - before) <= twice_the_promise(before, problem.dtype))


@given(problems(), SMOOTHINGS)
def test_loss_is_linear_in_the_smoothing(problem, label_smoothing):
    at_zero = losses_of(problem.logits, problem.labels).astype(float)
    at_one = losses_of(problem.logits, problem.labels, label_smoothing=1).astype(float)
    between = losses_of(problem.logits, problem.labels, label_smoothing=label_smoothing)
    expected = (1 - label_smoothing) * at_zero + label_smoothing * at_one
    # The promise for the result and for each term: an ulp is at most 2 roundoffs of its value, a
    # roundoff of the weighted sum at most its ulp, so the terms add twice the promise.
    allowed = 3 * oracle.LOSS_ULPS[np.dtype(problem.dtype)]
    assert np.all(
        np.abs(between - expected) <= allowed * np.spacing(expected.astype(problem.dtype))
    )


@given(problems(), st.randoms(use_true_random=False))
def test_loss_at_full_smoothing_does_not_depend_on_the_label(problem, random):
    others = np.array([random.randrange(problem.num_classes) for _ in problem.labels])
    before = losses_of(problem.logits, problem.labels, label_smoothing=1)
    after = losses_of(problem.logits, others, label_smoothing=1)
    assert np.all(np.abs(after - before) <= twice_the_promise(before, problem.dtype))


@given(problems(), SMOOTHINGS)
def test_loss_is_never_negative(problem, label_smoothing):
    losses = losses_of(problem.logits, problem.labels, label_smoothing=label_smoothing)
    assert np.all(losses >= 0)
    assert not np.any(np.signbit(losses))


@given(DTYPES, st.integers(1, 3000), st.floats(-1e6, 1e6, width=32), SMOOTHINGS)
def test_loss_of_a_uniform_row_is_the_logarithm_of_the_number_of_classes(
    dtype, num_classes, value, label_smoothing
):
    logits = np.full((1, num_classes), value, dtype)
    losses = losses_of(logits, [num_classes // 2], label_smoothing=label_smoothing)
    # 4 ulp: the exact value is log C, which math.log gives within one ulp of float64.
    assert abs(losses[0] - math.log(num_classes)) <= 4 * np.spacing(dtype(math.log(num_classes)))


@pytest.mark.slow
@given(problems(), st.data())
def test_class_of_minus_infinity_changes_nothing_without_smoothing(problem, data):
    place = data.draw(st.integers(0, problem.num_classes))
    logits = np.insert(problem.logits, place, -np.inf, axis=1)
    labels = problem.labels + (problem.labels >= place)
    before = losses_of(problem.logits, problem.labels)
    after = losses_of(logits, labels)
    assert np.all(np.abs(after - before) <= twice_the_promise(before, problem.dtype))
    assert np.all(gradient_of(logits, labels)[:, place] == 0)


@given(problems(), SMOOTHINGS)
def test_rows_of_the_gradient_sum_to_zero(problem, label_smoothing):
    options = {"label_smoothing": label_smoothing}
    grad = gradient_of(problem.logits, problem.labels, **options).astype(float)
    # The exact elements sum to 0, and each is off by no more than its allowance.
    allowed = oracle.gradient_allowance(problem.logits, problem.labels, problem.dtype, **options)
    assert np.all(np.abs(grad.sum(axis=1)) <= allowed.sum(axis=1))


@given(problems(dtypes=st.just(np.float64), max_rows=2), SMOOTHINGS)
def test_gradient_is_the_finite_difference_of_the_loss(problem, label_smoothing):
    options = {"label_smoothing": label_smoothing}
    grad = gradient_of(problem.logits, problem.labels, **options)
    step = 2.0**-17
    for k in range(problem.num_classes):
        ahead, behind = problem.logits.copy(), problem.logits.copy()
        ahead[:, k] += step
        behind[:, k] -= step
        after = losses_of(ahead, problem.labels, **options)
        before = losses_of(behind, problem.labels, **options)
        width = ahead[:, k] - behind[:, k]
        # Truncation: h^2/6 times the third derivative p(1-p)(1-2p), below 0.1. Rounding: 4 ulp in
        # both losses, and the logit's own rounding off the centre, over the width.
        rounding = (4 * np.spacing(after) + 4 * np.spacing(before) + 2.0**-46) / width
        assert np.all(np.abs((after - before) / width - grad[:, k]) <= 0.1 * step**2 + rounding)


@given(problems(), st.floats(0, 100, width=32))
def test_loss_is_proportional_to_the_sample_weight(problem, weight):
    weights = np.full(len(problem.labels), weight)
    losses = losses_of(problem.logits, problem.labels, sample_weight=weights)
    assert_losses_right(
        losses, problem.logits, problem.labels, problem.dtype, sample_weight=weights
    )


@given(problems(), SMOOTHINGS)
def test_one_hot_rows_give_the_losses_of_their_indices(problem, label_smoothing):
    options = {"label_smoothing": label_smoothing}
    by_index = losses_of(problem.logits, problem.labels, **options)
    one_hot = np.eye(problem.num_classes)[problem.labels]
    by_row = losses_of(problem.logits, one_hot, **options)
    assert np.all(np.abs(by_row - by_index) <= twice_the_promise(by_index, problem.dtype))


@given(problems(min_classes=2), st.floats(0.125, 10, width=32))
def test_loss_falls_as_the_logit_of_the_label_rises(problem, rise):
    raised = problem.logits.copy()
    raised[np.arange(len(raised)), problem.labels] += problem.dtype(rise)
    before = losses_of(problem.logits, problem.labels)
    assert np.all(losses_of(raised, problem.labels) < before)


@given(problems())
def test_loss_is_minus_the_log_softmax_at_the_label(problem):
    losses = losses_of(problem.logits, problem.labels)
    at_label = smoothxent.log_softmax(problem.logits)[np.arange(len(losses)), problem.labels]
    # x - lse cancels where the loss is small: its error is 4 ulp of the larger of its terms.
    spread = np.ptp(problem.logits, axis=1) + math.log(problem.num_classes) + 1
    assert np.all(np.abs(losses + at_label) <= 8 * np.spacing(spread.astype(problem.dtype)))


@pytest.mark.parametrize("label_smoothing", [0.001, 0.1, 0.5])
@given(problems(max_rows=1, min_classes=2))
def test_smoothed_loss_is_never_below_its_minimum(label_smoothing, problem):
    # The minimum over all logits is the entropy of the smoothed target.
    target = oracle.coefficients([0], problem.num_classes, label_smoothing=label_smoothing)[0]
    entropy = -math.fsum(target * np.log(target))
    losses = losses_of(problem.logits, problem.labels, label_smoothing=label_smoothing)
    assert losses[0] >= entropy - 4 * np.spacing(problem.dtype(entropy))
