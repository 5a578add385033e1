"""The drop-in inside PyTorch's machinery: autograd, compilers, modes, transforms."""

import shutil

import numpy as np
import pytest

import smoothxent
from assertions import error_text
from torch_losses import KINDS, LEAVES, LOSSES, REDUCTIONS, arguments_of, draw, ours, theirs

torch = pytest.importorskip("torch")
operators = torch.ops.smoothxent

# Inductor's own, of parts of PyTorch that it still uses.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")

TRANSFORMS = {"softcap": 3.0, "temperature": 0.7, "z_loss": 0.1}
WITH_TRANSFORMS = pytest.mark.parametrize(
    "transforms", [{}, TRANSFORMS], ids=["plain", "transforms"]
)
EVERY_LOSS = pytest.mark.parametrize("loss", LEAVES)
NEEDS_COMPILER = pytest.mark.skipif(
    not any(shutil.which(name) for name in ["c++", "g++", "clang++"]), reason="needs a C++ compiler"
)
BACKENDS = pytest.mark.parametrize(
    "loss, backend",
    [
        ("logits", "aot_eager"),
        ("head", "aot_eager"),
        pytest.param("logits", "inductor", marks=NEEDS_COMPILER),
    ],
)


def operator_of(leaves):
    return operators.cross_entropy if len(leaves) == 1 else operators.linear_cross_entropy


@REDUCTIONS
@WITH_TRANSFORMS
@EVERY_LOSS
@KINDS
def test_derivatives_are_those_of_finite_differences(rng, kind, loss, transforms, reduction):
    leaves, target, weight = draw(rng, loss, kind)

    def value(*leaves):
        options = {"reduction": reduction, "label_smoothing": 0.1} | transforms
        return ours(leaves, target, weight, **options)

    assert torch.autograd.gradcheck(value, leaves)
    assert torch.autograd.gradgradcheck(value, leaves)


@REDUCTIONS
@KINDS
@LOSSES
def test_third_derivatives_are_pytorchs(rng, loss, kind, reduction):
    leaves, target, weight = draw(rng, loss, kind)
    thirds = []
    for function in (ours, theirs):
        derivative = function(leaves, target, weight, reduction=reduction, label_smoothing=0.1)
        for power in (1, 2, 3):
            grads = torch.autograd.grad((derivative**power).sum(), leaves, create_graph=True)
            derivative = sum(grad.sum() for grad in grads)
        thirds.append(derivative.detach())
    # Three derivatives of one loss, each a sum of 7 terms: 1e-12 is some hundred roundings.
    torch.testing.assert_close(*thirds, rtol=1e-12, atol=1e-12)


@REDUCTIONS
@EVERY_LOSS
@KINDS
def test_operators_keep_pytorchs_rules(rng, kind, loss, reduction):
    leaves, target, weight = draw(rng, loss, kind)
    options = target, weight, torch.float64, reduction, -100, 0.1, None, 1.0, 0.0
    torch.library.opcheck(operator_of(leaves).default, (*arguments_of(leaves), *options))
    factor = torch.tensor([1.0, -2, 3, -4, 5] if reduction == "none" else -2.0).double()
    if loss == "logits":
        arguments = factor.requires_grad_(), *leaves, *options
        torch.library.opcheck(operators.cross_entropy_backward.default, arguments)
        return
    arguments = *arguments_of([leaf.detach() for leaf in leaves]), *options
    if reduction == "none":
        backward = operators.linear_cross_entropy_backward.default
        torch.library.opcheck(backward, (factor, *arguments))
    else:
        torch.library.opcheck(operators.linear_cross_entropy_and_grad.default, arguments)


@REDUCTIONS
@KINDS
@LOSSES
def test_operator_and_function_are_the_same(rng, loss, kind, reduction):
    leaves, target, weight = draw(rng, loss, kind)
    options = torch.float64, reduction, -100, 0.1, *TRANSFORMS.values()
    losses = (
        operator_of(leaves)(*leaves, target, weight, *options),
        ours(leaves, target, weight, reduction=reduction, label_smoothing=0.1, **TRANSFORMS),
    )
    results = [(loss, *torch.autograd.grad(loss.sum(), leaves)) for loss in losses]
    assert all(torch.equal(*both) for both in zip(*results, strict=True))


@pytest.fixture
def calls(monkeypatch):
    """Return a list of smoothxent's losses, in the order of their calls."""
    names = []

    def recorded(name, function):
        def call(*arguments, **options):
            names.append(name)
            return function(*arguments, **options)

        return call

    for name in ("cross_entropy", "linear_cross_entropy"):
        for each in (name, f"{name}_and_grad"):
            monkeypatch.setattr(smoothxent, each, recorded(each, getattr(smoothxent, each)))
    return names


def expected_calls(loss, reduction):
    """Return the calls of a forward pass that needs a gradient, and of its backward pass."""
    name = "cross_entropy" if loss == "logits" else "linear_cross_entropy"
    if loss == "logits" or reduction == "none":
        return [name], [f"{name}_and_grad"]
    return [f"{name}_and_grad"], []


@REDUCTIONS
@LOSSES
def test_gradients_are_computed_once_and_only_if_one_is_required(rng, calls, loss, reduction):
    leaves, target, weight = draw(rng, loss)
    values = [ours([leaf.detach() for leaf in leaves], target, weight, reduction=reduction)]
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            values.append(ours(leaves, target, weight, reduction=reduction))
    assert calls == expected_calls(loss, "none")[0] * 3
    calls.clear()
    value = ours(leaves, target, weight, reduction=reduction)
    forward, backward = expected_calls(loss, reduction)
    assert calls == forward
    value.sum().backward()
    assert calls == forward + backward
    for other in values:
        assert torch.equal(other, value)
        assert not other.requires_grad


@pytest.mark.thread_unsafe(reason="torch.compile keeps state of the process")
@BACKENDS
@REDUCTIONS
@KINDS
def test_compiled_function_gives_the_same_numbers(rng, calls, kind, reduction, loss, backend):
    torch._dynamo.reset()

    def model(target, weight, input, *others):
        leaves = input * 2, *others
        value = ours(leaves, target, weight, reduction=reduction, label_smoothing=0.1)
        return (value * 3).sum()

    compiled = torch.compile(model, fullgraph=True, backend=backend)
    for num_rows in (5, 8, 9):  # the second makes the shape a symbol
        leaves, target, weight = draw(rng, loss, kind, num_rows)
        calls.clear()
        value = compiled(target, weight, *leaves)
        grads = torch.autograd.grad(value, leaves)
        forward, backward = expected_calls(loss, reduction)
        assert calls == forward + backward
        expected = model(target, weight, *leaves)
        expected_grads = torch.autograd.grad(expected, leaves)
        # The product and the sum around it may be taken in another order: a few roundings.
        torch.testing.assert_close(value, expected, rtol=1e-14, atol=0)
        torch.testing.assert_close(grads, expected_grads, rtol=1e-14, atol=1e-14)


@pytest.mark.thread_unsafe(reason="torch.compile keeps state of the process")
@REDUCTIONS
@LOSSES
def test_compiled_function_takes_other_transforms_in_each_call(rng, loss, reduction):
    torch._dynamo.reset()
    leaves, target, weight = draw(rng, loss)

    def model(softcap, temperature, z_loss, input, *others):
        options = {"softcap": softcap, "temperature": temperature, "z_loss": z_loss}
        return ours([input * 2, *others], target, weight, reduction=reduction, **options).sum()

    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    for transforms in [(3.0, 1.5, 0.1), (4.0, 0.5, 0.2), (None, 2.0, 0.0)]:
        values = [function(*transforms, *leaves) for function in (compiled, model)]
        results = [(value, *torch.autograd.grad(value, leaves)) for value in values]
        assert all(torch.equal(*both) for both in zip(*results, strict=True))
    if loss == "logits":
        text = error_text(ValueError, compiled, -3.0, 1.0, 0.1, *leaves)
        assert text == "softcap must lie in [1e-37, 1e+37], got -3.0"


class Module(torch.nn.Module):
    """A loss with parameters, which an exported program holds."""

    def __init__(self, weight, others):
        super().__init__()
        self.register_buffer("weight", weight)
        self.others = torch.nn.ParameterList(others)

    def forward(self, input, target):
        return ours([input, *self.others], target, self.weight, label_smoothing=0.1)


@pytest.mark.thread_unsafe(reason="torch.compile keeps state of the process")
@KINDS
@LOSSES
def test_exported_program_holds_the_operator_of_the_loss_only(rng, loss, kind):
    (input, *others), target, weight = draw(rng, loss, kind)
    module = Module(weight, others)
    program = torch.export.export(module, (input.detach(), target))
    called = [node.target for node in program.graph.nodes if node.op == "call_function"]
    called.remove(operator_of([input, *others]).default)
    assert set(called) <= {torch.ops.aten.promote_types.default}
    assert torch.equal(program.module()(input.detach(), target), module(input, target))


@LOSSES
def test_traced_function_computes_anew(rng, loss):
    leaves, target, weight = draw(rng, loss)
    make_fx = pytest.importorskip("torch.fx.experimental.proxy_tensor").make_fx

    def gradients(target, *constants):
        leaves = [constant.requires_grad_() for constant in constants]
        return torch.autograd.grad(ours(leaves, target, weight), leaves)

    constants = [leaf.detach() for leaf in leaves]
    traced = make_fx(gradients)(target, *constants)
    others = [-constant for constant in constants]
    pairs = zip(traced(target, *others), gradients(target, *others), strict=True)
    assert all(torch.equal(*both) for both in pairs)


@pytest.mark.fault("torch-backward")
@REDUCTIONS
@KINDS
@LOSSES
def test_graph_that_is_retained_gives_the_gradients_again(rng, loss, kind, reduction):
    leaves, target, weight = draw(rng, loss, kind)
    value = ours(leaves, target, weight, reduction=reduction).sum() * -3
    value.backward(retain_graph=True)
    once = [leaf.grad.clone() for leaf in leaves]
    value.backward()
    assert all(torch.equal(leaf.grad, 2 * grad) for leaf, grad in zip(leaves, once, strict=True))


@pytest.mark.fault("torch-backward")
@pytest.mark.parametrize("loss, changed", [("logits", 0), ("head", 0), ("head", 1), ("head", 2)])
def test_tensor_changed_before_the_backward_pass_is_an_error(rng, loss, changed):
    leaves, target, _ = draw(rng, loss)
    tensors = [leaf * 1 for leaf in leaves]
    value = ours(tensors, target)
    tensors[changed].zero_()
    assert "modified by an inplace operation" in error_text(RuntimeError, value.backward)


@pytest.mark.fault("torch-fallback")
@KINDS
@LOSSES
def test_transforms_of_torch_func_are_pytorchs(rng, loss, kind):
    leaves, target, weight = draw(rng, loss, kind)
    constants = tuple(leaf.detach() for leaf in leaves)

    def results(function):
        def value(*leaves):
            return function(leaves, target, weight, label_smoothing=0.1)

        several = torch.stack([constants[0], -constants[0]]), *constants[1:]
        return (
            torch.func.grad(value, argnums=tuple(range(len(leaves))))(*constants),
            torch.func.hessian(value)(*constants),
            torch.vmap(value, (0, *[None] * len(leaves[1:])))(*several),
            torch.func.jvp(value, constants, constants)[1],
        )

    torch.testing.assert_close(results(ours), results(theirs), rtol=1e-13, atol=1e-13)


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
@REDUCTIONS
@KINDS
@LOSSES
def test_gradients_for_several_cotangents_at_once_are_pytorchs(rng, loss, kind, reduction):
    leaves, target, weight = draw(rng, loss, kind)

    def results(function):
        value = function(leaves, target, weight, reduction=reduction)
        several = torch.from_numpy(np.linspace(-1, 2, 3 * value.numel())).reshape(3, *value.shape)

        def grads(cotangent, **options):
            return torch.autograd.grad(value, leaves, cotangent, retain_graph=True, **options)

        return grads(several, is_grads_batched=True), torch.vmap(grads)(several)

    torch.testing.assert_close(results(ours), results(theirs))


@pytest.mark.thread_unsafe(reason="torch.compile keeps state of the process")
@REDUCTIONS
@LOSSES
def test_compiled_backward_pass_of_a_loss_that_is_not_compiled_is_one_graph(rng, loss, reduction):
    leaves, target, weight = draw(rng, loss)
    expected = theirs(leaves, target, weight, reduction=reduction).sum()
    expected = torch.autograd.grad(expected, leaves)
    value = ours(leaves, target, weight, reduction=reduction).sum()
    with torch._dynamo.compiled_autograd._enable(torch.compile(backend="eager", fullgraph=True)):
        value.backward()
    torch.testing.assert_close([leaf.grad for leaf in leaves], list(expected))


@REDUCTIONS
@pytest.mark.parametrize("loss", ["logits", "head without bias"])
def test_results_lie_where_the_input_does_whatever_the_default_device(rng, loss, reduction):
    leaves, target, _ = draw(rng, loss)
    factor = torch.full((), -1.0).double()
    expected = ours(leaves, target, reduction=reduction)
    with torch.device("meta"):
        value = ours(leaves, target, reduction=reduction)
        (value * factor).sum().backward()
    assert torch.equal(value, expected)
    assert all(leaf.grad.is_cpu for leaf in leaves)
