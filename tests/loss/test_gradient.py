"""Gradients of every row's own loss, and of each reduction, against the textbook formula."""

import itertools

import numpy as np
import pytest

import oracle
import smoothxent
from assertions import assert_gradients_right, assert_losses_right
from inventory import REDUCTIONS

# Around the numbers of lanes, few and many classes, a tile; larger than a second-level cache.
QUICK = [1, 2, 7, 8, 9, 16, 17, 63, 64, 65, 127, 128, 129, 1000, 1023, 1024, 1025, 5000]
MORE = {*range(1, 131), 2047, 2049, 262144} - {*QUICK}
CLASS_COUNTS = QUICK + [pytest.param(count, marks=pytest.mark.slow) for count in sorted(MORE)]


@pytest.mark.fault("class-counts")
@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
def test_gradient_is_right_for_every_number_of_classes(dtype, rng, num_classes):
    num_rows = 1 if num_classes > 10000 else 3
    logits = rng.normal(0, 4, (num_rows, num_classes)).astype(dtype)
    labels = rng.integers(0, num_classes, num_rows)
    losses, grad = smoothxent.cross_entropy_and_grad(
        logits, labels, label_smoothing=0.1, reduction="none"
    )
    assert_losses_right(losses, logits, labels, dtype, label_smoothing=0.1)
    assert_gradients_right(grad, logits, labels, dtype, label_smoothing=0.1)


NUM_CLASSES = 37
LABELS = np.array([0, 5, 36, 5, 12, 1, 30, 5])
CHOICES = {
    "prior": np.linspace(0, 2, NUM_CLASSES) / NUM_CLASSES,
    "class_weight": np.linspace(0, 3, NUM_CLASSES),
    "sample_weight": np.array([1.0, 0.0, 2.5, 0.125, 1.0, 3.0, 0.5, 1.0]),
    "ignore_index": 5,
}


def every_set(names):
    """Return each label smoothing with each subset of the named options."""
    cases = []
    for eps, *used in itertools.product([0.0, 0.1, 1.0], *[[False, True]] * len(names)):
        chosen = {name: CHOICES[name] for name, use in zip(names, used, strict=True) if use}
        name = "+".join([f"eps={eps}", *chosen])
        cases.append(pytest.param({"label_smoothing": eps} | chosen, id=name))
    return cases


OF_INDICES = every_set([*CHOICES])
OF_PROBABILITIES = every_set(["prior", "class_weight", "sample_weight"])


def check_loss_and_gradient(rng, dtype, labels, **options):
    """Compare the losses and gradients of 8 rows with the oracle, and the losses alone."""
    logits = rng.normal(0, 4, (8, NUM_CLASSES)).astype(dtype)
    losses, grad = smoothxent.cross_entropy_and_grad(logits, labels, reduction="none", **options)
    assert_losses_right(losses, logits, labels, dtype, **options)
    assert_gradients_right(grad, logits, labels, dtype, **options)
    alone = smoothxent.cross_entropy(logits, labels, reduction="none", **options)
    assert alone.tobytes() == losses.tobytes()


@pytest.mark.parametrize("options", OF_INDICES)
def test_results_of_indices_are_right_under_every_set_of_options(dtype, rng, options):
    check_loss_and_gradient(rng, dtype, LABELS, **options)


@pytest.mark.parametrize("options", OF_PROBABILITIES)
def test_results_of_probabilities_are_right_under_every_set_of_options(dtype, rng, options):
    check_loss_and_gradient(rng, dtype, rng.dirichlet(np.ones(NUM_CLASSES), 8), **options)


@pytest.mark.parametrize("kind", ["indices", "probabilities"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gradient_of_each_reduction_is_that_of_the_rows_over_its_denominator(
    dtype, rng, reduction, kind
):
    logits = rng.normal(0, 4, (8, NUM_CLASSES)).astype(dtype)
    labels = LABELS if kind == "indices" else rng.dirichlet(np.ones(NUM_CLASSES), 8)
    options = {"label_smoothing": 0.1} | CHOICES
    if kind == "probabilities":
        del options["ignore_index"]
    loss, grad = smoothxent.cross_entropy_and_grad(logits, labels, reduction=reduction, **options)
    alone = smoothxent.cross_entropy(logits, labels, reduction=reduction, **options)
    np.testing.assert_array_equal(loss, alone)
    scale = 1 / oracle.denominator(reduction, labels, NUM_CLASSES, **options)
    assert_gradients_right(grad, logits, labels, dtype, scale=scale, **options)


def test_gradient_at_the_label_of_a_confident_row_is_not_lost(dtype):
    # p_y - 1 by subtraction is 0 in float32 from a gap of 17 on; the exact value is -4e-8.
    _, grad = smoothxent.cross_entropy_and_grad(np.array([[17, 0]], dtype), [0])
    exact = oracle.exact_gradient([17.0, 0.0], 0)
    assert oracle.ulps(grad[0, 0], exact[0], dtype) <= 4 + 17 / np.log(2)
    assert oracle.ulps(grad[0, 1], exact[1], dtype) <= 4 + 17 / np.log(2)


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -2, -4])
def test_losses_and_gradient_are_right_along_every_class_axis(dtype, rng, axis):
    logits = rng.normal(0, 4, (5, 4, 3, 6)).astype(dtype)
    moved = np.moveaxis(logits, axis, -1)
    labels = rng.integers(0, moved.shape[-1], moved.shape[:-1])
    options = {"label_smoothing": 0.1, "class_weight": np.arange(1.0, moved.shape[-1] + 1)}
    weight = rng.uniform(0, 2, labels.shape)
    grad = np.zeros((10, 8, 6, 12), dtype)[::2, ::2, ::2, ::2]  # of which the kernel has a copy
    losses, _ = smoothxent.cross_entropy_and_grad(
        logits, labels, axis=axis, sample_weight=weight, reduction="none", grad_out=grad, **options
    )
    assert losses.shape == labels.shape
    options["sample_weight"] = weight.ravel()
    rows, labels = oracle.as_rows(logits, axis), labels.ravel()
    assert_losses_right(losses.ravel(), rows, labels, dtype, **options)
    assert_gradients_right(oracle.as_rows(grad, axis), rows, labels, dtype, **options)


@pytest.mark.parametrize("power", [14, 20, 33, 60])
@pytest.mark.parametrize("num_classes", [2, 37, 200, 3000])
def test_gradient_of_heavy_rows_is_that_of_light_ones_times_their_weight(
    dtype, rng, num_classes, power
):
    logits = rng.normal(0, 4, (9, num_classes)).astype(dtype)
    logits[:, -1] = -np.inf
    labels, weight = rng.integers(0, num_classes - 1, 9), np.full(9, 2.0**power)
    _, light = smoothxent.cross_entropy_and_grad(logits, labels, reduction="sum")
    _, heavy = smoothxent.cross_entropy_and_grad(
        logits, labels, reduction="sum", sample_weight=weight
    )
    assert (heavy[:, -1] == 0).all()
    # A power of two: what is not subnormal has the same digits, but for a rounding on either side.
    np.testing.assert_allclose(
        heavy, light * dtype(2.0**power), rtol=4 * np.finfo(dtype).eps, atol=0
    )


@pytest.mark.parametrize("num_classes", [1, 7, 16, 70, 1025, 5000])
def test_gradient_in_place_of_the_logits_is_the_gradient_beside_them(dtype, rng, num_classes):
    logits = rng.normal(0, 4, (9, num_classes)).astype(dtype)
    labels = rng.integers(0, num_classes, 9)
    options = {"label_smoothing": 0.1, "reduction": "none"}
    losses, grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)
    in_place = logits.copy()
    losses_again, result = smoothxent.cross_entropy_and_grad(
        in_place, labels, grad_out=in_place, **options
    )
    assert result is in_place
    assert in_place.tobytes() == grad.tobytes()
    assert losses_again.tobytes() == losses.tobytes()


@pytest.mark.parametrize(
    "layout", ["fortran", "reversed", "every other class", "wide rows", "middle axis"]
)
def test_grad_out_of_any_layout_receives_the_same_bits_and_nothing_around_it_changes(
    dtype, rng, layout
):
    logits = rng.normal(0, 4, (6, 35)).astype(dtype)
    labels = rng.integers(0, 35, 6)
    _, grad = smoothxent.cross_entropy_and_grad(logits, labels, label_smoothing=0.1)
    whole, view = {
        "fortran": lambda a: (a, a.reshape(-1)[: 6 * 35].reshape(35, 6).T),
        "reversed": lambda a: (a, a[5::-1, 34::-1]),
        "every other class": lambda a: (a, a[:6, :70:2]),
        "wide rows": lambda a: (a, a[::2, 3:38]),
        "middle axis": lambda a: (a, a.reshape(-1)[: 35 * 6 * 2].reshape(35, 6, 2)[:, :, 1].T),
    }[layout](np.full((12, 80), 77, dtype))
    smoothxent.cross_entropy_and_grad(logits, labels, label_smoothing=0.1, grad_out=view)
    assert view.tobytes() == grad.tobytes()
    assert np.count_nonzero(whole != 77) == np.count_nonzero(grad != 77)


def test_ignored_rows_have_gradients_of_zero_for_every_reduction(dtype):
    logits, labels = np.zeros((2, 3), dtype), [7, 7]
    for reduction in ["sum", "sum_over_batch_size", "sum_by_nonzero_weights"]:
        loss, grad = smoothxent.cross_entropy_and_grad(
            logits, labels, ignore_index=7, reduction=reduction
        )
        assert loss == 0.0
        assert np.array_equal(grad, np.zeros((2, 3)))
    loss, grad = smoothxent.cross_entropy_and_grad(logits, labels, ignore_index=7)
    assert np.isnan(loss)
    # Ignored rows have exact zeros whatever the reduction gives.
    assert np.array_equal(grad, np.zeros((2, 3)))


@pytest.mark.slow
@pytest.mark.parametrize("shift", [1, 4, 36])
def test_gradients_larger_than_the_caches_may_lie_anywhere(rng, shift):
    shape = (9000, 1000)  # 36 MB: written past the caches where a whole vector is aligned
    logits = rng.normal(0, 4, shape).astype(np.float32)
    labels = rng.integers(0, shape[1], shape[0])
    room = np.empty(logits.nbytes + 64, np.uint8)
    grad_out = room[shift : shift + logits.nbytes].view(np.float32).reshape(shape)
    grad_out[...] = np.nan
    smoothxent.cross_entropy_and_grad(logits, labels, reduction="sum", grad_out=grad_out)
    for rows in (slice(first, first + 100) for first in range(0, 9000, 100)):
        _, expected = smoothxent.cross_entropy_and_grad(logits[rows], labels[rows], reduction="sum")
        assert grad_out[rows].tobytes() == expected.tobytes()
