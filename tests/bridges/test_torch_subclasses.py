"""The drop-in for subclasses of `torch.Tensor`, also as gradients."""

import pytest

import smoothxent
from torch_losses import KINDS, LOSSES, REDUCTIONS, Tagged, draw, ours, theirs

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional


@pytest.fixture
def two():
    """Return PyTorch's pair of tensors, for which every operation runs twice."""
    return pytest.importorskip("torch.testing._internal.two_tensor").TwoTensor


@pytest.mark.parametrize("create_graph", [False, True])
@REDUCTIONS
@KINDS
@LOSSES
def test_derivatives_keep_both_halves_of_a_pair(rng, two, loss, kind, reduction, create_graph):
    leaves, target, weight = draw(rng, loss, kind)
    results = []
    for function in (ours, theirs):
        value = function(leaves, target, weight, reduction=reduction)
        upstream = two(torch.full_like(value, 2.0), torch.full_like(value, -3.0))
        grads = torch.autograd.grad(value, leaves, upstream, create_graph=create_graph)
        if create_graph:
            grads = torch.autograd.grad(sum((grad**2).sum() for grad in grads), leaves)
        assert all(type(grad) is two for grad in grads)
        results.append([(grad.a, grad.b) for grad in grads])
    torch.testing.assert_close(*results)


@REDUCTIONS
@KINDS
def test_pair_as_input_is_computed_twice(rng, two, kind, reduction):
    (leaf,), target, weight = draw(rng, "logits", kind)
    pair = two(leaf.detach(), -leaf.detach()).requires_grad_()
    loss = ours([pair], target, weight, reduction=reduction)
    (grad,) = torch.autograd.grad(loss.sum(), pair)
    for half, input in (("a", leaf), ("b", -leaf)):
        expected = theirs([input], target, weight, reduction=reduction)
        torch.testing.assert_close(getattr(loss, half), expected)
        (expected_grad,) = torch.autograd.grad(expected.sum(), input)
        torch.testing.assert_close(getattr(grad, half), expected_grad)


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
    (input,), target, weight = draw(rng, "logits")
    arguments = {"input": input.detach(), "target": target, "weight": weight}
    expected = functional.cross_entropy(**arguments)
    arguments[place] = arguments[place].as_subclass(Recorder)
    monkeypatch.setattr(Recorder, "asked", [])
    monkeypatch.delattr(smoothxent, "cross_entropy")
    loss = drop_in.cross_entropy(**arguments)
    assert Recorder.asked == [functional.cross_entropy]
    torch.testing.assert_close(loss, expected)


def test_subclass_without_a_say_keeps_its_type(rng):
    (input,), target, _ = draw(rng, "logits")
    loss, expected = (function([input.as_subclass(Tagged)], target) for function in (ours, theirs))
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
    (input,), target, _ = draw(rng, "logits", kind)

    def distributed(x):
        return tensor.distribute_tensor(x.detach(), mesh, [tensor.Replicate()])

    results = []
    for function in (ours, theirs):
        leaf = distributed(input).requires_grad_()
        loss = function([leaf], distributed(target), reduction=reduction)
        loss.sum().backward()
        assert isinstance(loss, tensor.DTensor)
        results.append((loss.full_tensor(), leaf.grad.full_tensor()))
    assert all(torch.equal(*both) for both in zip(*results, strict=True))
