"""Losses and gradients, compared with exact values in ulps.

The promise: losses within `oracle.LOSS_ULPS`; gradients within 5 + |log2 p_k| ulp per element.
"""

import math

import mpmath
import numpy as np
import pytest

import oracle
import smoothxent
from assertions import assert_gradient_exact, assert_losses_exact
from quick import slow_but_first

pytestmark = pytest.mark.thread_unsafe(reason="the precision of mpmath is that of the process")

# Every tail of a vector, every way to compute a row.
CLASS_COUNTS = [*range(1, 18), 31, 32, 33, 63, 64, 65, 127, 128, 129, 130]
CLASS_COUNTS += [1000, 1023, 1024, 1025, 5000]


@pytest.mark.slow
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
def test_losses_are_exact_for_every_number_of_classes(dtype, rng, num_classes, label_smoothing):
    # Nearly uniform, usual and wide rows.
    scale = np.array([[0.1], [4], [30]])
    logits = (scale * rng.normal(0, 1, (3, num_classes))).astype(dtype)
    labels = rng.integers(0, num_classes, 3)
    assert_losses_exact(logits, labels, dtype, label_smoothing=label_smoothing)


@pytest.mark.fault("class-counts")
@pytest.mark.slow
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_losses_are_exact_for_a_quarter_of_a_million_classes(dtype, rng, label_smoothing):
    # Multiples of 1/64, so that the exact sum has few distinct exponentials.
    logits = (np.round(rng.normal(0, 4, (1, 262144)) * 64) / 64).astype(dtype)
    assert_losses_exact(logits, np.array([777]), dtype, label_smoothing=label_smoothing)


@pytest.mark.parametrize("num_classes", [2, 10, 1000, 1025])
def test_losses_of_confident_rows_are_exact_at_every_gap(dtype, num_classes):
    # Down to 1e-40, far below the roundoff of 1: in float32 the last ones are subnormal.
    gaps = np.arange(1, 101) if num_classes < 100 else np.arange(1, 101, 9)
    logits = np.zeros((len(gaps), num_classes), dtype)
    labels = np.arange(len(gaps)) % num_classes
    logits[np.arange(len(gaps)), labels] = gaps
    assert_losses_exact(logits, labels, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["prior", "class_weight"])
@pytest.mark.parametrize("num_classes", [2, 10, 1030])
def test_losses_of_confident_rows_are_exact_where_the_label_alone_has_a_share(
    dtype, rng, num_classes, where
):
    # All of the smoothing goes to the label, so the loss is as tiny as it is without smoothing.
    share = np.zeros(num_classes)
    share[1] = 1
    logits = rng.normal(0, 1, (12, num_classes)).astype(dtype)
    logits[:, 1] += np.linspace(5, 95, 12).astype(dtype)
    labels = np.ones(12, int)
    assert_losses_exact(logits, labels, dtype, label_smoothing=0.1, **{where: share})


@pytest.mark.parametrize("num_classes", slow_but_first([2, 10, 200, 1030]))
@pytest.mark.parametrize("kind", ["indices", "probabilities"])
def test_weighted_losses_are_exact_where_they_are_subnormal_before_the_weight(
    rng, kind, num_classes
):
    # Gaps of 700 to 1400 nats, and weights that take exp of that back to where float64 is normal.
    gaps = np.linspace(700, 1400, 12)
    logits = rng.normal(0, 1, (12, num_classes))
    logits[:, 1] += gaps
    targets = np.ones(12, int) if kind == "indices" else np.eye(num_classes)[np.ones(12, int)]
    for row, target, gap in zip(logits, targets, gaps, strict=True):
        total = rng.uniform(max(gap / math.log(10) - 305, 1), 308)  # log10 of the product of both
        exponent = rng.uniform(0, total)
        weights = {"class_weight": np.ones(num_classes), "sample_weight": [10**exponent]}
        weights["class_weight"][1] = 10 ** (total - exponent)
        losses = smoothxent.cross_entropy(row[None], [target], reduction="none", **weights)
        with mpmath.workdps(700):
            exact = weights["class_weight"][1] * oracle.exact_loss(row, 1) * 10**exponent
        assert oracle.ulps(losses[0], exact, np.float64) <= 4


def test_weights_do_not_make_the_loss_of_a_certain_row_lose_its_other_terms():
    logits, weight = np.array([[0.0, 740.0]]), np.array([1e-3, 1e10])
    for label_smoothing in (1e-280, 0.1):
        assert_losses_exact(
            logits, [1], np.float64, label_smoothing=label_smoothing, class_weight=weight
        )


def test_loss_never_collapses_to_zero_while_it_can_be_represented(dtype):
    smallest = float(np.finfo(dtype).smallest_subnormal)
    gaps = np.arange(1, math.floor(-math.log(smallest)) + 1)
    logits = np.column_stack([gaps, np.zeros(len(gaps))]).astype(dtype)
    losses, grad = smoothxent.cross_entropy_and_grad(
        logits, np.zeros(len(gaps), int), reduction="none"
    )
    assert np.all(losses > 0)
    assert np.all(grad[:, 0] < 0)
    assert np.all(grad[:, 1] > 0)


@pytest.mark.fault("extreme-logits")
@pytest.mark.parametrize("offset", [1e3, -1e3, 1e6, -1e6, 2**20, -(2**20), 2**21, 1e9, -1e30])
def test_losses_are_exact_far_from_zero(dtype, rng, offset):
    logits = rng.normal(offset, 4, (40, 17)).astype(dtype)
    assert_losses_exact(logits, rng.integers(0, 17, 40), dtype, label_smoothing=0.1)


@pytest.mark.fault("extreme-logits")
def test_losses_are_exact_with_one_huge_logit_and_the_rest_tiny(dtype):
    tiny = float(np.finfo(dtype).smallest_subnormal)
    logits = np.full((3, 40), tiny, dtype)
    logits[np.arange(3), [0, 20, 39]] = [50, 1000, 3e4]
    assert_losses_exact(logits, np.array([0, 1, 39]), dtype)
    assert_losses_exact(logits, np.array([1, 20, 5]), dtype, label_smoothing=0.1)


@pytest.mark.fault("extreme-logits")
def test_losses_at_the_largest_numbers_are_exact(dtype):
    top = float(np.finfo(dtype).max)
    rows = [[top, 0, -top], [top, top, top], [-top, -top, -top], [0, top, 0], [top, 1, 0]]
    for label, expected in enumerate(
        [
            [0.0, math.log(3), math.log(3), top, 0.0],
            [top, math.log(3), math.log(3), 0.0, top],
            [math.inf, math.log(3), math.log(3), top, top],
        ]
    ):
        losses = smoothxent.cross_entropy(np.array(rows, dtype), [label] * 5, reduction="none")
        for actual, exact in zip(losses, expected, strict=True):
            assert actual == exact or abs(actual - exact) <= np.spacing(dtype(exact))


@pytest.mark.slow
@pytest.mark.parametrize("others", [0.1, -700.3, 1e3, -1e6, 1e30])
@pytest.mark.parametrize("sign", [1, -1])
def test_loss_and_gradient_beside_the_largest_numbers_are_exact(dtype, others, sign):
    # What such a number's difference from the others cannot hold is large itself.
    row = np.array([[sign * np.finfo(dtype).max, others, others / 3]], dtype)
    for labels in (np.array([0]), np.array([1]), np.array([[0.5, 0.25, 0]])):
        assert_losses_exact(row, labels, dtype)
        assert_gradient_exact(row, labels, dtype)


def test_smoothing_term_overflows_only_where_the_loss_does(dtype):
    # The mean of x - max is -0.75 max, though the sum is -3 max: 0.1 * 0.75 max can be represented.
    top = float(np.finfo(dtype).max)
    logits = np.array([[0, -top, -top, -top]], dtype)
    loss = smoothxent.cross_entropy(logits, [0], label_smoothing=0.1, reduction="none")
    assert abs(float(loss[0]) / top - 0.075) <= oracle.promised_loss(dtype)


@pytest.mark.slow
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize(
    "num_classes", [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 130, 1025]
)
def test_gradients_are_exact(dtype, rng, num_classes, label_smoothing):
    scale = np.array([[0.1], [4], [30]])
    logits = (scale * rng.normal(0, 1, (3, num_classes))).astype(dtype)
    labels = rng.integers(0, num_classes, 3)
    assert_gradient_exact(logits, labels, dtype, label_smoothing=label_smoothing)


# In each row a class that is not the label has nearly all probability. Its gradient is just below a
# power of two, so the roundings of the sum, of its inverse and of the exp are up to an ulp each.
@pytest.mark.parametrize(
    "row",
    [
        [44.584385, 56.672977, 46.037842, 45.223583, 47.91049, 45.66179, 46.37907, 49.065514],
        [-70.61454104999659, -63.0646656331614, -76.92657149708114],
    ],
    ids=["8 classes", "3 classes"],
)
def test_gradient_of_a_wrong_class_with_nearly_all_probability_is_exact(dtype, row):
    assert_gradient_exact(np.array([row], dtype), [2], dtype, label_smoothing=0.3)


def test_gradients_of_probabilities_are_exact_at_a_top_class_without_a_share(dtype, rng):
    # A (p - 1) + (A - q) would cancel where A p - q, with q = 0, does not.
    logits = rng.normal(0, 0.1, (12, 64)).astype(dtype)
    q = rng.dirichlet(np.full(64, 0.1), 12)
    q[np.arange(12), logits.argmax(axis=1)] = 0
    assert_gradient_exact(logits, q, dtype)


@pytest.mark.parametrize("label_smoothing", [0.5, 0.9, 1.0])
def test_gaps_of_few_classes_that_all_round_the_same_way_keep_the_bound(rng, label_smoothing):
    # Two neighbouring numbers add up to one that float32 rounds; so do all pairs of such a row.
    worst = 0.0
    for num_classes in range(3, 129):
        mantissas = 1 + rng.integers(0, 2**23, (300, 1)) * 2.0**-23
        gap = (mantissas * 2.0 ** rng.integers(-4, 5, (300, 1))).astype(np.float32)
        even = np.arange(num_classes) % 2 == 0
        logits = -np.where(even, np.nextafter(gap, np.float32(np.inf)), gap)
        logits[:, 0] = rng.uniform(-1, 1, 300)
        labels = rng.integers(0, num_classes, 300)
        losses = smoothxent.cross_entropy(
            logits, labels, label_smoothing=label_smoothing, reduction="none"
        )
        x = logits.astype(np.float64)
        nll = np.log(np.exp(x).sum(axis=1))[:, np.newaxis] - x
        exact = (1 - label_smoothing) * nll[np.arange(300), labels]
        exact += label_smoothing * nll.mean(axis=1)
        errors = np.abs(losses - exact) / np.spacing(exact.astype(np.float32))
        worst = max(worst, errors.max())
    assert worst <= 2
