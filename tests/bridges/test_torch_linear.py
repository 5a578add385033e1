"""The drop-in's linear head without stored logits, against PyTorch's `linear` and `cross_entropy`.

The features are whole numbers, the weights eighths and the probabilities sixteenths, so the logits
are exact in every dtype, and a result errs only by the roundings of the loss and of the products
with the gradient of the logits.
"""

from itertools import combinations

import numpy as np
import pytest

from torch_losses import (
    DTYPES,
    KINDS,
    REDUCTIONS,
    TOLERANCE,
    loss_and_gradients,
    ours,
    theirs,
    widened,
)

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional

SHAPES = pytest.mark.parametrize("shape", [(5,), (15, 5), (3, 4, 5)], ids=str)
OPTIONS = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.1},
    "weighted": {"label_smoothing": 0.1, "weight": True},
    "transforms": {"softcap": 3.0, "temperature": 0.75, "z_loss": 0.125, "label_smoothing": 0.1},
}


def draw(rng, shape, dtype=torch.float64, kind="indices", num_classes=9, bias=True):
    """Return the tensors of the head and the target, with ignored rows."""
    input = torch.from_numpy(rng.integers(-3, 4, shape)).to(dtype)
    weight = torch.from_numpy(rng.integers(-3, 4, (num_classes, shape[-1])) / 8).to(dtype)
    head = [input, weight]
    if bias:
        head.append(torch.from_numpy(rng.integers(-8, 9, num_classes) / 8).to(dtype))
    if kind == "probabilities":
        table = rng.integers(0, 17, (*shape[:-1], num_classes)) / 16
        return head, torch.from_numpy(table).to(dtype)
    target = torch.from_numpy(np.asarray(rng.integers(0, num_classes, shape[:-1])))
    if len(shape) > 1:
        target[target == 4] = -100
    return head, target


def stored(leaves, target, *, softcap=None, temperature=1.0, z_loss=0.0, **options):
    """Return the loss of stored logits; transforms are those of the loss of logits."""
    logits = functional.linear(*leaves)
    rows, classes = logits.shape[:-1], logits.shape[-1:]
    transforms = {"softcap": softcap, "temperature": temperature, "z_loss": z_loss}
    has_transforms = list(transforms.values()) != [None, 1.0, 0.0]
    function, given = (ours, transforms) if has_transforms else (theirs, {})
    flat = target.reshape(-1, *classes) if target.ndim == logits.ndim else target.flatten()
    loss = function([logits.reshape(-1, *classes)], flat, **options, **given)
    return loss.reshape(rows) if options.get("reduction") == "none" else loss


def assert_agrees(rng, head, target, **options):
    """Compare loss and gradients with those of the composition in float64."""
    dtype = head[0].dtype
    shape = head[0].shape[:-1] if options.get("reduction") == "none" else ()
    factor = torch.from_numpy(np.asarray(rng.normal(0, 1, shape))).to(dtype)
    found = loss_and_gradients(ours, head, target, factor, **options)
    wide = {name: widened(value) for name, value in options.items()}
    expected = loss_and_gradients(
        stored, [widened(tensor) for tensor in head], widened(target), factor.double(), **wide
    )
    # Gradients are sums of up to 15 terms below 3, or 27 where probabilities add up to 9, whose
    # errors are those of the terms and 15 roundings of the sum: below 2**-18, 2**-15 and 2**-45.
    absolute = 2.0**-15 if target.is_floating_point() else 2.0**-18
    if dtype == torch.float64:
        absolute = 2.0**-45
    for actual, like in zip(found, expected, strict=True):
        assert actual.dtype == dtype
        np.testing.assert_allclose(
            actual.double(), like, rtol=TOLERANCE[dtype], atol=absolute, strict=True
        )


@pytest.mark.parametrize("name", OPTIONS)
@REDUCTIONS
@pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])
@SHAPES
@KINDS
@DTYPES
def test_loss_and_gradients_are_those_of_stored_logits(
    rng, dtype, kind, shape, bias, reduction, name
):
    head, target = draw(rng, shape, dtype, kind, bias=bias)
    options = dict(OPTIONS[name])
    if options.pop("weight", None):
        options["weight"] = torch.from_numpy(rng.uniform(0.2, 2, 9)).to(dtype)
    assert_agrees(rng, head, target, reduction=reduction, **options)


@REDUCTIONS
def test_another_ignored_label_is_that_of_stored_logits(rng, reduction):
    head, target = draw(rng, (15, 5))
    target[target == -100] = 2
    assert_agrees(rng, head, target, reduction=reduction, ignore_index=2)


@REDUCTIONS
@KINDS
def test_loss_and_gradients_of_many_classes_in_float32_are_those_of_float64(rng, kind, reduction):
    # More than the kernel reads at a time. A weight's gradient is a sum of 24 terms below 3, one of
    # a row of the input of 40000 terms, whose sizes add up to at most 2 * 3 / 8.
    head, target = draw(rng, (24, 5), torch.float32, num_classes=40_000)
    if kind == "probabilities":
        target = torch.from_numpy(rng.dirichlet(np.ones(40_000), 24)).float()
    assert_agrees(rng, head, target, reduction=reduction, label_smoothing=0.1)


@pytest.mark.parametrize("integer", [torch.int8, torch.uint8, torch.int16, torch.int32], ids=str)
def test_other_integers_than_pytorchs_are_class_indices_too(rng, integer):
    head, target = draw(rng, (15, 5))
    target = target.clamp(min=0)
    assert ours(head, target.to(integer)) == ours(head, target)


@DTYPES
def test_tensors_of_any_strides_are_taken(rng, dtype):
    (input, weight, bias), target = draw(rng, (4, 6, 5), dtype)
    strided = [
        input.transpose(0, 1).contiguous().transpose(0, 1),
        weight.repeat_interleave(2, -1)[:, ::2],
        bias.repeat_interleave(3)[1::3],
    ]
    transposed = target.T.contiguous().T
    assert not any(tensor.is_contiguous() for tensor in (*strided, transposed))
    assert torch.equal(ours(strided, transposed), ours([input, weight, bias], target))


@REDUCTIONS
def test_gradients_are_only_those_that_are_required(rng, reduction):
    head, target = draw(rng, (15, 5))
    _, *everything = loss_and_gradients(ours, head, target, torch.tensor(-2.0), reduction=reduction)
    for required in [each for size in (1, 2, 3) for each in combinations(range(3), size)]:
        leaves = [tensor.clone().requires_grad_(n in required) for n, tensor in enumerate(head)]
        (ours(leaves, target, reduction=reduction) * -2.0).sum().backward()
        for n, (leaf, grad) in enumerate(zip(leaves, everything, strict=True)):
            assert leaf.grad is None if n not in required else torch.equal(leaf.grad, grad)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradients_in_float16_are_rounded_after_they_are_multiplied(reduction):
    # The gradient of each of 4096 rows is 10 (p - 1) / 4096, with p - 1 = -7 exp(-10), about -13
    # times the smallest number of float16.
    weight = torch.zeros(8, 1, dtype=torch.float16)
    weight[0] = 10
    head = [torch.ones(4096, 1, dtype=torch.float16), weight]
    target = torch.zeros(4096, dtype=torch.int64)
    factor = torch.tensor(2.0**15 if reduction == "mean" else 8.0)
    _, grad, _ = loss_and_gradients(ours, head, target, factor, reduction=reduction)
    expected = 10 * float(factor) * (1 / (1 + 7 * np.exp(-10)) - 1)
    if reduction == "mean":
        expected /= 4096
    np.testing.assert_allclose(grad.double(), expected, rtol=TOLERANCE[torch.float16])


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16], ids=str)
def test_autocast_gives_float32_and_takes_the_dtypes_that_it_leads_to(rng, half):
    (input, *parameters), target = draw(rng, (15, 5), torch.float32)
    expected = theirs([input, *parameters], target)
    for features in (input, input.to(half)):  # as a layer before the head returns it
        leaves = [tensor.clone().requires_grad_() for tensor in (features, *parameters)]
        with torch.autocast("cpu", dtype=half):
            loss = ours(leaves, target)
            assert theirs([features, *parameters], target).dtype == loss.dtype
        loss.backward()
        torch.testing.assert_close(loss, expected, rtol=2e-6, atol=0)
        assert [leaf.grad.dtype for leaf in leaves] == [leaf.dtype for leaf in leaves]


@REDUCTIONS
def test_ignored_row_of_nan_has_no_gradient(rng, reduction):
    (input, *parameters), _ = draw(rng, (3, 5))
    target, rows, factor = torch.tensor([1, -100, 2]), torch.tensor([0, 2]), torch.tensor(-2.0)
    input[1] = torch.nan
    loss, of_input, *whole = loss_and_gradients(
        ours, [input, *parameters], target, factor, reduction=reduction
    )
    loss_of_rows, of_rows, *part = loss_and_gradients(
        ours, [input[rows], *parameters], target[rows], factor, reduction=reduction
    )
    assert torch.equal(loss if reduction != "none" else loss[rows], loss_of_rows)
    assert torch.equal(of_input[rows], of_rows)
    assert not of_input[1].any()
    assert all(torch.equal(*both) for both in zip(whole, part, strict=True))


@pytest.mark.skipif(not hasattr(functional, "linear_cross_entropy"), reason="needs PyTorch 2.13")
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("of_target", TOLERANCE, ids=str)
@DTYPES
def test_loss_has_the_dtype_to_which_pytorch_promotes_probabilities(
    rng, monkeypatch, dtype, of_target, reduction, autocast
):
    (input, weight, bias), target = draw(rng, (15, 5), dtype, "probabilities")
    options = {"linear_bias": bias, "reduction": reduction, "weight": torch.ones(9).to(dtype)}
    for name in ("_linear_loss._THEIRS", "_pytorch.linear_cross_entropy"):
        monkeypatch.setattr(f"smoothxent.torch.{name}", None)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        loss, expected = (
            library.linear_cross_entropy(input, weight, target.to(of_target), **options)
            for library in (drop_in, functional)
        )
    assert (loss.dtype, loss.shape) == (expected.dtype, expected.shape)


def test_logits_are_never_all_in_memory(run_child):
    source = """
import torch, smoothxent.torch
from peaks import process_peak

target = torch.zeros(1024, dtype=torch.int64)
def loss(weight):
    return smoothxent.torch.linear_cross_entropy(torch.ones(1024, 8), weight, target)
loss(torch.ones(64_000, 8))
begin = process_peak()
loss(torch.ones(64_000, 8, requires_grad=True)).backward()
print(process_peak() - begin)
"""
    used = float(run_child(source, flags=()))
    assert used < 100 << 20  # the logits would take 250 MiB
