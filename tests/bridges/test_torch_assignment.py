"""The drop-ins assigned to PyTorch's names, for code that calls them by attribute."""

import importlib

import pytest

import smoothxent
from torch_losses import Tagged

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional
NAMES = [name for name in ("cross_entropy", "linear_cross_entropy") if hasattr(functional, name)]

# Inductor's own, of parts of PyTorch that it still uses.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")

INPUT = torch.linspace(-2, 3, 15, dtype=torch.float64).reshape(5, 3) ** 2
HEAD = torch.linspace(-1, 2, 12, dtype=torch.float64).reshape(4, 3)
TARGET, WEIGHT = torch.tensor([0, 3, 1, 2, 2]), torch.tensor([1, 0.5, 2, 3], dtype=torch.float64)
PROBABILITIES = torch.softmax(INPUT @ HEAD.T, 1).flip(0)
OPTIONS = {"label_smoothing": 0.1}


class Module(torch.nn.Module):
    """A module that calls a loss, for torch.export and torch.fx."""

    def __init__(self, loss):
        super().__init__()
        self.loss = loss

    def forward(self, x, y):
        return self.loss(x, y)


def forward_mode(loss):
    with torch.autograd.forward_ad.dual_level():
        dual = loss(torch.autograd.forward_ad.make_dual(INPUT, INPUT), TARGET)
        return torch.autograd.forward_ad.unpack_dual(dual).tangent


def of_target(loss):
    target = PROBABILITIES.clone().requires_grad_()
    return torch.autograd.grad(loss(INPUT, target), target)


def of_subclass(loss):
    input = INPUT.clone().requires_grad_()
    value = loss(input.as_subclass(Tagged), TARGET).as_subclass(torch.Tensor)
    return value, torch.autograd.grad(value, input)


def compiled(loss):
    torch._dynamo.reset()
    return of_target(torch.compile(loss, fullgraph=True, backend="aot_eager"))


def exported(loss):
    arguments = INPUT, TARGET
    return torch.export.export(Module(loss), arguments).module()(*arguments)


FALLBACKS = {
    "double backward": lambda f: torch.autograd.functional.hessian(lambda x: f(x, TARGET), INPUT),
    "torch.func": lambda f: torch.func.hessian(lambda x: f(x, TARGET))(INPUT),
    "vmap": lambda f: torch.vmap(f)(torch.stack([INPUT, -INPUT]), torch.stack([TARGET, TARGET])),
    "forward mode": forward_mode,
    "gradient of the target": of_target,
    "subclass": of_subclass,
    "negative probabilities": lambda f: f(INPUT, PROBABILITIES - 0.1),
    "meta device": lambda f: f(INPUT.to("meta"), TARGET.to("meta")).shape,
    "torch.compile": compiled,
    "torch.export": exported,
    "torch.fx": lambda f: torch.fx.symbolic_trace(Module(f))(INPUT, TARGET),
}


def cross_entropy(x, y):
    return functional.cross_entropy(x @ HEAD.T, y, **OPTIONS)


def linear_cross_entropy(x, y):
    return functional.linear_cross_entropy(x, HEAD, y, **OPTIONS)


def assign(monkeypatch):
    for name in NAMES:
        monkeypatch.setattr(functional, name, getattr(drop_in, name))
    importlib.reload(drop_in)


@pytest.mark.thread_unsafe(reason="it replaces functions of PyTorch")
@pytest.mark.fault("torch-fallback")
@pytest.mark.parametrize("fallback", FALLBACKS.values(), ids=FALLBACKS.keys())
@pytest.mark.parametrize("name", NAMES)
def test_fallbacks_of_assigned_functions_reach_pytorchs_own(monkeypatch, name, fallback):
    loss = globals()[name]
    expected = fallback(loss)
    assign(monkeypatch)
    torch.testing.assert_close(fallback(loss), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.thread_unsafe(reason="it replaces functions of PyTorch")
def test_modules_of_pytorch_call_assigned_functions(monkeypatch):
    assign(monkeypatch)
    for name in NAMES:
        monkeypatch.setattr(smoothxent, name, lambda *_, **__: 1.25)
    modules = {"cross_entropy": torch.nn.CrossEntropyLoss()}
    if "linear_cross_entropy" in NAMES:
        modules["linear_cross_entropy"] = torch.nn.LinearCrossEntropyLoss(3, 4, dtype=INPUT.dtype)
    with torch.no_grad():
        assert [module(INPUT, TARGET).item() for module in modules.values()] == [1.25] * len(NAMES)
