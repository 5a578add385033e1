"""The drop-in's linear head inside PyTorch's machinery: autograd, compilers, modes, transforms."""

import numpy as np
import pytest

import smoothxent

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional
operators = torch.ops.smoothxent

# PyTorch's own, of a part of itself that it still uses.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")

REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
KINDS = pytest.mark.parametrize("kind", ["indices", "probabilities"])
TRANSFORMS = {"softcap": 3.0, "temperature": 0.7, "z_loss": 0.1}


def draw(rng, num_rows=5, kind="indices"):
    """Return the float64 head, which requires gradients, and the target.

    One of the class indices is ignored.
    """
    head = [torch.from_numpy(rng.normal(0, 1, shape)) for shape in [(num_rows, 6), (7, 6), (7,)]]
    target = torch.from_numpy(rng.integers(0, 7, num_rows))
    target[2] = -100
    if kind == "probabilities":
        target = torch.from_numpy(rng.dirichlet(np.ones(7), num_rows))
    return [tensor.requires_grad_() for tensor in head], target


def loss_of(head, target, **options):
    input, linear_weight, linear_bias = head
    return drop_in.linear_cross_entropy(
        input, linear_weight, target, linear_bias=linear_bias, **options
    )


def stored(head, target, **options):
    return functional.cross_entropy(functional.linear(*head), target, **options)


@REDUCTIONS
@pytest.mark.parametrize("transforms", [{}, TRANSFORMS], ids=["plain", "transforms"])
@pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])
@KINDS
def test_derivatives_are_those_of_finite_differences(rng, kind, bias, transforms, reduction):
    head, target = draw(rng, kind=kind)

    def loss(input, linear_weight, linear_bias=None):
        given = input, linear_weight, linear_bias
        return loss_of(given, target, reduction=reduction, label_smoothing=0.1, **transforms)

    leaves = head if bias else head[:2]
    assert torch.autograd.gradcheck(loss, leaves)
    assert torch.autograd.gradgradcheck(loss, leaves)


@REDUCTIONS
def test_third_derivatives_are_pytorchs(rng, reduction):
    head, target = draw(rng)
    thirds = []
    for function in (loss_of, stored):
        derivative = function(head, target, reduction=reduction, label_smoothing=0.1)
        for power in (1, 2, 3):
            grads = torch.autograd.grad((derivative**power).sum(), head, create_graph=True)
            derivative = sum(grad.sum() for grad in grads)
        thirds.append(derivative.detach())
    # Three derivatives of one loss, each a sum of 7 terms: 1e-12 is some hundred roundings.
    torch.testing.assert_close(*thirds, rtol=1e-12, atol=1e-12)


@REDUCTIONS
@pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])
@KINDS
def test_operators_keep_pytorchs_rules(rng, kind, bias, reduction):
    head, target = draw(rng, kind=kind)
    if not bias:
        head[2] = None
    others = target, None, torch.float64, reduction, -100, 0.1, None, 1.0, 0.0
    torch.library.opcheck(operators.linear_cross_entropy.default, (*head, *others))
    head = [None if tensor is None else tensor.detach() for tensor in head]
    if reduction == "none":
        factor = torch.tensor([1.0, -2, 3, -4, 5], dtype=torch.float64)
        torch.library.opcheck(
            operators.linear_cross_entropy_backward.default, (factor, *head, *others)
        )
    else:
        torch.library.opcheck(operators.linear_cross_entropy_and_grad.default, (*head, *others))


@REDUCTIONS
def test_operator_and_function_are_the_same(rng, reduction):
    head, target = draw(rng)
    losses = (
        operators.linear_cross_entropy(
            *head, target, None, torch.float64, reduction, -100, 0.1, 3.0, 0.7, 0.1
        ),
        loss_of(head, target, reduction=reduction, label_smoothing=0.1, **TRANSFORMS),
    )
    results = [(loss, *torch.autograd.grad(loss.sum(), head)) for loss in losses]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*results, strict=True))


@pytest.mark.thread_unsafe(reason="torch.compile keeps state of the process")
@REDUCTIONS
@KINDS
def test_compiled_function_gives_the_same_numbers(rng, monkeypatch, kind, reduction):
    calls = []

    def recorded(name, function):
        def call(*arguments, **options):
            calls.append(name)
            return function(*arguments, **options)

        return call

    for name in ("linear_cross_entropy", "linear_cross_entropy_and_grad"):
        monkeypatch.setattr(smoothxent, name, recorded(name, getattr(smoothxent, name)))
    torch._dynamo.reset()

    def model(input, linear_weight, linear_bias, target):
        head = input * 2, linear_weight, linear_bias
        return (loss_of(head, target, reduction=reduction, label_smoothing=0.1) * 3).sum()

    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    both = ["linear_cross_entropy_and_grad"]
    for num_rows in (5, 8, 9):  # the second makes the shape a symbol
        head, target = draw(rng, num_rows, kind)
        calls.clear()
        loss = compiled(*head, target)
        grads = torch.autograd.grad(loss, head)
        assert calls == (["linear_cross_entropy", *both] if reduction == "none" else both)
        expected = model(*head, target)
        # The product and the sum around it may be taken in another order: a few roundings.
        torch.testing.assert_close(loss, expected, rtol=1e-14, atol=0)
        torch.testing.assert_close(
            grads, torch.autograd.grad(expected, head), rtol=1e-14, atol=1e-14
        )


class Head(torch.nn.Module):
    """A head with parameters, which an exported program holds."""

    def __init__(self, head):
        super().__init__()
        self.weight, self.bias = map(torch.nn.Parameter, head[1:])

    def forward(self, input, target):
        return loss_of((input, self.weight, self.bias), target)


@pytest.mark.thread_unsafe(reason="torch.compile keeps state of the process")
def test_exported_program_holds_the_operator_of_the_loss_only(rng):
    head, target = draw(rng)
    module = Head(head)
    program = torch.export.export(module, (head[0].detach(), target))
    called = [node.target for node in program.graph.nodes if node.op == "call_function"]
    assert called == [operators.linear_cross_entropy.default]
    assert torch.equal(program.module()(head[0].detach(), target), module(head[0], target))


def test_traced_function_computes_anew(rng):
    head, target = draw(rng)
    make_fx = pytest.importorskip("torch.fx.experimental.proxy_tensor").make_fx

    def gradient(input, weight, target):
        loss = loss_of((input, weight.requires_grad_(), None), target)
        return torch.autograd.grad(loss, weight)[0]

    constants = [tensor.detach() for tensor in head[:2]]
    traced = make_fx(gradient)(*constants, target)
    others = [-tensor for tensor in constants]
    assert torch.equal(traced(*others, target), gradient(*others, target))


@pytest.mark.fault("torch-fallback")
def test_transforms_of_torch_func_are_pytorchs(rng):
    head, target = draw(rng)
    constants = tuple(tensor.detach() for tensor in head)

    def results(function):
        def loss(*head):
            return function(head, target, label_smoothing=0.1)

        return (
            torch.func.grad(loss, argnums=(0, 1, 2))(*constants),
            torch.func.hessian(loss)(*constants),
            torch.vmap(loss, (0, None, None))(
                torch.stack([constants[0], -constants[0]]), *constants[1:]
            ),
            torch.func.jvp(loss, constants, constants)[1],
        )

    torch.testing.assert_close(results(loss_of), results(stored), rtol=1e-13, atol=1e-13)


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
@REDUCTIONS
def test_gradients_for_several_cotangents_at_once_are_pytorchs(rng, reduction):
    head, target = draw(rng)

    def results(function):
        loss = function(head, target, reduction=reduction)
        several = torch.from_numpy(np.linspace(-1, 2, 3 * loss.numel())).reshape(3, *loss.shape)

        def grads(cotangent, **options):
            return torch.autograd.grad(loss, head, cotangent, retain_graph=True, **options)

        return grads(several, is_grads_batched=True), torch.vmap(grads)(several)

    torch.testing.assert_close(results(loss_of), results(stored))


@pytest.mark.parametrize("create_graph", [False, True])
@REDUCTIONS
def test_gradients_keep_both_halves_of_a_pair_that_flows_back(rng, reduction, create_graph):
    two = pytest.importorskip("torch.testing._internal.two_tensor").TwoTensor
    head, target = draw(rng)
    results = []
    for function in (loss_of, stored):
        loss = function(head, target, reduction=reduction)
        upstream = two(torch.full_like(loss, 2.0), torch.full_like(loss, -3.0))
        grads = torch.autograd.grad(loss, head, upstream, create_graph=create_graph)
        if create_graph:
            grads = torch.autograd.grad(sum((grad**2).sum() for grad in grads), head)
        assert all(type(grad) is two for grad in grads)
        results.append([(grad.a, grad.b) for grad in grads])
    torch.testing.assert_close(*results)


@pytest.mark.thread_unsafe(reason="torch.compile keeps state of the process")
@REDUCTIONS
def test_compiled_backward_pass_of_a_loss_that_is_not_compiled_is_one_graph(rng, reduction):
    head, target = draw(rng)
    expected = torch.autograd.grad(stored(head, target, reduction=reduction).sum(), head)
    loss = loss_of(head, target, reduction=reduction).sum()
    with torch._dynamo.compiled_autograd._enable(torch.compile(backend="eager", fullgraph=True)):
        loss.backward()
    torch.testing.assert_close([leaf.grad for leaf in head], list(expected))


@REDUCTIONS
def test_results_lie_where_the_input_does_whatever_the_default_device(rng, reduction):
    head, target = draw(rng)
    head[2] = None
    factor = torch.full((), -1.0).double()
    expected = loss_of(head, target, reduction=reduction)
    with torch.device("meta"):
        loss = loss_of(head, target, reduction=reduction)
        (loss * factor).sum().backward()
    assert torch.equal(loss, expected)
    assert head[0].grad.is_cpu


def test_derivative_in_forward_mode_is_pytorchs(rng):
    (input, weight, bias), target = draw(rng)
    forward_ad = torch.autograd.forward_ad
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(input.detach(), torch.ones_like(input))
        ours, theirs = (
            forward_ad.unpack_dual(function((dual, weight, bias), target)).tangent
            for function in (loss_of, stored)
        )
        assert ours is not None
        torch.testing.assert_close(ours, theirs)
