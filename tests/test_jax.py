"""smoothxent.jax: the loss of the NumPy function under everything that JAX does to functions."""

import ml_dtypes
import numpy as np
import pytest

import smoothxent
from judging import assert_gradients_right, assert_losses_right, complaint

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
cross_entropy = pytest.importorskip("smoothxent.jax").cross_entropy

N, C = 12, 37
REDUCTIONS = ["none", "sum", "mean", "sum_over_batch_size", "sum_by_nonzero_weights"]
DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]


@pytest.fixture(params=DTYPES, ids=lambda dtype: np.dtype(dtype).name)
def logits(request, rng):
    """Logits (N, C) of each dtype, with JAX's switch for 64 bits where they need it."""
    jax.config.update("jax_enable_x64", request.param is np.float64)
    yield rng.normal(0, 3, (N, C)).astype(request.param)
    jax.config.update("jax_enable_x64", False)


def weights(rng):
    """Return options with an array of each kind, whose entries are float32 and add up exactly."""
    return {
        "prior": np.full(C, 1 / C, np.float32),
        "class_weight": rng.uniform(0.5, 2, C).astype(np.float32),
        "sample_weight": rng.uniform(0, 2, N).astype(np.float32),
    }


def labels_of(rng, kind):
    if kind == "indices":
        return rng.integers(0, C, N).astype(np.int32)
    return rng.dirichlet(np.ones(C), N).astype(np.float32)


def total(function):
    """Return the sum of a function, so that it has a gradient."""
    return lambda *arguments: function(*arguments).sum()


@pytest.mark.parametrize("kind", ["indices", "probabilities"])
def test_loss_and_gradient_of_each_dtype_are_those_of_the_numpy_function(logits, rng, kind):
    labels = labels_of(rng, kind)
    expected, expected_grad = smoothxent.cross_entropy_and_grad(logits, labels)
    of_loss = np.float64 if logits.dtype == np.float64 else np.float32
    loss = cross_entropy(logits, labels)
    assert loss.dtype == of_loss
    assert loss == of_loss(expected)
    grad = jax.grad(cross_entropy)(logits, labels)
    assert grad.dtype == logits.dtype
    np.testing.assert_array_equal(grad, expected_grad)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["indices", "probabilities"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_loss_and_gradient_of_each_option_are_those_of_the_numpy_function(
    rng, reduction, kind, weighted
):
    logits, labels = rng.normal(0, 3, (N, C)).astype(np.float32), labels_of(rng, kind)
    options = {"label_smoothing": 0.1, "reduction": reduction}
    options |= weights(rng) if weighted else {}
    expected, expected_grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)

    @jax.jit
    def loss(x):
        return cross_entropy(x, labels, **options)

    np.testing.assert_array_equal(loss(logits), np.asarray(expected, np.float32))
    np.testing.assert_array_equal(jax.grad(total(loss))(logits), expected_grad)


def test_losses_and_gradients_are_right(rng):
    logits = rng.normal(0, 3, (N, C)).astype(np.float32)
    labels, options = labels_of(rng, "indices"), weights(rng) | {"label_smoothing": 0.1}
    loss = jax.jit(lambda x: cross_entropy(x, labels, reduction="none", **options))
    assert_losses_right(np.asarray(loss(logits)), logits, labels, np.float32, **options)
    grad = np.asarray(jax.grad(total(loss))(logits))
    assert_gradients_right(grad, logits, labels, np.float32, **options)


def test_what_flows_back_multiplies_the_gradient_of_each_row(logits, rng):
    labels = labels_of(rng, "indices")
    back = rng.normal(0, 1, N).astype(np.float32)
    _, flow = jax.vjp(lambda x: cross_entropy(x, labels, reduction="none"), logits)
    (grad,) = flow(jnp.asarray(back, np.float64 if logits.dtype == np.float64 else np.float32))
    rows = smoothxent.cross_entropy_and_grad(logits, labels, reduction="none")[1]
    wide = np.float64 if logits.dtype == np.float64 else np.float32
    expected = (rows.astype(wide) * back[:, None].astype(wide)).astype(logits.dtype)
    np.testing.assert_array_equal(grad, expected)


@pytest.mark.parametrize("axis", [0, 1, -2])
def test_classes_may_lie_on_any_axis(rng, axis):
    logits = rng.normal(0, 3, (4, 5, 6)).astype(np.float32)
    labels = rng.integers(0, logits.shape[axis], np.delete(logits.shape, axis)).astype(np.int32)
    expected, expected_grad = smoothxent.cross_entropy_and_grad(
        logits, labels, axis=axis, reduction="none"
    )
    loss = jax.jit(lambda x: cross_entropy(x, labels, axis=axis, reduction="none"))
    np.testing.assert_array_equal(loss(logits), expected)
    np.testing.assert_array_equal(jax.grad(total(loss))(logits), expected_grad)
    batched = jax.vmap(loss)(logits[None])
    np.testing.assert_array_equal(batched[0], expected)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_each_element_of_vmap_is_a_loss_of_its_own(rng, reduction, weighted):
    logits = rng.normal(0, 3, (3, N, C)).astype(np.float32)
    labels = rng.integers(0, C, (3, N)).astype(np.int32)
    options = {"reduction": reduction, "label_smoothing": 0.1, "ignore_index": 3}
    options |= weights(rng) if weighted else {}

    def loss(x, y):
        return cross_entropy(x, y, **options)

    expected = [
        smoothxent.cross_entropy_and_grad(x, y, **options)
        for x, y in zip(logits, labels, strict=True)
    ]
    losses = jax.jit(jax.vmap(loss))(logits, labels)
    np.testing.assert_array_equal(losses, np.array([e[0] for e in expected], np.float32))
    grads = jax.vmap(jax.grad(total(loss)))(logits, labels)
    np.testing.assert_array_equal(grads, [e[1] for e in expected])
    grads = jax.grad(lambda x: jax.vmap(loss)(x, labels).sum())(logits)
    np.testing.assert_array_equal(grads, [e[1] for e in expected])


def test_logits_may_be_the_same_for_each_element_of_vmap(rng):
    logits = rng.normal(0, 3, (N, C)).astype(np.float32)
    labels = rng.integers(0, C, (3, N)).astype(np.int32)
    losses = jax.vmap(cross_entropy, in_axes=(None, 0))(logits, labels)
    expected = [smoothxent.cross_entropy(logits, y) for y in labels]
    np.testing.assert_array_equal(losses, np.array(expected, np.float32))


def test_vmap_over_single_rows_gives_the_loss_of_each(rng):
    logits = rng.normal(0, 3, (2, N, C)).astype(np.float32)
    labels = rng.integers(0, C, (2, N)).astype(np.int32)
    losses = jax.vmap(jax.vmap(cross_entropy))(logits, labels)
    expected, expected_grad = smoothxent.cross_entropy_and_grad(logits, labels, reduction="none")
    np.testing.assert_array_equal(losses, expected)
    grads = jax.vmap(jax.vmap(jax.grad(cross_entropy)))(logits, labels)
    np.testing.assert_array_equal(grads, expected_grad)


def test_descent_inside_of_scan_is_that_of_numpy(rng):
    logits = rng.normal(0, 3, (N, C)).astype(np.float32)
    labels = labels_of(rng, "indices")

    def step(x, _):
        loss, grad = jax.value_and_grad(cross_entropy)(x, labels)
        return x - grad, loss

    _, losses = jax.jit(lambda x: jax.lax.scan(step, x, None, length=5))(logits)
    for found in np.asarray(losses):
        loss, grad = smoothxent.cross_entropy_and_grad(logits, labels)
        assert found == np.float32(loss)
        logits = logits - grad


def test_inputs_are_read_where_they_lie(monkeypatch, rng):
    logits, seen = jnp.asarray(rng.normal(0, 3, (N, C)).astype(np.float32)), []

    def watched(**inputs):
        seen.append(inputs["logits"].ctypes.data)
        return original(**inputs)

    original = smoothxent.cross_entropy
    labels = labels_of(rng, "indices")
    cross_entropy(logits, labels).block_until_ready()
    monkeypatch.setattr(smoothxent, "cross_entropy", watched)
    cross_entropy(logits, labels).block_until_ready()
    assert seen == [logits.unsafe_buffer_pointer()]


@pytest.mark.parametrize("shape", [(0, C), (0, 3, C), (1, 1)])
def test_no_rows_or_one_class_have_the_losses_of_the_numpy_function(shape):
    logits, labels = np.zeros(shape, np.float32), np.zeros(shape[:-1], np.int32)
    for reduction in REDUCTIONS:
        expected = smoothxent.cross_entropy(logits, labels, reduction=reduction)
        losses = cross_entropy(logits, labels, reduction=reduction)
        np.testing.assert_array_equal(losses, expected)


# Bad labels are nan: a compiled function can't raise for numbers.


BAD = {
    "an index of C": ("indices", C),
    "a negative index": ("indices", -1),
    "a negative probability": ("probabilities", -0.1),
    "nan": ("probabilities", np.nan),
    "infinity": ("probabilities", np.inf),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_row_with_a_bad_label_is_nan_and_no_other(rng, name, weighted):
    kind, value = BAD[name]
    logits = rng.normal(0, 3, (N, C)).astype(np.float32)
    labels, options = labels_of(rng, kind), weights(rng) if weighted else {}
    expected, expected_grad = smoothxent.cross_entropy_and_grad(
        logits, labels, reduction="none", **options
    )
    labels[(5, 7) if kind == "probabilities" else 5] = value
    expected[5], expected_grad[5] = np.nan, np.nan
    loss = jax.jit(lambda x, y: cross_entropy(x, y, reduction="none", **options))
    np.testing.assert_array_equal(loss(logits, labels), expected)
    np.testing.assert_array_equal(jax.grad(total(loss))(logits, labels), expected_grad)


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("reduction", REDUCTIONS[1:])
def test_reduced_loss_of_a_bad_label_is_nan_and_so_is_its_gradient(rng, name, reduction):
    kind, value = BAD[name]
    logits = rng.normal(0, 3, (N, C)).astype(np.float32)
    labels = labels_of(rng, kind)
    labels[(5, 7) if kind == "probabilities" else 5] = value
    loss, grad = jax.value_and_grad(cross_entropy)(logits, labels, reduction=reduction)
    assert np.isnan(loss)
    assert np.isnan(grad).all()


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


# What is refused, with the words of the NumPy function.


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
    assert complaint(kind, cross_entropy, **given) == text
    arrays = {name: value for name, value in given.items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in given.items() if name not in arrays}
    assert complaint(kind, jax.jit(lambda a: cross_entropy(**a, **rest)), arrays) == text


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


@pytest.mark.parametrize("name", ["labels", "prior", "class_weight", "sample_weight"])
def test_gradient_of_anything_but_the_logits_is_refused_with_the_remedy(rng, name):
    logits = rng.normal(0, 3, (N, C)).astype(np.float32)
    arrays = weights(rng) | {"labels": labels_of(rng, "probabilities")}

    def loss(array):
        return cross_entropy(logits, **arrays | {name: array})

    assert complaint(TypeError, jax.grad(loss), arrays[name]) == (
        f"{name} must not be differentiated, got a call that needs its gradient; "
        f"use jax.lax.stop_gradient({name})"
    )
    stopped = jax.grad(lambda array: loss(jax.lax.stop_gradient(array)))(arrays[name])
    assert not np.any(stopped)


def test_option_that_is_traced_is_refused_with_the_remedy(rng):
    logits, labels = np.zeros((N, C), np.float32), np.zeros(N, np.int32)
    step = jax.jit(lambda eps: cross_entropy(logits, labels, label_smoothing=eps))
    assert complaint(TypeError, step, 0.1) == (
        "label_smoothing must be known while functions are traced, got a JAX array; "
        "use a Python number, under jax.jit with static_argnames"
    )


def test_second_and_forward_derivatives_are_refused(rng):
    logits = rng.normal(0, 3, (N, C)).astype(np.float32)
    labels = labels_of(rng, "indices")
    with pytest.raises(ValueError, match="cannot be differentiated"):
        jax.jacrev(jax.grad(lambda x: cross_entropy(x, labels)))(logits)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda x: cross_entropy(x, labels), (logits,), (logits,))


# Neighbours.


def test_devices_that_compute_at_once_get_their_own_results(run_child):
    source = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=3"
import jax, numpy as np, smoothxent
from smoothxent.jax import cross_entropy
rng = np.random.default_rng(0)
logits = rng.normal(0, 3, (3, 200, 1000)).astype(np.float32)
labels = rng.integers(0, 1000, (3, 200)).astype(np.int32)
assert len(jax.devices()) == 3
results = [
    jax.value_and_grad(cross_entropy)(jax.device_put(x, device), jax.device_put(y, device))
    for _ in range(20)
    for x, y, device in zip(logits, labels, jax.devices())
]
for n, (loss, grad) in enumerate(results):
    expected = smoothxent.cross_entropy_and_grad(logits[n % 3], labels[n % 3])
    assert loss == np.float32(expected[0])
    np.testing.assert_array_equal(grad, expected[1])
print("same")
"""
    assert run_child(source, flags=()) == "same\n"


def test_many_threads_of_python_get_their_own_results(rng):
    from concurrent.futures import ThreadPoolExecutor

    logits = rng.normal(0, 3, (16, N, C)).astype(np.float32)
    labels = labels_of(rng, "indices")
    step = jax.jit(jax.grad(lambda x: cross_entropy(x, labels)))
    with ThreadPoolExecutor(8) as pool:
        grads = [*pool.map(lambda n: np.asarray(step(logits[n % 16])), range(200))]
    for n, grad in enumerate(grads):
        expected = smoothxent.cross_entropy_and_grad(logits[n % 16], labels)[1]
        np.testing.assert_array_equal(grad, expected)


def test_calls_leave_no_memory_behind(rng):
    import gc
    import tracemalloc

    logits, labels = np.zeros((N, C), np.float32), np.zeros(N, np.int32)
    bad = np.full(N, C, np.int32)
    step = jax.jit(jax.value_and_grad(cross_entropy))

    def rounds(count):
        for _ in range(count):
            jax.block_until_ready([step(logits, labels), step(logits, bad)])
        gc.collect()

    rounds(50)
    tracemalloc.start()
    rounds(10)
    before = tracemalloc.get_traced_memory()[0]
    rounds(500)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 500 * 8  # not a pointer for each call
