"""Reduced losses are the correctly rounded sums and means of the losses that "none" returns."""

import math
from fractions import Fraction

import numpy as np
import pytest

import smoothxent
from inventory import REDUCED


def draw(rng, num_rows, num_classes=9, dtype=np.float64):
    """Draw logits with losses from 1e-40 to 1e3, so that the order of float64 additions matters."""
    logits = rng.normal(0, 1, (num_rows, num_classes))
    labels = rng.integers(0, num_classes, num_rows)
    logits[np.arange(num_rows), labels] += rng.uniform(-1000, 90, num_rows)
    return logits.astype(dtype), labels


def exact_mean(losses, weights):
    """Return the correctly rounded quotient of two exact sums."""
    return float(sum(map(Fraction, losses.tolist())) / sum(map(Fraction, weights)))


@pytest.mark.parametrize("num_rows", [1, 17, 20011])
@pytest.mark.parametrize("num_classes", [3, 200, 1100])
def test_sum_is_that_of_the_losses_of_the_rows_rounded_once(any_dtype, rng, num_classes, num_rows):
    logits, labels = draw(rng, num_rows * 9 // num_classes + 1, num_classes, any_dtype)
    for options in ({}, {"label_smoothing": 0.1}, {"z_loss": 1e-3}):
        losses = smoothxent.cross_entropy(logits, labels, reduction="none", **options)
        total = smoothxent.cross_entropy(logits, labels, reduction="sum", **options)
        assert total == math.fsum(losses)


@pytest.mark.parametrize("reduction", REDUCED[1:])
@pytest.mark.parametrize("num_rows", [3, 7, 1000])
def test_means_are_correctly_rounded(rng, num_rows, reduction):
    logits, labels = draw(rng, num_rows)
    losses = smoothxent.cross_entropy(logits, labels, reduction="none")
    loss = smoothxent.cross_entropy(logits, labels, reduction=reduction)
    assert loss == exact_mean(losses, [1] * num_rows)


def test_weighted_mean_is_correctly_rounded(any_dtype, rng):
    # 0.1, 0.7 and their like: their float64 products enter the denominator, summed exactly.
    logits, labels = draw(rng, 1000, dtype=any_dtype)
    labels[::7] = -1
    class_weight, sample_weight = rng.uniform(0, 1, 9), rng.uniform(0, 1, 1000)
    options = {"class_weight": class_weight, "sample_weight": sample_weight, "ignore_index": -1}
    losses = smoothxent.cross_entropy(logits, labels, reduction="none", **options)
    kept = labels != -1
    loss = smoothxent.cross_entropy(logits, labels, **options)
    assert loss == exact_mean(losses, (sample_weight[kept] * class_weight[labels[kept]]).tolist())


def test_mean_of_probabilities_is_correctly_rounded(any_dtype, rng):
    logits, _ = draw(rng, 1000, dtype=any_dtype)
    q, sample_weight = rng.dirichlet(np.ones(9), 1000), rng.uniform(0, 1, 1000)
    options = {"sample_weight": sample_weight, "label_smoothing": 0.1}
    losses = smoothxent.cross_entropy(logits, q, reduction="none", **options)
    loss = smoothxent.cross_entropy(logits, q, **options)
    assert loss == exact_mean(losses, sample_weight.tolist())


@pytest.mark.parametrize("reduction", REDUCED)
def test_order_of_the_rows_does_not_change_a_bit(dtype, rng, reduction):
    logits, labels = draw(rng, 3000)
    logits = logits.astype(dtype)
    weight = rng.uniform(0, 1, 3000)
    seen = set()
    for _ in range(5):
        order = rng.permutation(3000)
        loss = smoothxent.cross_entropy(
            logits[order], labels[order], sample_weight=weight[order], reduction=reduction
        )
        seen.add(loss.hex())
    assert len(seen) == 1


@pytest.mark.parametrize("largest", [2e3, 1e10, 1e18, 1e40, 1e300])
def test_losses_of_every_size_are_added_exactly_in_whatever_lane_they_are(rng, largest):
    # Each of 16 lanes takes some of all sizes; the exact sum is looked at, not its rounded mean.
    gaps = rng.uniform(0, 100, 1000)
    gaps[rng.integers(0, 1000, 100)] = largest * rng.uniform(1, 2, 100)
    logits, labels = np.stack([np.zeros(1000), gaps], axis=1), rng.integers(0, 2, 1000)
    losses = smoothxent.cross_entropy(logits, labels, reduction="none")
    total = smoothxent.evaluate(logits, labels)._totals.sums.loss
    assert total.fraction() == sum(map(Fraction, losses.tolist()))


@pytest.mark.parametrize("value, loss", [(-math.inf, math.inf), (math.nan, math.nan)])
def test_loss_that_is_no_number_shows_in_whichever_thread_it_is(dtype, value, loss):
    for n in range(0, 40_000, 3999):
        logits = np.zeros((40_000, 3), dtype)
        logits[n, 1] = value
        for num_threads in (1, 2, 5):
            mean = smoothxent.cross_entropy(logits, np.ones(40_000, int), num_threads=num_threads)
            assert repr(mean) == repr(loss)


def test_sum_of_subnormal_losses_is_exact():
    logits = np.array([[740.0, 0], [741, 0], [742, 0]])
    losses = smoothxent.cross_entropy(logits, [0] * 3, reduction="none")
    assert np.all((losses > 0) & (losses < np.finfo(np.float64).smallest_normal))
    assert smoothxent.cross_entropy(logits, [0] * 3, reduction="sum") == math.fsum(losses)


def test_sum_beyond_the_largest_number_is_infinite_and_its_mean_is_not():
    top = np.finfo(np.float64).max
    logits = np.array([[top, 0]] * 4)
    assert smoothxent.cross_entropy(logits, [1] * 4, reduction="sum") == math.inf
    assert smoothxent.cross_entropy(logits, [1] * 4, reduction="mean") == top
