"""The drop-in's linear head without stored logits, against PyTorch's `linear` and `cross_entropy`.

The features are whole numbers and the weights eighths, so the logits are exact in every dtype, and
a result errs only by the roundings of the loss and of the products with the gradient of the logits.
"""

import inspect
from itertools import combinations

import numpy as np
import pytest

import smoothxent

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional

# Relative: as in test_torch.py. Absolute, for gradients: a sum of up to 15 terms below 3, whose
# errors are those of the terms and 15 roundings of the sum, all below 2**-18 and 2**-45.
RELATIVE = {
    torch.float32: 2e-6,
    torch.float64: 1e-12,
    torch.float16: 2e-6 + 2**-11,
    torch.bfloat16: 2e-6 + 2**-8,
}
ABSOLUTE = {torch.float64: 2.0**-45}
DTYPES = pytest.mark.parametrize("dtype", RELATIVE, ids=str)
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
SHAPES = pytest.mark.parametrize("shape", [(5,), (15, 5), (3, 4, 5)], ids=str)
OPTIONS = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.1},
    "weighted": {"label_smoothing": 0.1, "weight": True},
    "another ignored label": {"ignore_index": 2},
    "transforms": {"softcap": 3.0, "temperature": 0.75, "z_loss": 0.125, "label_smoothing": 0.1},
}


def draw(rng, shape, dtype=torch.float64, num_classes=9, bias=True):
    """Return the tensors of the head (None without a bias) and the target, with ignored rows."""
    features = shape[-1]
    input = torch.from_numpy(rng.integers(-3, 4, shape)).to(dtype)
    weight = torch.from_numpy(rng.integers(-3, 4, (num_classes, features)) / 8).to(dtype)
    bias = torch.from_numpy(rng.integers(-8, 9, num_classes) / 8).to(dtype) if bias else None
    target = torch.from_numpy(np.asarray(rng.integers(0, num_classes, shape[:-1])))
    if len(shape) > 1:
        target[target == 4] = -100
    return (input, weight, bias), target


def composition(
    input, linear_weight, target, *, linear_bias=None, weight=None, reduction="mean",
    ignore_index=-100, softcap=None, temperature=1.0, z_loss=0.0, label_smoothing=0.0,
):  # fmt: skip
    """Return the loss of stored logits; the z-loss of weights is that of cross_entropy."""
    logits = functional.linear(input, linear_weight, linear_bias)
    rows = logits.shape[:-1]
    flat = logits.reshape(-1, logits.shape[-1])
    transforms = {"softcap": softcap, "temperature": temperature, "z_loss": z_loss}
    given = {name: value for name, value in transforms.items() if value not in (None, 1.0, 0.0)}
    function = drop_in.cross_entropy if given else functional.cross_entropy
    loss = function(
        flat,
        target.reshape(-1) if target.ndim < logits.ndim else target.reshape(flat.shape),
        weight,
        reduction=reduction,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        **given,
    )
    return loss.reshape(rows) if reduction == "none" else loss


def loss_and_gradients(function, head, target, factor, **options):
    """Return the loss, and the gradients of its product with the factor, summed."""
    leaves = [None if tensor is None else tensor.clone().requires_grad_() for tensor in head]
    loss = function(leaves[0], leaves[1], target, linear_bias=leaves[2], **options)
    (loss * factor).sum().backward()
    return loss.detach(), *(leaf.grad for leaf in leaves if leaf is not None)


def double(value):
    is_real = isinstance(value, torch.Tensor) and value.is_floating_point()
    return value.double() if is_real else value


def assert_agrees(rng, head, target, absolute=2.0**-18, **options):
    """Compare loss and gradients with those of the composition in float64."""
    dtype = head[0].dtype
    shape = head[0].shape[:-1] if options.get("reduction") == "none" else ()
    factor = torch.from_numpy(np.asarray(rng.normal(0, 1, shape))).to(dtype)
    ours = loss_and_gradients(drop_in.linear_cross_entropy, head, target, factor, **options)
    wide = {name: double(value) for name, value in options.items()}
    expected = loss_and_gradients(
        composition, [double(tensor) for tensor in head], double(target), factor.double(), **wide
    )
    assert len(ours) == len(expected)
    for actual, like in zip(ours, expected, strict=True):
        assert actual.dtype == dtype
        np.testing.assert_allclose(
            actual.double(),
            like,
            rtol=RELATIVE[dtype],
            atol=ABSOLUTE.get(dtype, absolute),
            strict=True,
        )


@pytest.mark.parametrize("name", OPTIONS)
@REDUCTIONS
@pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])
@SHAPES
@DTYPES
def test_loss_and_gradients_are_those_of_stored_logits(rng, dtype, shape, bias, reduction, name):
    head, target = draw(rng, shape, dtype, bias=bias)
    options = dict(OPTIONS[name])
    if options.pop("weight", None):
        options["weight"] = torch.from_numpy(rng.uniform(0.2, 2, 9)).to(dtype)
    if "ignore_index" in options:
        target[target == -100] = options["ignore_index"]
    assert_agrees(rng, head, target, reduction=reduction, **options)


@REDUCTIONS
def test_loss_and_gradients_of_many_classes_in_float32_are_those_of_float64(rng, reduction):
    # More than the kernel reads at a time. A weight's gradient is a sum of 24 terms below 3, one of
    # a row of the input of 40000 terms, whose sizes add up to at most 2 * 3 / 8.
    head, target = draw(rng, (24, 5), torch.float32, num_classes=40_000)
    assert_agrees(rng, head, target, reduction=reduction, label_smoothing=0.1)


@pytest.mark.parametrize("integer", [torch.int8, torch.uint8, torch.int16, torch.int32], ids=str)
def test_other_integers_than_pytorchs_are_class_indices_too(rng, integer):
    (input, weight, bias), target = draw(rng, (15, 5))
    target = target.clamp(min=0)
    losses = [
        drop_in.linear_cross_entropy(input, weight, indices, linear_bias=bias)
        for indices in (target, target.to(integer))
    ]
    assert torch.equal(*losses)


@DTYPES
def test_tensors_of_any_strides_are_taken(rng, dtype):
    (input, weight, bias), target = draw(rng, (4, 6, 5), dtype)
    expected = drop_in.linear_cross_entropy(input, weight, target, linear_bias=bias)
    strided = [
        input.transpose(0, 1).contiguous().transpose(0, 1),
        weight.repeat_interleave(2, -1)[:, ::2],
        target.T.contiguous().T,
        bias.repeat_interleave(3)[1::3],
    ]
    assert not any(tensor.is_contiguous() for tensor in strided)
    assert torch.equal(drop_in.linear_cross_entropy(*strided[:3], linear_bias=strided[3]), expected)


@REDUCTIONS
def test_gradients_are_only_those_that_are_required(rng, reduction):
    head, target = draw(rng, (15, 5))
    names = range(3)
    everything = loss_and_gradients(
        drop_in.linear_cross_entropy, head, target, torch.tensor(-2.0), reduction=reduction
    )[1:]
    for required in [each for size in (1, 2, 3) for each in combinations(names, size)]:
        leaves = [tensor.clone().requires_grad_(n in required) for n, tensor in enumerate(head)]
        input, weight, bias = leaves
        loss = drop_in.linear_cross_entropy(
            input, weight, target, linear_bias=bias, reduction=reduction
        )
        (loss * -2.0).sum().backward()
        for n, (leaf, grad) in enumerate(zip(leaves, everything, strict=True)):
            assert leaf.grad is None if n not in required else torch.equal(leaf.grad, grad)


@pytest.fixture
def calls(monkeypatch):
    """Return a list of smoothxent's functions, in the order of their calls."""
    names = []

    def recorded(name, function):
        def call(*arguments, **options):
            names.append(name)
            return function(*arguments, **options)

        return call

    for name in ("linear_cross_entropy", "linear_cross_entropy_and_grad"):
        monkeypatch.setattr(smoothxent, name, recorded(name, getattr(smoothxent, name)))
    return names


@REDUCTIONS
def test_gradients_are_computed_once_and_only_if_one_is_required(rng, calls, reduction):
    head, target = draw(rng, (15, 5))
    input, weight, bias = (tensor.requires_grad_() for tensor in head)

    def loss(input, weight, bias):
        return drop_in.linear_cross_entropy(
            input, weight, target, linear_bias=bias, reduction=reduction
        )

    loss(*(tensor.detach() for tensor in head))
    with torch.no_grad():
        loss(input, weight, bias)
    with torch.inference_mode():
        loss(input, weight, bias)
    assert calls == ["linear_cross_entropy"] * 3
    calls.clear()
    value = loss(input, weight, bias).sum()
    forward = list(calls)
    value.backward()
    both = ["linear_cross_entropy_and_grad"]
    assert (forward, calls) == (
        (["linear_cross_entropy"], ["linear_cross_entropy", *both])
        if reduction == "none"
        else (both, both)
    )


@pytest.mark.fault("torch-backward")
@REDUCTIONS
@pytest.mark.parametrize("factor", [1, -3])
def test_graph_that_is_retained_gives_the_gradients_again(rng, reduction, factor):
    head, target = draw(rng, (15, 5))
    input, weight, bias = (tensor.requires_grad_() for tensor in head)
    loss = drop_in.linear_cross_entropy(
        input, weight, target, linear_bias=bias, reduction=reduction
    )
    loss = loss.sum() * factor
    loss.backward(retain_graph=True)
    once = [leaf.grad.clone() for leaf in head]
    loss.backward()
    assert all(torch.equal(leaf.grad, 2 * grad) for leaf, grad in zip(head, once, strict=True))


@pytest.mark.fault("torch-backward")
@pytest.mark.parametrize("changed", range(3))
def test_tensor_changed_before_the_backward_pass_is_an_error(rng, changed):
    head, target = draw(rng, (15, 5))
    tensors = [tensor.requires_grad_() * 1 for tensor in head]
    input, weight, bias = tensors
    loss = drop_in.linear_cross_entropy(input, weight, target, linear_bias=bias)
    tensors[changed].zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradients_in_float16_are_rounded_after_they_are_multiplied(reduction):
    # The gradient of each of 4096 rows is 10 (p - 1) / 4096, with p - 1 = -7 exp(-10), about -13
    # times the smallest number of float16.
    input = torch.ones(4096, 1, dtype=torch.float16)
    weight = torch.zeros(8, 1, dtype=torch.float16)
    weight[0] = 10
    head, target = [input, weight, None], torch.zeros(4096, dtype=torch.int64)
    factor = torch.tensor(2.0**15 if reduction == "mean" else 8.0)
    _, grad, _ = loss_and_gradients(
        drop_in.linear_cross_entropy, head, target, factor, reduction=reduction
    )
    expected = 10 * float(factor) * (1 / (1 + 7 * np.exp(-10)) - 1)
    if reduction == "mean":
        expected /= 4096
    np.testing.assert_allclose(grad.double(), expected, rtol=RELATIVE[torch.float16])


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16], ids=str)
def test_autocast_gives_float32_and_takes_the_dtypes_that_it_leads_to(rng, half):
    (input, weight, bias), target = draw(rng, (15, 5), torch.float32)
    expected = composition(input, weight, target, linear_bias=bias)
    for features in (input, input.to(half)):  # as a layer before the head returns it
        leaf = features.clone().requires_grad_()
        parameters = [tensor.clone().requires_grad_() for tensor in (weight, bias)]
        with torch.autocast("cpu", dtype=half):
            loss = drop_in.linear_cross_entropy(
                leaf, parameters[0], target, linear_bias=parameters[1]
            )
            assert functional.cross_entropy(functional.linear(features, weight), target).dtype == (
                loss.dtype
            )
        loss.backward()
        torch.testing.assert_close(loss, expected, rtol=2e-6, atol=0)
        assert leaf.grad.dtype == features.dtype
        assert parameters[0].grad.dtype == torch.float32


@REDUCTIONS
def test_ignored_row_of_nan_has_no_gradient(rng, reduction):
    (input, weight, bias), target = draw(rng, (3, 5))
    target = torch.tensor([1, -100, 2])
    input[1] = torch.nan
    rows = torch.tensor([0, 2])
    factor = torch.tensor(-2.0)
    whole = loss_and_gradients(
        drop_in.linear_cross_entropy, (input, weight, bias), target, factor, reduction=reduction
    )
    part = loss_and_gradients(
        drop_in.linear_cross_entropy,
        (input[rows], weight, bias),
        target[rows],
        factor,
        reduction=reduction,
    )
    assert torch.equal(whole[0] if reduction != "none" else whole[0][rows], part[0])
    assert torch.equal(whole[1][rows], part[1])
    assert not whole[1][1].any()
    assert torch.equal(whole[2], part[2])


def test_signature_is_pytorchs_and_then_the_transforms():
    def parameters(function):
        return [
            (parameter.name, parameter.kind, parameter.default)
            for parameter in inspect.signature(function).parameters.values()
        ]

    *ours, softcap, temperature, z_loss = parameters(drop_in.linear_cross_entropy)
    assert (softcap[0], temperature[0], z_loss[0]) == ("softcap", "temperature", "z_loss")
    if hasattr(functional, "linear_cross_entropy"):
        assert ours == parameters(functional.linear_cross_entropy)


@pytest.mark.parametrize("threads, expected", [(1, 1), (4, None)])
def test_no_more_threads_than_pytorchs_are_used(monkeypatch, threads, expected):
    monkeypatch.setattr("smoothxent.torch._tensors._DEFAULT_THREADS", 4)
    asked = []

    def spy(*arguments, num_threads, **options):
        asked.append(num_threads)
        return 0.0

    monkeypatch.setattr(smoothxent, "linear_cross_entropy", spy)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        drop_in.linear_cross_entropy(
            torch.zeros(3, 2), torch.zeros(4, 2), torch.zeros(3, dtype=torch.int64)
        )
    finally:
        torch.set_num_threads(before)
    assert asked == [expected]


def test_logits_are_never_all_in_memory(run_child):
    source = """
import re, torch, smoothxent.torch
from pathlib import Path

def peak():  # ru_maxrss begins with that of the process that started this one
    return int(re.search("VmHWM:(.*)kB", Path("/proc/self/status").read_text())[1]) / 2**10

target = torch.zeros(1024, dtype=torch.int64)
def loss(weight):
    return smoothxent.torch.linear_cross_entropy(torch.ones(1024, 8), weight, target)
loss(torch.ones(64_000, 8))
begin = peak()
loss(torch.ones(64_000, 8, requires_grad=True)).backward()
print(peak() - begin)
"""
    used = float(run_child(source, flags=()))
    assert used < 100  # MiB; the logits would take 250
