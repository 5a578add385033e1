"""Arrays of other libraries: read without a copy, or an error with the remedy."""

import ml_dtypes
import numpy as np
import pytest

import smoothxent
from assertions import error_text
from inventory import SOFTMAXES
from smoothxent._arguments.arrays import typed_array

N, C = 12, 37
LABELS = np.arange(N) % C
OPTIONS = ["prior", "class_weight", "sample_weight"]


class Exporter:
    """An object that supports only DLPack, as if its memory were on this device."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.place = array, device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.place


class Holder:
    """An object that supports only __array__."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


def of_pyarrow(array):
    pyarrow = pytest.importorskip("pyarrow")
    if array.ndim == 1:
        return pyarrow.array(array)
    return pyarrow.Tensor.from_numpy(array)


KINDS = {
    "__array__": Holder,
    "__dlpack__": Exporter,
    "torch": lambda array: pytest.importorskip("torch").from_numpy(array),
    "jax": lambda array: pytest.importorskip("jax.numpy").asarray(array),
    "pyarrow": of_pyarrow,
    "pandas": lambda array: (
        pytest.importorskip("pandas").DataFrame(array)
        if array.ndim == 2
        else pytest.importorskip("pandas").Series(array)
    ),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def kind(request):
    """Return a function that converts an array to another library."""
    return request.param


def arguments(rng, dtype=np.float32):
    """Return logits (N, C), and all options that are arrays."""
    options = {name: rng.uniform(0.5, 2, N if name == "sample_weight" else C) for name in OPTIONS}
    options["prior"] /= options["prior"].sum()
    options = {name: value.astype(np.float32) for name, value in options.items()}
    return rng.normal(0, 3, (N, C)).astype(dtype), options


def test_loss_and_gradient_of_any_library_are_those_of_numpy(kind, rng):
    logits, options = arguments(rng)
    theirs = {name: kind(value) for name, value in options.items()}
    table = rng.dirichlet(np.ones(C), N).astype(np.float32)
    for labels in (LABELS.astype(np.int32), table):
        loss, grad = smoothxent.cross_entropy_and_grad(logits, labels, **options)
        other = smoothxent.cross_entropy_and_grad(kind(logits), kind(labels), **theirs)
        assert other[0] == loss == smoothxent.cross_entropy(kind(logits), kind(labels), **theirs)
        np.testing.assert_array_equal(other[1], grad)
    np.testing.assert_array_equal(
        smoothxent.smooth_labels(kind(table), 0.1), smoothxent.smooth_labels(table, 0.1)
    )


def test_softmaxes_and_metrics_of_any_library_are_those_of_numpy(kind, rng):
    logits, _ = arguments(rng)
    for function in (getattr(smoothxent, name) for name in SOFTMAXES):
        np.testing.assert_array_equal(function(kind(logits)), function(logits))
    expected = smoothxent.evaluate(logits, LABELS)
    assert smoothxent.evaluate(kind(logits), kind(LABELS)) == expected
    ours = smoothxent.row_statistics(logits, LABELS, top_k=2)
    theirs = smoothxent.row_statistics(kind(logits), kind(LABELS), top_k=2)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_logits_of_any_library_are_read_where_they_lie(kind, rng):
    logits, _ = arguments(rng)
    lender = kind(logits)
    array, dtype_name = typed_array("logits", lender)
    again, _ = typed_array("logits", lender)
    assert np.shares_memory(array, again)
    assert dtype_name == logits.dtype.name
    np.testing.assert_array_equal(array, logits)


def test_tensor_on_the_cpu_is_read_in_any_strides(rng, torch):
    logits, _ = arguments(rng)
    tensor = torch.from_numpy(logits)
    for ours, theirs in [
        (logits.T, tensor.T),
        (logits[::3, 5:], tensor[::3, 5:]),
        (np.broadcast_to(logits[0], (4, C)), tensor[0].expand(4, C)),
    ]:
        np.testing.assert_array_equal(smoothxent.softmax(theirs), smoothxent.softmax(ours))


def test_bfloat16_of_torch_is_read_where_it_lies_and_comes_back_as_bits(rng, torch):
    logits, _ = arguments(rng, ml_dtypes.bfloat16)
    tensor = torch.from_numpy(logits.astype(np.float32)).bfloat16()
    array, dtype_name = typed_array("logits", tensor)
    assert dtype_name == "bfloat16"
    assert array.ctypes.data == tensor.data_ptr()
    loss, grad = smoothxent.cross_entropy_and_grad(tensor, torch.from_numpy(LABELS))
    expected_loss, expected_grad = smoothxent.cross_entropy_and_grad(logits, LABELS)
    assert loss == expected_loss
    assert grad.dtype == np.uint16
    np.testing.assert_array_equal(grad.view(ml_dtypes.bfloat16), expected_grad)
    assert smoothxent.evaluate(tensor, LABELS) == smoothxent.evaluate(logits, LABELS)
    for name in SOFTMAXES:
        ours, theirs = (getattr(smoothxent, name)(array) for array in (logits, tensor))
        np.testing.assert_array_equal(theirs.view(ours.dtype), ours)


def test_bfloat16_of_jax_is_read_where_it_lies(rng):
    jnp = pytest.importorskip("jax.numpy")
    logits, _ = arguments(rng, ml_dtypes.bfloat16)
    array = jnp.asarray(logits)
    assert typed_array("logits", array).array.ctypes.data == array.unsafe_buffer_pointer()
    grad = smoothxent.cross_entropy_and_grad(array, jnp.asarray(LABELS))[1]
    np.testing.assert_array_equal(grad, smoothxent.cross_entropy_and_grad(logits, LABELS)[1])


def test_deleted_array_of_jax_is_an_error_in_its_words():
    array = pytest.importorskip("jax.numpy").ones((N, C))
    array.delete()
    assert "deleted" in error_text(RuntimeError, smoothxent.cross_entropy, array, LABELS)


@pytest.mark.parametrize("name", OPTIONS)
def test_bfloat16_of_ml_dtypes_serves_as_weights(rng, name):
    logits, _ = arguments(rng)
    size = N if name == "sample_weight" else C
    weights = np.zeros(size, ml_dtypes.bfloat16)
    weights[::5] = 1 / 8  # exact
    expected = smoothxent.cross_entropy(logits, LABELS, **{name: weights.astype(np.float64)})
    assert smoothxent.cross_entropy(logits, LABELS, **{name: weights}) == expected


def test_bfloat16_of_torch_serves_wherever_real_numbers_do(rng, torch):
    logits, options = arguments(rng)
    table = rng.dirichlet(np.ones(C), N).astype(ml_dtypes.bfloat16)
    options = {name: options[name].astype(ml_dtypes.bfloat16) for name in OPTIONS[1:]}
    tensors = {
        name: torch.from_numpy(value.astype(np.float32)).bfloat16()
        for name, value in ({"labels": table} | options).items()
    }
    ours = {name: value.astype(np.float32) for name, value in ({"labels": table} | options).items()}
    assert smoothxent.cross_entropy(logits, **tensors) == smoothxent.cross_entropy(logits, **ours)
    np.testing.assert_array_equal(
        smoothxent.smooth_labels(tensors["labels"], 0.1),
        smoothxent.smooth_labels(ours["labels"], 0.1),
    )


def test_gradient_in_place_of_a_tensor(rng, torch):
    logits, _ = arguments(rng, ml_dtypes.bfloat16)
    tensor = torch.from_numpy(logits.astype(np.float32)).bfloat16()
    memory = tensor.view(torch.uint16).numpy()
    expected = smoothxent.cross_entropy_and_grad(logits, LABELS)[1].astype(np.float32)
    assert smoothxent.cross_entropy_and_grad(tensor, LABELS, grad_out=memory)[1] is memory
    np.testing.assert_array_equal(tensor.float().numpy(), expected)


@pytest.mark.fault("tensor-out")
def test_result_over_the_memory_of_a_tensor_is_an_error(rng, torch):
    logits, options = arguments(rng)
    tensor, weight = torch.from_numpy(logits), torch.from_numpy(options["class_weight"])
    text = error_text(ValueError, smoothxent.log_sum_exp, tensor, out=tensor.numpy()[:, 0])
    assert text == "out must not overlap logits, got arrays that share memory"
    out = weight.numpy()[:N]
    options = {"class_weight": weight, "reduction": "none", "out": out}
    text = error_text(ValueError, smoothxent.cross_entropy, logits, LABELS, **options)
    assert text == "out must not overlap class_weight, got arrays that share memory"
    table = torch.zeros(N, C, dtype=torch.bfloat16)
    memory = table.view(torch.uint16).numpy()
    text = error_text(
        ValueError,
        smoothxent.cross_entropy_and_grad,
        smoothxent.bits(np.zeros((N, C), np.uint16), "bfloat16"),
        table,
        grad_out=memory,
    )
    assert text == "grad_out must not overlap labels, got arrays that share memory"


# Arrays that can't be read.


def error_of(function, *arguments, **options):
    return error_text(TypeError, function, *arguments, **options)


@pytest.mark.fault("tensor")
def test_tensor_on_another_device_is_an_error_with_the_way_to_the_cpu(torch):
    class Elsewhere(torch.Tensor):
        device = torch.device("cuda", 1)

    tensor = torch.zeros(N, C).as_subclass(Elsewhere)
    for name in SOFTMAXES:
        assert error_of(getattr(smoothxent, name), tensor) == (
            "logits must be in the memory of the CPU, got a tensor on cuda:1; "
            "copy it there with logits.cpu()"
        )


@pytest.mark.fault("tensor")
def test_tensor_without_numbers_is_an_error(torch):
    assert error_of(smoothxent.cross_entropy, torch.zeros(N, C, device="meta"), LABELS) == (
        "logits must be in the memory of the CPU, got a tensor on meta, which has none"
    )


@pytest.mark.fault("tensor")
def test_array_on_another_device_is_an_error_with_the_way_to_the_cpu():
    logits = np.zeros((N, C), np.float32)
    elsewhere = Exporter(logits, device=(2, 1))
    assert error_of(smoothxent.softmax, elsewhere) == (
        "logits must be in the memory of the CPU, got an Exporter on another device; copy it there"
    )
    elsewhere.device = "cuda:1"
    for package, remedy in [
        ("cupy", "class_weight.get()"),
        ("jaxlib", "jax.device_get(class_weight)"),
    ]:
        foreign = type(
            "Array", (Exporter,), {"__module__": f"{package}.inside", "device": "cuda:1"}
        )
        assert error_of(
            smoothxent.cross_entropy, logits, LABELS, class_weight=foreign(logits, (2, 1))
        ) == (
            "class_weight must be in the memory of the CPU, got an Array on cuda:1; "
            f"copy it there with {remedy}"
        )


@pytest.mark.fault("tensor")
@pytest.mark.parametrize("name", ["logits", "labels", *OPTIONS])
def test_tensor_that_requires_grad_is_an_error_with_the_remedy(name, torch):
    arguments = {"logits": np.zeros((N, C), np.float32), "labels": LABELS}
    arguments[name] = torch.zeros(N, C, requires_grad=True)
    remedy = f"use {name}.detach()"
    remedy += ", or smoothxent.torch.cross_entropy" if name == "logits" else ""
    for function in (smoothxent.cross_entropy, smoothxent.cross_entropy_and_grad):
        assert error_of(function, **arguments) == (
            f"{name} must not require grad, got a tensor that does; {remedy}"
        )


@pytest.mark.fault("tensor")
@pytest.mark.parametrize("name", ["hidden", "weight", "bias"])
def test_tensor_of_a_head_that_requires_grad_is_an_error_with_the_remedy(name, torch):
    shapes = {"hidden": (N, 2), "weight": (C, 2), "bias": (C,)}
    arguments = {each: torch.zeros(shape) for each, shape in shapes.items()}
    arguments[name].requires_grad_()
    assert error_of(smoothxent.linear_cross_entropy, **arguments, labels=LABELS) == (
        f"{name} must not require grad, got a tensor that does; use {name}.detach(), "
        "or smoothxent.torch.linear_cross_entropy"
    )


@pytest.mark.fault("tensor")
@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda torch: torch.eye(3).to_sparse(), "Use Tensor.to_dense() first."),
        (lambda torch: torch.zeros(3, dtype=torch.complex64).conj().imag, "tensor.resolve_neg()"),
        (lambda torch: torch.eye(3).to(torch.float8_e4m3fn), "Float8_e4m3fn"),
        (lambda torch: torch.eye(3).bfloat16().to_sparse(), ""),
    ],
    ids=["sparse", "negative bit", "float8", "sparse bfloat16"],
)
def test_tensor_that_numpy_cannot_read_is_an_error_with_the_reason(make, reason, torch):
    with pytest.raises(TypeError) as caught:
        smoothxent.softmax(make(torch))
    cause = str(caught.value.__cause__)
    assert str(caught.value) == f"logits must be readable by NumPy, got a tensor: {cause}"
    assert reason in cause


@pytest.mark.fault("tensor")
def test_capsule_that_numpy_cannot_read_is_an_error_with_the_reason(torch):
    with pytest.raises(TypeError) as caught:
        smoothxent.softmax(Exporter(torch.eye(3).bfloat16()))
    cause = str(caught.value.__cause__)
    assert str(caught.value) == f"logits must be readable by NumPy, got an Exporter: {cause}"


@pytest.mark.fault("tensor")
@pytest.mark.parametrize("transform", ["jit", "grad", "vmap"])
@pytest.mark.parametrize("name", ["logits", "labels"])
def test_jax_tracer_is_an_error_with_the_remedy(transform, name):
    jax = pytest.importorskip("jax")
    other = {"logits": np.zeros((N, C), np.float32), "labels": LABELS}
    del other[name]

    def loss(tracer):
        return smoothxent.cross_entropy(**{name: tracer}, **other)

    assert error_of(getattr(jax, transform)(loss), np.zeros((N, C), np.float32)) == (
        f"{name} must hold numbers, got a JAX tracer; "
        "call outside jax.jit, jax.grad and jax.vmap, or use smoothxent.jax.cross_entropy"
    )


@pytest.mark.fault("tensor-out")
def test_out_that_is_a_tensor_is_an_error_with_the_remedy(rng, torch):
    logits, _ = arguments(rng)
    assert error_of(smoothxent.softmax, logits, out=torch.zeros(N, C)) == (
        "out must be a plain NumPy array, got Tensor; write into out.numpy()"
    )
    assert (
        error_of(smoothxent.cross_entropy_and_grad, logits, LABELS, grad_out=torch.zeros(N, C))
        == "grad_out must be a plain NumPy array, got Tensor; write into grad_out.numpy()"
    )


@pytest.mark.fault("missing-library")
@pytest.mark.slow
@pytest.mark.parametrize("name", ["sklearn", "jax", "dask", "torch"])
def test_missing_library_is_an_error_that_names_the_command(run_child, name):
    source = f"""
import sys
sys.modules["{name}"] = None
try:
    import smoothxent.{name}
except ModuleNotFoundError as error:
    print(error)
"""
    package = "scikit-learn" if name == "sklearn" else name
    expected = f'smoothxent.{name} needs {package}; pip install "smoothxent[{name}]"\n'
    assert run_child(source) == expected
