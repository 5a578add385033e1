"""The drop-in for `torch.nn.functional.cross_entropy` agrees with PyTorch."""

import inspect

import numpy as np
import pytest

import smoothxent
from torch_losses import (
    DTYPES,
    KINDS,
    REDUCTIONS,
    TOLERANCE,
    WEIGHTED,
    loss_and_gradients,
    ours,
    theirs,
    widened,
)

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional

SHAPES = {
    "one row": (7,),
    "batch": (13, 7),
    "1-d": (5, 7, 6),
    "2-d": (3, 7, 4, 5),
    "3-d": (2, 7, 3, 2, 4),
}


def draw(rng, shape, dtype, kind, weighted=False):
    """Return input and target, and the weight or None."""
    axis = min(1, len(shape) - 1)
    rows = shape[:axis] + shape[axis + 1 :]
    input = torch.from_numpy(rng.normal(0, 3, shape)).to(dtype)
    if kind == "indices":
        target = torch.from_numpy(np.asarray(rng.integers(0, shape[axis], rows)))
    else:
        rows_last = rng.dirichlet(np.ones(shape[axis]), rows)
        target = torch.from_numpy(np.moveaxis(rows_last, -1, axis)).to(dtype)
    weight = torch.from_numpy(rng.uniform(0.2, 2, shape[axis])).to(dtype) if weighted else None
    return input, target, weight


def assert_agrees_with_pytorch(rng, input, target, **options):
    """Compare loss, gradient and their dtypes; the loss is multiplied by numbers other than 1."""
    like = functional.cross_entropy(input, target, **options)
    factor = torch.from_numpy(np.asarray(rng.normal(0, 1, like.shape))).to(like.dtype)
    loss, grad = loss_and_gradients(ours, [input], target, factor, **options)
    wide = {name: widened(value) for name, value in options.items()}
    expected_loss, expected_grad = loss_and_gradients(
        theirs, [widened(input)], widened(target), widened(factor), **wide
    )
    assert (loss.dtype, loss.shape) == (like.dtype, like.shape)
    assert (grad.dtype, grad.shape) == (input.dtype, input.shape)
    # Logits of float32 or less give a loss with the digits of float32, whatever promotes it.
    promoted = loss.dtype == torch.float64 != input.dtype
    assert_close(loss, expected_loss, torch.float32 if promoted else loss.dtype)
    assert_close(grad, expected_grad)


def assert_close(actual, expected, digits=None):
    tolerance = TOLERANCE[digits or actual.dtype]
    np.testing.assert_allclose(
        actual.double().numpy(), expected.numpy(), rtol=tolerance, atol=min(tolerance, 2e-6)
    )


@WEIGHTED
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 1.0])
@REDUCTIONS
@KINDS
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@DTYPES
def test_loss_and_gradient_are_pytorchs(
    rng, dtype, shape, kind, reduction, label_smoothing, weighted
):
    input, target, weight = draw(rng, shape, dtype, kind, weighted)
    assert_agrees_with_pytorch(
        rng, input, target, weight=weight, reduction=reduction, label_smoothing=label_smoothing
    )


@WEIGHTED
@REDUCTIONS
@pytest.mark.parametrize("ignore_index", [-100, 2])
@pytest.mark.parametrize("shape", [(13, 7), (3, 7, 4, 5)], ids=["batch", "2-d"])
def test_ignored_rows_are_pytorchs(rng, shape, ignore_index, reduction, weighted):
    input, target, weight = draw(rng, shape, torch.float32, "indices", weighted)
    target[target == 3] = ignore_index
    options = {"weight": weight, "reduction": reduction, "label_smoothing": 0.1}
    assert_agrees_with_pytorch(rng, input, target, ignore_index=ignore_index, **options)


STRIDES = {
    "transposed": lambda x: x.transpose(0, -1).contiguous().transpose(0, -1),
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "every other": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "part of a larger one": lambda x: functional.pad(x, (1, 2, 2, 1))[..., 2:-1, 1:-2],
}


@KINDS
@pytest.mark.parametrize("stride", STRIDES.values(), ids=STRIDES.keys())
@DTYPES
def test_tensors_of_any_strides_are_taken(rng, dtype, stride, kind):
    input, target, _ = draw(rng, (3, 7, 4, 5), dtype, kind)
    strided = stride(input)
    assert torch.equal(strided, input)
    assert not strided.is_contiguous()
    if kind == "probabilities":
        target = stride(target)
    leaf, other = input.clone().requires_grad_(), strided.detach().requires_grad_()
    loss = drop_in.cross_entropy(other, target)
    assert loss == drop_in.cross_entropy(leaf, target)
    loss.backward()
    drop_in.cross_entropy(leaf, target).backward()
    assert torch.equal(other.grad, leaf.grad)


@pytest.mark.parametrize("integer", [torch.int8, torch.uint8, torch.int16, torch.int32], ids=str)
def test_other_integers_than_pytorchs_are_class_indices_too(rng, integer):
    input, target, _ = draw(rng, (13, 7), torch.float32, "indices")
    assert drop_in.cross_entropy(input, target.to(integer)) == drop_in.cross_entropy(input, target)


@pytest.mark.parametrize("wide", [torch.float32, torch.float64], ids=str)
@WEIGHTED
@REDUCTIONS
@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16, torch.float32], ids=str)
def test_probabilities_of_another_dtype_promote_the_loss_as_in_pytorch(
    rng, narrow, reduction, weighted, wide
):
    input, _, weight = draw(rng, (13, 7), narrow, "indices", weighted)
    _, target, _ = draw(rng, (13, 7), wide, "probabilities")
    assert_agrees_with_pytorch(rng, input, target, weight=weight, reduction=reduction)


@KINDS
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16], ids=str)
def test_loss_of_half_precision_is_float32_under_autocast_as_in_pytorch(rng, half, kind):
    input, target, _ = draw(rng, (13, 7), half, kind)
    with torch.autocast("cpu", dtype=half):
        loss = drop_in.cross_entropy(input, target)
        assert loss.dtype == torch.float32
        if kind == "indices":
            assert functional.cross_entropy(input, target).dtype == torch.float32
    expected = functional.cross_entropy(widened(input), widened(target))
    assert_close(loss, expected)


@KINDS
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_nan_and_infinity_are_pytorchs(kind, label_smoothing):
    nan, inf = float("nan"), float("inf")
    input = torch.tensor(
        [[1, 2, 3], [nan, 1, 2], [inf, 1, 2], [-inf, 1, 2], [1, -inf, 2], [-inf] * 3, [inf, inf, 0]]
    )
    target = torch.tensor([0, 1, 1, 1, 1, 0, 0])
    options = {"reduction": "none", "label_smoothing": label_smoothing}
    factor = torch.ones(7)
    if kind == "probabilities":
        target = torch.eye(3)[target]
    loss, grad = loss_and_gradients(ours, [input], target, factor, **options)
    expected, expected_grad = loss_and_gradients(
        theirs, [widened(input)], widened(target), widened(factor), **options
    )
    if kind == "probabilities" and not label_smoothing:
        assert loss[3].isfinite()  # there PyTorch adds 0 times infinity
        loss[3] = nan
    assert_close(loss, expected)
    assert_close(grad, expected_grad)


def test_ignored_row_of_nan_has_no_gradient():
    input = torch.tensor([[float("nan"), 1, 2], [1, 2, 3]])
    target = torch.tensor([-100, 0])
    loss, grad = loss_and_gradients(ours, [input], target, torch.tensor(2.0))
    alone, alone_grad = loss_and_gradients(ours, [input[1:]], target[1:], torch.tensor(2.0))
    assert torch.equal(loss, alone)
    assert torch.equal(grad, torch.cat([torch.zeros(1, 3), alone_grad]))


@REDUCTIONS
def test_where_every_row_is_ignored_all_is_as_in_pytorch(reduction):
    results = [
        loss_and_gradients(
            function,
            [torch.zeros(3, 5)],
            torch.full((3,), -100),
            torch.tensor(1.0),
            reduction=reduction,
            label_smoothing=0.1,
        )
        for function in (ours, theirs)
    ]
    torch.testing.assert_close(*results, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("factor", [2.0**15, -3.0], ids=str)
def test_gradient_in_float16_is_rounded_after_it_is_multiplied(factor):
    # A share of exp(-10) of each of 4096 rows is 2**-26.4, and 0 in float16, which ends at 2**-25.
    input = torch.zeros(4096, 8, dtype=torch.float16)
    input[:, 0] = 10.0
    target = torch.zeros(4096, dtype=torch.int64)
    factor = torch.tensor(factor)
    _, grad = loss_and_gradients(ours, [input], target, factor)
    _, expected = loss_and_gradients(theirs, [widened(input)], target, factor)
    np.testing.assert_allclose(
        grad.double(), expected, rtol=TOLERANCE[torch.float16], atol=2**-25 if factor < 0 else 0
    )


@pytest.mark.parametrize(
    "legacy, reduction",
    [
        ({"size_average": False}, "sum"),
        ({"size_average": True}, "mean"),
        ({"reduce": False}, "none"),
        ({"reduce": True}, "mean"),
        ({"size_average": False, "reduce": False}, "none"),
    ],
    ids=str,
)
def test_deprecated_options_mean_and_warn_what_they_do_in_pytorch(rng, legacy, reduction):
    input, target, _ = draw(rng, (13, 7), torch.float32, "indices")
    with pytest.warns(UserWarning, match="reduction=") as ours:
        loss = drop_in.cross_entropy(input, target, **legacy)
    with pytest.warns(UserWarning, match="reduction=") as theirs:
        functional.cross_entropy(input, target, **legacy)
    assert [str(warning.message) for warning in ours] == [str(w.message) for w in theirs]
    assert torch.equal(loss, drop_in.cross_entropy(input, target, reduction=reduction))


NAMES = pytest.mark.parametrize("name", ["cross_entropy", "linear_cross_entropy"])


@NAMES
def test_signature_is_pytorchs_and_then_the_transforms(name):
    def parameters(library):
        return [
            (parameter.name, parameter.kind, parameter.default)
            for parameter in inspect.signature(getattr(library, name)).parameters.values()
        ]

    *common, softcap, temperature, z_loss = parameters(drop_in)
    assert not hasattr(functional, name) or common == parameters(functional)
    keyword = inspect.Parameter.KEYWORD_ONLY
    assert softcap == ("softcap", keyword, None)
    assert temperature == ("temperature", keyword, 1.0)
    assert z_loss == ("z_loss", keyword, 0.0)


@pytest.mark.fault("torch-fallback")
@pytest.mark.parametrize("name", ["target", "weight"])
def test_gradient_with_respect_to_constants_is_pytorchs(rng, name):
    tensors = draw(rng, (13, 7), torch.float64, "probabilities", weighted=True)
    constants = dict(zip(["input", "target", "weight"], tensors, strict=True))
    grads = []
    for function in (drop_in.cross_entropy, functional.cross_entropy):
        leaf = constants[name].clone().requires_grad_()
        function(**constants | {name: leaf}, label_smoothing=0.1).backward()
        grads.append(leaf.grad)
    assert torch.equal(*grads)


@NAMES
@pytest.mark.parametrize("threads, expected", [(1, 1), (3, 3), (4, None), (5, None)])
def test_no_more_threads_than_pytorchs_are_used(monkeypatch, threads, expected, name):
    monkeypatch.setattr("smoothxent.torch._tensors._DEFAULT_THREADS", 4)
    asked = []

    def spy(*arguments, num_threads, **options):
        asked.append(num_threads)
        return 0.0

    monkeypatch.setattr(smoothxent, name, spy)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        leaves = [torch.zeros(3, 4), torch.zeros(4, 4)][: 1 + name.startswith("linear")]
        ours(leaves, torch.zeros(3, dtype=torch.int64))
    finally:
        torch.set_num_threads(before)
    assert asked == [expected]


def test_nothing_of_the_size_of_the_input_is_allocated_but_its_gradient(run_child):
    source = """
import torch, smoothxent.torch
from peaks import process_peak

leaf = torch.ones(64, 1000, requires_grad=True)
smoothxent.torch.cross_entropy(leaf, torch.zeros(64, dtype=torch.int64)).backward()
leaf = torch.ones(1024, 64_000, requires_grad=True)  # 262 MB, which no allocator keeps at hand
size, target = leaf.nbytes, torch.zeros(1024, dtype=torch.int64)
begin = process_peak()
loss = smoothxent.torch.cross_entropy(leaf, target)
print((process_peak() - begin) / size)
(loss * 3).backward()
print((process_peak() - begin) / size)
"""
    forward, backward = map(float, run_child(source, flags=()).split())
    assert forward < 0.1
    assert 0.9 < backward < 1.1
