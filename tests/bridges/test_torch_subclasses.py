"""The drop-in for subclasses of `torch.Tensor`, also as gradients."""

import numpy as np
import pytest

import smoothxent

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional

REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
KINDS = pytest.mark.parametrize("kind", ["indices", "probabilities"])


def draw(rng, kind, dtype=torch.float64):
    """Return input, target and weight."""
    input = torch.from_numpy(rng.normal(0, 2, (5, 7))).to(dtype)
    weight = torch.from_numpy(rng.uniform(0.2, 2, 7)).to(dtype)
    if kind == "indices":
        return input, torch.from_numpy(rng.integers(0, 7, 5)), weight
    return input, torch.from_numpy(rng.dirichlet(np.ones(7), 5)).to(dtype), weight


@pytest.fixture
def two():
    """Return PyTorch's pair of tensors, for which every operation runs twice."""
    return pytest.importorskip("torch.testing._internal.two_tensor").TwoTensor


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@REDUCTIONS
@KINDS
def test_gradient_keeps_both_halves_of_a_pair_that_flows_back(rng, two, kind, reduction, dtype):
    input, target, weight = draw(rng, kind, dtype)
    grads = []
    for function in (drop_in.cross_entropy, functional.cross_entropy):
        leaf = input.clone().requires_grad_()
        loss = function(leaf, target, weight, reduction=reduction)
        upstream = two(torch.full_like(loss, 2.0), torch.full_like(loss, 3.0))
        grads += torch.autograd.grad(loss, leaf, upstream)
    assert [type(grad) for grad in grads] == [two, two]
    for half in ("a", "b"):
        torch.testing.assert_close(*(getattr(grad, half) for grad in grads))


@KINDS
def test_second_derivative_keeps_both_halves_of_a_pair_that_flows_back(rng, two, kind):
    input, target, weight = draw(rng, kind)
    seconds = []
    for function in (drop_in.cross_entropy, functional.cross_entropy):
        leaf = input.clone().requires_grad_()
        loss = function(leaf, target, weight)
        upstream = two(torch.tensor(2.0).double(), torch.tensor(3.0).double())
        (grad,) = torch.autograd.grad(loss, leaf, upstream, create_graph=True)
        seconds += torch.autograd.grad((grad**2).sum(), leaf)
    for half in ("a", "b"):
        torch.testing.assert_close(*(getattr(second, half) for second in seconds))


@REDUCTIONS
@KINDS
def test_pair_as_input_is_computed_twice(rng, two, kind, reduction):
    input, target, weight = draw(rng, kind)
    pair = two(input, -input).requires_grad_()
    loss = drop_in.cross_entropy(pair, target, weight, reduction=reduction)
    (grad,) = torch.autograd.grad(loss.sum(), pair)
    for half, x in (("a", input), ("b", -input)):
        leaf = x.clone().requires_grad_()
        expected = functional.cross_entropy(leaf, target, weight, reduction=reduction)
        torch.testing.assert_close(getattr(loss, half), expected)
        torch.testing.assert_close(
            getattr(grad, half), torch.autograd.grad(expected.sum(), leaf)[0]
        )


class Recorder(torch.Tensor):
    """A tensor that records the PyTorch functions called on it."""

    asked = None

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if cls.asked is not None:
            cls.asked.append(function)
        with torch._C.DisableTorchFunctionSubclass():
            return function(*args, **(kwargs or {}))


@pytest.mark.fault("torch-fallback")
@pytest.mark.parametrize("place", ["input", "target", "weight"])
def test_subclass_is_asked_for_pytorchs_own_function(rng, monkeypatch, place):
    arguments = dict(zip(("input", "target", "weight"), draw(rng, "indices"), strict=True))
    expected = functional.cross_entropy(**arguments)
    arguments[place] = arguments[place].as_subclass(Recorder)
    monkeypatch.setattr(Recorder, "asked", [])
    monkeypatch.delattr(smoothxent, "cross_entropy")
    loss = drop_in.cross_entropy(**arguments)
    assert Recorder.asked == [functional.cross_entropy]
    torch.testing.assert_close(loss, expected)


def test_subclass_without_a_say_keeps_its_type(rng):
    class Tagged(torch.Tensor):
        pass

    input, target, _ = draw(rng, "indices")
    loss = drop_in.cross_entropy(input.as_subclass(Tagged), target)
    expected = functional.cross_entropy(input.as_subclass(Tagged), target)
    assert type(loss) is type(expected) is Tagged
    assert torch.equal(loss, expected)


@pytest.fixture
def mesh(tmp_path):
    """Return a device mesh with only this process."""
    distributed = pytest.importorskip("torch.distributed")
    if not (distributed.is_available() and distributed.is_gloo_available()):
        pytest.skip("needs torch.distributed with gloo")
    store = distributed.FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        yield distributed.device_mesh.init_device_mesh("cpu", (1,))
    finally:
        distributed.destroy_process_group()


@pytest.mark.thread_unsafe(reason="a process group belongs to the process")
@REDUCTIONS
@KINDS
def test_distributed_tensors_are_pytorchs(rng, mesh, kind, reduction):
    tensor = pytest.importorskip("torch.distributed.tensor")
    input, target, _ = draw(rng, kind)

    def distributed(x):
        return tensor.distribute_tensor(x, mesh, [tensor.Replicate()])

    results = []
    for function in (drop_in.cross_entropy, functional.cross_entropy):
        leaf = distributed(input).requires_grad_()
        loss = function(leaf, distributed(target), reduction=reduction)
        loss.sum().backward()
        assert isinstance(loss, tensor.DTensor)
        results.append((loss.full_tensor(), leaf.grad.full_tensor()))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*results, strict=True))
