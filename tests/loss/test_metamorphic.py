"""Relations between results that hold for all logits; Hypothesis searches for exceptions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import oracle
import smoothxent

# Below, at and above the vector widths, and odd tails; small enough to be drawn element by element.
CLASS_COUNTS = st.sampled_from([1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65])
SMOOTHINGS = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.floats(0, 1))


@st.composite
def problems(draw, dtypes=(np.float32, np.float64), max_rows=5):
    """Draw logits (N, C), between -60 and 60, and class indices (N,)."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    num_rows, num_classes = draw(st.integers(1, max_rows)), draw(CLASS_COUNTS)
    elements = st.floats(-60, 60, width=8 * dtype.itemsize, allow_subnormal=False)
    logits = draw(npst.arrays(dtype, (num_rows, num_classes), elements=elements))
    return logits, draw(npst.arrays(np.int64, num_rows, elements=st.integers(0, num_classes - 1)))


def losses_of(logits, labels, **options):
    return smoothxent.cross_entropy(logits, labels, reduction="none", **options)


def gradient_of(logits, labels, **options):
    return smoothxent.cross_entropy_and_grad(logits, labels, reduction="none", **options)[1]


def twice_the_promise(losses, dtype):
    """Return the largest difference of two losses that both have the promised accuracy."""
    return 2 * oracle.LOSS_ULPS[np.dtype(dtype)] * np.spacing(np.abs(losses).astype(dtype))


@given(problems(), SMOOTHINGS)
def test_loss_is_never_negative(problem, label_smoothing):
    losses = losses_of(*problem, label_smoothing=label_smoothing)
    assert np.all(losses >= 0)
    assert not np.any(np.signbit(losses))


@pytest.mark.slow
@given(problems(), st.data())
def test_class_of_minus_infinity_changes_nothing_without_smoothing(problem, data):
    place = data.draw(st.integers(0, problem[0].shape[1]))
    logits = np.insert(problem[0], place, -np.inf, axis=1)
    labels = problem[1] + (problem[1] >= place)
    before, after = losses_of(*problem), losses_of(logits, labels)
    assert np.all(np.abs(after - before) <= twice_the_promise(before, logits.dtype))
    assert np.all(gradient_of(logits, labels)[:, place] == 0)


@given(problems(dtypes=[np.float64], max_rows=2), SMOOTHINGS)
def test_gradient_is_the_finite_difference_of_the_loss(problem, label_smoothing):
    (logits, labels), options = problem, {"label_smoothing": label_smoothing}
    grad = gradient_of(logits, labels, **options)
    step = 2.0**-17
    for k in range(logits.shape[1]):
        ahead, behind = logits.copy(), logits.copy()
        ahead[:, k] += step
        behind[:, k] -= step
        after = losses_of(ahead, labels, **options)
        before = losses_of(behind, labels, **options)
        width = ahead[:, k] - behind[:, k]
        # Truncation: h^2/6 times the third derivative p(1-p)(1-2p), below 0.1. Rounding: 4 ulp in
        # both losses, and the logit's own rounding off the centre, over the width.
        rounding = (4 * np.spacing(after) + 4 * np.spacing(before) + 2.0**-46) / width
        assert np.all(np.abs((after - before) / width - grad[:, k]) <= 0.1 * step**2 + rounding)
