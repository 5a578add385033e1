"""Relations between results that hold for all logits; Hypothesis searches for exceptions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import smoothxent
from strategies import SMOOTHINGS, problems


def losses_of(logits, labels, **options):
    return smoothxent.cross_entropy(logits, labels, reduction="none", **options)


def gradient_of(logits, labels, **options):
    return smoothxent.cross_entropy_and_grad(logits, labels, reduction="none", **options)[1]


def twice_the_promise(losses, dtype):
    """Return the largest difference of two losses that both have the promised accuracy."""
    return 2 * oracle.LOSS_ULPS[np.dtype(dtype)] * np.spacing(np.abs(losses).astype(dtype))


@given(problems(), SMOOTHINGS)
def test_loss_is_never_negative(problem, label_smoothing):
    losses = losses_of(problem.logits, problem.labels, label_smoothing=label_smoothing)
    assert np.all(losses >= 0)
    assert not np.any(np.signbit(losses))


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
