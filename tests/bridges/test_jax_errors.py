"""The errors of smoothxent.jax, when they are raised, and when the result is nan instead."""

import numpy as np
import pytest

import smoothxent
from assertions import error_text
from inventory import REDUCED
from jax_inputs import C, N, labels_of, total, weights

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
cross_entropy = pytest.importorskip("smoothxent.jax").cross_entropy


# Bad labels are nan: a compiled function can't raise for numbers.


BAD = {
    "an index of C": ("indices", C),
    "a negative index": ("indices", -1),
    "a negative probability": ("probabilities", -0.1),
    "nan": ("probabilities", np.nan),
    "infinity": ("probabilities", np.inf),
}


@pytest.fixture(params=BAD)
def bad_rows(request, rng):
    """Return logits, labels, and the same labels of which that of row 5 is bad."""
    kind, value = BAD[request.param]
    labels = labels_of(rng, kind)
    bad = labels.copy()
    bad[(5, 7) if kind == "probabilities" else 5] = value
    return rng.normal(0, 3, (N, C)).astype(np.float32), labels, bad


@pytest.mark.fault("jax-labels")
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_row_with_a_bad_label_is_nan_and_no_other(rng, bad_rows, weighted):
    (logits, good, labels), options = bad_rows, weights(rng) if weighted else {}
    expected, expected_grad = smoothxent.cross_entropy_and_grad(
        logits, good, reduction="none", **options
    )
    expected[5], expected_grad[5] = np.nan, np.nan
    loss = jax.jit(lambda x, y: cross_entropy(x, y, reduction="none", **options))
    np.testing.assert_array_equal(loss(logits, labels), expected)
    gradient = jax.grad(total(loss))
    np.testing.assert_array_equal(gradient(logits, labels), expected_grad)
    _, curvature = jax.jvp(lambda x: gradient(x, labels), (logits,), (logits,))
    np.testing.assert_array_equal(np.isnan(curvature), np.isnan(expected_grad))


@pytest.mark.parametrize("axis", [1, 2])
def test_row_with_a_bad_label_is_nan_on_any_axis(bad_rows, axis):
    logits, _, labels = bad_rows
    batch = [logits[None], labels[None]]  # whose classes go to another axis
    batch = [np.moveaxis(array, -1, axis) if array.ndim == 3 else array for array in batch]

    def loss(x):
        return cross_entropy(x, batch[1], axis=axis, reduction="none")

    is_bad = np.arange(N) == 5
    np.testing.assert_array_equal(np.isnan(loss(batch[0])), is_bad[None])
    grad = np.moveaxis(np.asarray(jax.grad(total(loss))(batch[0])), axis, -1)[0]
    np.testing.assert_array_equal(np.isnan(grad), np.repeat(is_bad[:, None], C, axis=1))


@pytest.mark.fault("jax-labels")
@pytest.mark.parametrize("reduction", REDUCED)
def test_reduced_loss_of_a_bad_label_is_nan_and_so_is_its_gradient(bad_rows, reduction):
    logits, _, labels = bad_rows
    loss, grad = jax.value_and_grad(cross_entropy)(logits, labels, reduction=reduction)
    assert np.isnan(loss)
    assert np.isnan(grad).all()


@pytest.mark.fault("jax-labels")
def test_single_row_with_a_bad_label_is_nan(rng):
    logits = rng.normal(0, 3, C).astype(np.float32)
    loss, grad = jax.value_and_grad(cross_entropy)(logits, C)
    assert np.isnan(loss)
    assert np.isnan(grad).all()


def test_ignored_label_is_not_a_bad_one(rng):
    logits = rng.normal(0, 3, (N, C)).astype(np.float32)
    labels = labels_of(rng, "indices")
    labels[2], labels[4] = -100, -1
    losses = cross_entropy(logits, labels, reduction="none", ignore_index=-100)
    assert losses[2] == 0
    assert np.isnan(losses[4])
    assert np.isfinite(np.delete(losses, 4)).all()


# Errors, with the texts of the NumPy function.


@pytest.mark.fault("jax-tracing")
@pytest.mark.parametrize(
    "changes",
    [
        {"logits": np.zeros((N, C), np.int32)},
        {"labels": np.zeros(N + 1, np.int32)},
        {"labels": np.zeros(N, np.float32)},
        {"label_smoothing": 1.5},
        {"label_smoothing": "0.1"},
        {"reduction": "avg"},
        {"axis": 2},
        {"ignore_index": 1.5},
        {"prior": np.ones(N, np.float32)},
        {"sample_weight": np.ones(C, np.float32)},
    ],
    ids=lambda changes: str(changes)[:30],
)
def test_what_is_wrong_with_kinds_and_options_is_said_while_tracing(changes):
    given = {"logits": np.zeros((N, C), np.float32), "labels": np.zeros(N, np.int32)} | changes
    with pytest.raises((TypeError, ValueError)) as caught:
        smoothxent.cross_entropy(**given)
    kind, text = caught.type, str(caught.value)
    assert error_text(kind, cross_entropy, **given) == text
    arrays = {name: value for name, value in given.items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in given.items() if name not in arrays}
    assert error_text(kind, jax.jit(lambda a: cross_entropy(**a, **rest)), arrays) == text


@pytest.mark.fault("jax-tracing")
@pytest.mark.parametrize(
    "name, value, text",
    [
        ("prior", np.ones(C), "prior must sum to 1, got a sum of 37.0; divide it by its sum"),
        (
            "class_weight",
            -np.ones(C),
            "class_weight must be finite and not negative, got class_weight[0] = -1.0",
        ),
        (
            "sample_weight",
            np.full(N, np.nan),
            "sample_weight must be finite and not negative, got sample_weight[0] = nan",
        ),
    ],
)
def test_what_is_wrong_with_weights_is_said_when_the_result_is_waited_for(name, value, text):
    def wait(function):
        options = {name: jnp.asarray(value, np.float32)}
        labels = np.zeros(N, np.int32)
        return function(np.zeros((N, C), np.float32), labels, **options).block_until_ready()

    for function in (cross_entropy, jax.jit(cross_entropy)):
        with pytest.raises(jax.errors.JaxRuntimeError) as caught:
            wait(function)
        assert str(caught.value).startswith(f"INVALID_ARGUMENT: {text}")


@pytest.mark.fault("jax-tracing")
@pytest.mark.parametrize("name", ["labels", "prior", "class_weight", "sample_weight"])
def test_derivative_of_anything_but_the_logits_is_an_error_with_the_remedy(rng, name):
    logits = rng.normal(0, 3, (N, C)).astype(np.float32)
    arrays = weights(rng) | {"labels": labels_of(rng, "probabilities")}

    def loss(array):
        return cross_entropy(logits, **arrays | {name: array})

    def mixed(x, array):
        return cross_entropy(x, **arrays | {name: array})

    array, both = arrays[name], (logits, arrays[name])
    for function, *arguments in (
        (jax.grad(loss), array),
        (jax.jvp, loss, (array,), (array,)),
        (jax.jvp, jax.grad(mixed), both, both),
    ):
        assert error_text(TypeError, function, *arguments) == (
            f"{name} must not be differentiated, got a call that needs its derivative; "
            f"use jax.lax.stop_gradient({name})"
        )
    stopped = jax.grad(lambda array: loss(jax.lax.stop_gradient(array)))(arrays[name])
    assert not np.any(stopped)


@pytest.mark.fault("jax-tracing")
def test_option_that_is_traced_is_an_error_with_the_remedy(rng):
    logits, labels = np.zeros((N, C), np.float32), np.zeros(N, np.int32)
    step = jax.jit(lambda eps: cross_entropy(logits, labels, label_smoothing=eps))
    assert error_text(TypeError, step, 0.1) == (
        "label_smoothing must be known while functions are traced, got a JAX array; "
        "use a Python number, under jax.jit with static_argnames"
    )


@pytest.mark.fault("jax-tracing")
def test_gradient_of_a_gradient_through_scan_is_an_error_and_that_of_a_tangent_is_right(rng):
    logits, labels = rng.normal(0, 3, (N, C)).astype(np.float32), labels_of(rng, "indices")
    scales = jnp.arange(1.0, 4.0)

    def scanned(x):
        return jax.lax.map(lambda scale: cross_entropy(scale * x, labels), scales).sum()

    def unrolled(x):
        return sum(cross_entropy(scale * x, labels) for scale in scales)

    def curvature(function):
        return jax.grad(lambda x: jax.jvp(function, (x,), (x,))[1])(logits)

    text = error_text(ValueError, jax.jvp, jax.grad(scanned), (logits,), (logits,))
    assert text.startswith("The FFI call to `smoothxent` cannot be differentiated")
    np.testing.assert_allclose(curvature(scanned), curvature(unrolled), rtol=0, atol=1e-6)
