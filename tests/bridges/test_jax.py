"""smoothxent.jax: the loss of the NumPy function under all transformations of JAX."""

from functools import partial

import numpy as np
import pytest

import oracle
import smoothxent
from inventory import DTYPES, REDUCTIONS
from jax_inputs import C, N, labels_of, total, weights

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
cross_entropy = pytest.importorskip("smoothxent.jax").cross_entropy


@pytest.fixture(params=DTYPES, ids=lambda dtype: np.dtype(dtype).name)
def logits(request, rng):
    """Return logits (N, C) of each dtype; JAX's 64-bit mode is on for float64."""
    jax.config.update("jax_enable_x64", request.param is np.float64)
    yield rng.normal(0, 3, (N, C)).astype(request.param)
    jax.config.update("jax_enable_x64", False)


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


TRANSFORMS = {"softcap": np.float32(5), "temperature": 2, "z_loss": 0.1}


@pytest.mark.parametrize("transforms", [{}, TRANSFORMS], ids=["plain", "transforms"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", ["indices", "probabilities"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_loss_and_gradient_of_each_option_are_those_of_the_numpy_function(
    rng, reduction, kind, weighted, transforms
):
    logits, labels = rng.normal(0, 3, (N, C)).astype(np.float32), labels_of(rng, kind)
    options = {"label_smoothing": 0.1, "reduction": reduction} | transforms
    options |= weights(rng) if weighted else {}
    expected, expected_grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)
    loss = jax.jit(lambda x: cross_entropy(x, labels, **options))
    np.testing.assert_array_equal(loss(logits), np.asarray(expected, np.float32))
    np.testing.assert_array_equal(jax.grad(total(loss))(logits), expected_grad)


def test_what_flows_back_multiplies_the_gradient_of_each_row(logits, rng):
    labels = labels_of(rng, "indices")
    back = rng.normal(0, 1, N).astype(np.float32)
    _, flow = jax.vjp(lambda x: cross_entropy(x, labels, reduction="none"), logits)
    assert [kept.dtype for kept in jax.tree.leaves(flow)] == [logits.dtype]  # the gradient
    (grad,) = flow(jnp.asarray(back, np.float64 if logits.dtype == np.float64 else np.float32))
    rows = smoothxent.cross_entropy_and_grad(logits, labels, reduction="none")[1]
    wide = np.float64 if logits.dtype == np.float64 else np.float32
    expected = (rows.astype(wide) * back[:, None].astype(wide)).astype(logits.dtype)
    np.testing.assert_array_equal(grad, expected)


DERIVATIVES = {
    "forward over reverse": lambda f, x, t: jax.jvp(jax.grad(f), (x,), (t,))[1],
    "forward over forward": lambda f, x, t: jax.jvp(jax.jacfwd(f), (x,), (t,))[1],
    "reverse over forward": lambda f, x, t: jax.grad(lambda x: jax.jvp(f, (x,), (t,))[1])(x),
    "reverse over reverse": lambda f, x, t: jax.vjp(jax.grad(f), x)[1](t)[0],
    "linearize": lambda f, x, t: jax.linearize(jax.grad(f), x)[1](t),
    "hessian under jit": lambda f, x, t: jnp.tensordot(jax.jit(jax.hessian(f))(x), t),
    "vmap": lambda f, x, t: jax.vmap(lambda t: jax.jvp(jax.grad(f), (x,), (t,))[1])(t[None])[0],
}


@pytest.mark.parametrize("way", DERIVATIVES.values(), ids=DERIVATIVES.keys())
def test_second_derivatives_of_each_dtype_follow_the_formula(logits, rng, way):
    labels, tangent = labels_of(rng, "indices"), rng.normal(0, 1, (N, C)).astype(logits.dtype)
    found = way(lambda x: cross_entropy(x, labels), jnp.asarray(logits), jnp.asarray(tangent))
    p, t = oracle.softmax(logits), tangent.astype(float)
    expected = p * (t - (p * t).sum(axis=1, keepdims=True)) / N
    # Sums of 37 terms, which half precision has in some of these ways.
    np.testing.assert_allclose(
        found.astype(float), expected, rtol=0, atol=4 * jnp.finfo(logits.dtype).eps
    )


@pytest.mark.parametrize("logits", [np.float64], indirect=True)
@pytest.mark.parametrize("has_options", [False, True], ids=["defaults", "options"])
@pytest.mark.parametrize("kind", ["indices", "probabilities"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_derivatives_of_each_option_are_those_of_finite_differences(
    logits, rng, reduction, kind, has_options
):
    labels, options = labels_of(rng, kind), {"reduction": reduction, "axis": 0}
    if has_options:
        options |= weights(rng) | {"label_smoothing": 0.1, "softcap": 5.0, "temperature": 1.5}
        options |= {"z_loss": 0.1, "prior": rng.dirichlet(np.ones(C))}
    if has_options and kind == "indices":
        options["ignore_index"] = int(labels[0])
    tangent, h = rng.normal(0, 1, (N, C)), 1e-4

    def along(step):
        return cross_entropy((logits + step * tangent).T, labels.T, **options).sum()

    def slope(step):
        x = logits + step * tangent
        return np.vdot(smoothxent.cross_entropy_and_grad(x.T, labels.T, **options)[1].T, tangent)

    below, here, above = map(slope, (-h, 0, h))
    expected = here, (above - below) / (2 * h), (above - 2 * here + below) / h**2
    derivatives = jax.grad(along), jax.jacfwd(jax.grad(along)), jax.jacfwd(jax.hessian(along))
    found = jax.jit(lambda step: [derivative(step) for derivative in derivatives])(0.0)
    # Differences leave out h**2 / 6 of a higher derivative, and divide roundings by h or h**2.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ignored", [44, 300], ids=["ignored", "beyond int8"])
def test_curvature_leaves_out_rows_and_classes_as_the_loss_does(rng, ignored):
    logits, tangent = rng.normal(0, 3, (2, 3, 300)).astype(np.float32)
    logits[0, 7], logits[1] = -np.inf, np.nan
    labels = np.array([5, 44, 100], np.int8)  # class 261 is 5 in int8
    loss = partial(cross_entropy, labels=labels, reduction="sum", ignore_index=ignored)
    _, found = jax.jvp(jax.grad(loss), (logits,), (tangent,))
    p = oracle.softmax(logits)
    expected = p * (tangent - (p * tangent).sum(axis=1, keepdims=True))
    if ignored == 44:
        expected[1] = 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


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
    options = {"reduction": reduction, "label_smoothing": 0.1, "ignore_index": 3} | TRANSFORMS
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


@pytest.mark.parametrize("name", ["cross_entropy", "cross_entropy_and_grad"])
def test_inputs_are_read_once_and_where_they_lie(monkeypatch, rng, name):
    logits, seen = jnp.asarray(rng.normal(0, 3, (N, C)).astype(np.float32)), []

    def watched(**inputs):
        seen.append(inputs["logits"].ctypes.data)
        return original(**inputs)

    original = getattr(smoothxent, name)
    labels = labels_of(rng, "indices")
    call = jax.jit(cross_entropy if name == "cross_entropy" else jax.value_and_grad(cross_entropy))
    jax.block_until_ready(call(logits, labels))
    monkeypatch.setattr(smoothxent, name, watched)
    jax.block_until_ready(call(logits, labels))
    assert seen == [logits.unsafe_buffer_pointer()]


@pytest.mark.parametrize("shape", [(0, C), (0, 3, C), (1, 1)])
def test_no_rows_or_one_class_have_the_losses_of_the_numpy_function(shape):
    logits, labels = np.zeros(shape, np.float32), np.zeros(shape[:-1], np.int32)
    for reduction in REDUCTIONS:
        expected = smoothxent.cross_entropy(logits, labels, reduction=reduction)
        losses = cross_entropy(logits, labels, reduction=reduction)
        np.testing.assert_array_equal(losses, expected)


# Several devices.


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


def test_sharded_arrays_have_the_loss_and_gradient_of_the_whole(run_child):
    source = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
import jax, numpy as np, smoothxent
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from smoothxent.jax import cross_entropy
from jax import shard_map
rng = np.random.default_rng(0)
logits = rng.normal(0, 3, (8, 7)).astype(np.float32)
labels = rng.integers(0, 7, 8).astype(np.int32)
mesh, rows = Mesh(np.array(jax.devices()), ("rows",)), PartitionSpec("rows")
parts = [jax.device_put(array, NamedSharding(mesh, rows)) for array in (logits, labels)]
loss, grad = smoothxent.cross_entropy_and_grad(logits, labels)
assert smoothxent.cross_entropy(*parts) == loss

def local(x, y):
    return jax.lax.pmean(cross_entropy(x, y), "rows")

mapped = shard_map(local, mesh=mesh, in_specs=(rows, rows), out_specs=PartitionSpec())
for function in (cross_entropy, mapped):
    found, found_grad = jax.jit(jax.value_and_grad(function))(*parts)
    assert abs(found - loss) < 2.0**-22 * loss  # of a mean of means of float32
    np.testing.assert_allclose(found_grad, grad, rtol=2.0**-22)
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
