"""The drop-in inside PyTorch's machinery: autograd, compilers, modes, transforms, modules."""

import copy
import shutil

import numpy as np
import pytest

import smoothxent
from assertions import error_text

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional
operators = torch.ops.smoothxent

# Inductor's own, of parts of PyTorch that it still uses.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")

REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
KINDS = pytest.mark.parametrize("kind", ["indices", "probabilities"])
HAS_COMPILER = any(shutil.which(name) for name in ["c++", "g++", "clang++"])
BACKENDS = pytest.mark.parametrize(
    "backend",
    [
        "aot_eager",
        pytest.param(
            "inductor", marks=pytest.mark.skipif(not HAS_COMPILER, reason="needs a C++ compiler")
        ),
    ],
)


def draw(rng, kind, num_rows=5):
    """Return float64 input that requires a gradient, target with an ignored row, and weight."""
    input = torch.from_numpy(rng.normal(0, 2, (num_rows, 7))).requires_grad_()
    weight = torch.from_numpy(rng.uniform(0.2, 2, 7))
    if kind == "probabilities":
        return input, torch.from_numpy(rng.dirichlet(np.ones(7), num_rows)), weight
    target = torch.from_numpy(rng.integers(0, 7, num_rows))
    target[2] = -100
    return input, target, weight


@REDUCTIONS
@KINDS
def test_derivatives_are_those_of_finite_differences(rng, kind, reduction):
    input, target, weight = draw(rng, kind)

    def loss(x):
        return drop_in.cross_entropy(x, target, weight, reduction=reduction, label_smoothing=0.1)

    assert torch.autograd.gradcheck(loss, input)
    assert torch.autograd.gradgradcheck(loss, input)


@KINDS
def test_third_derivatives_are_pytorchs(rng, kind):
    input, target, weight = draw(rng, kind)
    thirds = []
    for function in (drop_in.cross_entropy, functional.cross_entropy):
        derivative = function(input, target, weight, label_smoothing=0.1)
        for power in (1, 2, 3):
            (derivative,) = torch.autograd.grad((derivative**power).sum(), input, create_graph=True)
        thirds.append(derivative.detach())
    # Three derivatives of one loss, each a sum of 7 terms: 1e-12 is some hundred roundings.
    torch.testing.assert_close(*thirds, rtol=1e-12, atol=1e-12)


@REDUCTIONS
@KINDS
def test_operators_keep_pytorchs_rules(rng, kind, reduction):
    input, target, weight = draw(rng, kind)
    arguments = (input, target, weight, torch.float64, reduction, -100, 0.1, None, 1.0, 0.0)
    loss = operators.cross_entropy.default(*arguments)
    torch.library.opcheck(operators.cross_entropy.default, arguments)
    torch.library.opcheck(
        operators.cross_entropy_backward.default,
        (torch.full_like(loss, -2.0).requires_grad_(), *arguments),
    )


@REDUCTIONS
@KINDS
def test_operator_and_function_are_the_same(rng, kind, reduction):
    input, target, weight = draw(rng, kind)
    results = []
    for loss in (
        operators.cross_entropy(
            input, target, weight, torch.float64, reduction, -100, 0.1, None, 1.0, 0.0
        ),
        drop_in.cross_entropy(input, target, weight, reduction=reduction, label_smoothing=0.1),
    ):
        (grad,) = torch.autograd.grad(loss.sum(), input)
        results.append((loss, grad))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*results, strict=True))


@pytest.fixture
def calls(monkeypatch):
    """Return a list of the drop-in's functions, in the order of their calls."""
    names = []

    def recorded(name, function):
        def call(*arguments, **options):
            names.append(name)
            return function(*arguments, **options)

        return call

    for name in ("cross_entropy", "cross_entropy_and_grad"):
        monkeypatch.setattr(smoothxent, name, recorded(name, getattr(smoothxent, name)))
    return names


@pytest.mark.thread_unsafe(reason="torch.compile keeps state of the process")
@BACKENDS
@REDUCTIONS
@KINDS
def test_compiled_function_gives_the_same_numbers(rng, calls, kind, reduction, backend):
    torch._dynamo.reset()

    def model(x, target, weight):
        loss = drop_in.cross_entropy(
            x * 2, target, weight, reduction=reduction, label_smoothing=0.1
        )
        return (loss * 3).sum()

    compiled = torch.compile(model, fullgraph=True, backend=backend)
    for num_rows in (5, 8, 9):  # the second makes the shape a symbol
        input, target, weight = draw(rng, kind, num_rows)
        calls.clear()
        loss = compiled(input, target, weight)
        (grad,) = torch.autograd.grad(loss, input)
        assert calls == ["cross_entropy", "cross_entropy_and_grad"]
        expected = model(input, target, weight)
        (expected_grad,) = torch.autograd.grad(expected, input)
        # The product and the sum around it may be taken in another order: a few roundings.
        torch.testing.assert_close(loss, expected, rtol=1e-14, atol=0)
        torch.testing.assert_close(grad, expected_grad, rtol=1e-14, atol=1e-16)


@pytest.mark.thread_unsafe(reason="torch.compile keeps state of the process")
@KINDS
def test_exported_program_holds_the_operator(rng, kind):
    input, target, weight = draw(rng, kind)
    module = drop_in.CrossEntropyLoss(weight, label_smoothing=0.1)
    program = torch.export.export(module, (input.detach(), target))
    called = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert operators.cross_entropy.default in called
    assert torch.equal(program.module()(input.detach(), target), module(input, target))


def test_traced_function_computes_anew(rng):
    input, target, _ = draw(rng, "indices")
    make_fx = pytest.importorskip("torch.fx.experimental.proxy_tensor").make_fx
    traced = make_fx(lambda x, y: drop_in.cross_entropy(x, y))(input.detach(), target)
    other = draw(rng, "indices")[0].detach()
    assert torch.equal(traced(other, target), drop_in.cross_entropy(other, target))


@KINDS
def test_modes_without_autograd_give_the_same_loss(rng, kind):
    input, target, weight = draw(rng, kind)
    expected = drop_in.cross_entropy(input, target, weight)
    assert expected.requires_grad
    for mode in (torch.inference_mode, torch.no_grad):
        with mode():
            loss = drop_in.cross_entropy(input, target, weight)
            assert torch.equal(loss, expected)
            assert torch.equal(drop_in.cross_entropy(input.clone(), target, weight), expected)
        assert not loss.requires_grad


@pytest.mark.fault("torch-backward")
@KINDS
def test_graph_that_is_retained_gives_the_gradient_again(rng, kind):
    input, target, weight = draw(rng, kind)
    loss = drop_in.cross_entropy(input, target, weight, reduction="sum") * -3
    loss.backward(retain_graph=True)
    once = input.grad.clone()
    loss.backward()
    assert torch.equal(input.grad, 2 * once)


@pytest.mark.fault("torch-backward")
def test_input_changed_before_the_backward_pass_is_an_error(rng):
    leaf, target, _ = draw(rng, "indices")
    input = leaf * 1
    loss = drop_in.cross_entropy(input, target)
    input.zero_()
    assert "modified by an inplace operation" in error_text(RuntimeError, loss.backward)


@pytest.mark.fault("torch-fallback")
@KINDS
def test_transforms_of_torch_func_are_pytorchs(rng, kind):
    input, target, weight = draw(rng, kind)

    def results(function):
        def loss(x):
            return function(x, target, weight, label_smoothing=0.1)

        x = input.detach()
        return (
            torch.func.grad(loss)(x),
            torch.func.hessian(loss)(x),
            torch.vmap(loss)(torch.stack([x, -x])),
            torch.func.jvp(loss, (x,), (x,))[1],
        )

    for ours, theirs in zip(
        *map(results, [drop_in.cross_entropy, functional.cross_entropy]), strict=True
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
@REDUCTIONS
@KINDS
def test_gradients_for_several_cotangents_at_once_are_pytorchs(rng, kind, reduction):
    input, target, weight = draw(rng, kind)

    def results(function):
        loss = function(input, target, weight, reduction=reduction)
        several = torch.from_numpy(np.linspace(-1, 2, 3 * loss.numel())).reshape(3, *loss.shape)

        def grad(cotangent, **options):
            return torch.autograd.grad(loss, input, cotangent, retain_graph=True, **options)[0]

        return grad(several, is_grads_batched=True), torch.vmap(grad)(several)

    for ours, theirs in zip(
        *map(results, [drop_in.cross_entropy, functional.cross_entropy]), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.thread_unsafe(reason="torch.compile keeps state of the process")
@REDUCTIONS
def test_compiled_backward_pass_of_a_loss_that_is_not_compiled_is_one_graph(rng, reduction):
    input, target, weight = draw(rng, "indices")
    expected = functional.cross_entropy(input, target, weight, reduction=reduction).sum()
    (expected,) = torch.autograd.grad(expected, input)
    loss = drop_in.cross_entropy(input, target, weight, reduction=reduction).sum()
    with torch._dynamo.compiled_autograd._enable(torch.compile(backend="eager", fullgraph=True)):
        loss.backward()
    torch.testing.assert_close(input.grad, expected)


@REDUCTIONS
def test_loss_lies_where_the_input_does_whatever_the_default_device(rng, reduction):
    input, target, _ = draw(rng, "indices")
    expected = drop_in.cross_entropy(input, target, reduction=reduction)
    with torch.device("meta"):
        loss = drop_in.cross_entropy(input, target, reduction=reduction)
        loss.sum().backward()
    assert torch.equal(loss, expected)
    assert input.grad.is_cpu


@KINDS
def test_derivative_in_forward_mode_is_pytorchs(rng, kind):
    input, target, weight = draw(rng, kind)
    forward_ad = torch.autograd.forward_ad
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(input.detach(), torch.ones_like(input))
        ours, theirs = (
            forward_ad.unpack_dual(function(dual, target, weight, label_smoothing=0.1))
            for function in (drop_in.cross_entropy, functional.cross_entropy)
        )
        assert ours.tangent is not None
        assert torch.equal(ours.tangent, theirs.tangent)


def test_parameters_are_taken(rng):
    input, target, weight = draw(rng, "indices")
    parameter = torch.nn.Parameter(input.detach())
    drop_in.cross_entropy(parameter, target, weight).backward()
    drop_in.cross_entropy(input, target, weight).backward()
    assert torch.equal(parameter.grad, input.grad)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reduction": "none", "ignore_index": 3, "label_smoothing": 0.25},
        {"weight": torch.arange(7.0, dtype=torch.float64), "reduction": "sum"},
    ],
    ids=["defaults", "options", "weight"],
)
def test_module_stands_in_for_pytorchs(rng, calls, options):
    input, target, _ = draw(rng, "indices")
    target[target == -100] = options.get("ignore_index", -100)
    ours, theirs = drop_in.CrossEntropyLoss(**options), torch.nn.CrossEntropyLoss(**options)
    assert isinstance(ours, torch.nn.CrossEntropyLoss)
    assert repr(ours) == repr(theirs)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    torch.testing.assert_close(ours(input, target), theirs(input, target), rtol=1e-12, atol=0)
    assert calls == ["cross_entropy"]


def test_modules_state_goes_through_state_dict_and_copies(rng):
    input, target, weight = draw(rng, "indices")
    module = drop_in.CrossEntropyLoss(weight, label_smoothing=0.1)
    loaded = drop_in.CrossEntropyLoss(torch.ones_like(weight), label_smoothing=0.1)
    loaded.load_state_dict(module.state_dict())
    expected = module(input, target)
    assert torch.equal(loaded(input, target), expected)
    assert torch.equal(copy.deepcopy(module)(input, target), expected)
    assert module.float().weight.dtype == torch.float32
