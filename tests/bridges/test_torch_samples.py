"""The drop-in on PyTorch's own samples of this loss, and under its checks of operators."""

import random

import pytest

import smoothxent

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
methods = pytest.importorskip("torch.testing._internal.common_methods_invocations")
modules = pytest.importorskip("torch.testing._internal.common_modules")
compliance = pytest.importorskip("torch.testing._internal.composite_compliance")
functional = torch.nn.functional

# PyTorch's own: of a part of itself that it still uses; and of options that smoothxent ignores.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:linear_cross_entropy. ``options`` ignored:UserWarning"),
]

# The functions and modules of the drop-in that this version of PyTorch has too, with its samples;
# the second has three variants.
OPERATORS = {
    (name, op.variant_test_name): op
    for name in ("cross_entropy", "linear_cross_entropy")
    for op in methods.op_db
    if op.name == f"nn.functional.{name}"
}
MODULES = {
    name: info
    for name in ("CrossEntropyLoss", "LinearCrossEntropyLoss")
    for info in modules.module_db
    if info.module_cls is getattr(torch.nn, name, None)
}
BY_OPERATOR = pytest.mark.parametrize(
    "operator", OPERATORS, ids=lambda operator: " ".join(operator).strip()
)
# In half precision PyTorch rounds in between, and the drop-in does not.
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
SEEDS = pytest.mark.parametrize("seed", range(3))  # of weights of either sign


def samples(operator, dtype, seed, *, requires_grad=False):
    """Yield positional arguments and options of PyTorch's samples of the function."""
    torch.manual_seed(seed)
    random.seed(seed)
    for sample in OPERATORS[operator].sample_inputs("cpu", dtype, requires_grad=requires_grad):
        yield (sample.input, *sample.args), sample.kwargs


def module_samples(name):
    """Yield arguments and options of the module, and arguments of its call."""
    torch.manual_seed(0)
    random.seed(0)
    info = MODULES[name]
    for sample in info.module_inputs_func(info, "cpu", torch.float32, False, training=True):
        yield sample.constructor_input, sample.forward_input.args


def outcome(function, input, *arguments, **options):
    """Return the loss and the gradients of input and other leaves, or the error."""
    leaves = [input.detach().clone().requires_grad_()]
    for argument in arguments:
        needs_copy = isinstance(argument, torch.Tensor) and argument.requires_grad
        leaves.append(argument.detach().clone().requires_grad_() if needs_copy else argument)
    try:
        loss = function(*leaves, **options)
        loss.sum().backward()
    except Exception as error:
        return type(error), str(error)
    return loss.detach(), *(leaf.grad for leaf in leaves if isinstance(leaf, torch.Tensor))


def assert_same_outcome(ours, theirs):
    """Compare tensors to PyTorch's tolerance for the dtype, and the full texts of errors."""
    if isinstance(theirs[0], type):
        assert ours == theirs
    else:
        torch.testing.assert_close(ours, theirs, equal_nan=True)


@DTYPES
@SEEDS
@pytest.mark.parametrize("requires_grad", [False, True], ids=["constant", "differentiated"])
@BY_OPERATOR
def test_samples_of_the_function_come_out_as_in_pytorch(operator, dtype, seed, requires_grad):
    name, _ = operator
    ours, theirs = getattr(drop_in, name), getattr(functional, name)
    count = 0
    for arguments, options in samples(operator, dtype, seed, requires_grad=requires_grad):
        expected = outcome(theirs, *arguments, **options)
        assert_same_outcome(outcome(ours, *arguments, **options), expected)
        count += 1
    assert count > 20


@pytest.mark.parametrize("name", MODULES)
def test_samples_of_the_module_come_out_as_in_pytorch(name):
    count = 0
    for given, arguments in module_samples(name):
        ours, theirs = (
            getattr(library, name)(*given.args, **given.kwargs) for library in (drop_in, torch.nn)
        )
        theirs.load_state_dict(ours.state_dict())
        expected = outcome(theirs, *arguments)
        assert_same_outcome(outcome(ours, *arguments), expected)
        count += 1
    assert count > 50


@pytest.mark.parametrize("name", MODULES)
def test_module_looks_like_pytorchs_and_calls_smoothxent(monkeypatch, name):
    sizes = (3, 7) if name.startswith("Linear") else ()
    options = {"weight": torch.ones(7), "reduction": "none", "label_smoothing": 0.25}
    ours, theirs = (
        getattr(library, name)(*sizes, **options, ignore_index=3) for library in (drop_in, torch.nn)
    )
    assert isinstance(ours, type(theirs))
    assert repr(ours) == repr(theirs)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    function = "linear_cross_entropy" if sizes else "cross_entropy"
    monkeypatch.setattr(smoothxent, function, lambda *_, **__: 1.25)
    input = torch.zeros(5, 3 if sizes else 7)
    with torch.no_grad():
        assert ours(input, torch.tensor([0, 1, 2, 3, 4])) == 1.25


def assert_equal(actual, expected, **options):
    torch.testing.assert_close(actual, expected, **options)


# Those of the linear head run ten times as long, and PyTorch's chunked variants do not pass them.
COMPLIANT = pytest.mark.parametrize(
    "operator",
    [
        pytest.param(operator, marks=pytest.mark.slow if "linear" in operator[0] else ())
        for operator in OPERATORS
        if not operator[1]
    ],
    ids=lambda operator: operator[0],
)
CHECKS = [
    compliance.check_with_mode,
    compliance.check_all_permutations,
    compliance.check_backward_formula,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@COMPLIANT
def test_subclasses_of_tensors_are_taken_wherever_pytorch_takes_them(operator, check):
    is_derivative = check is compliance.check_backward_formula
    function = getattr(drop_in, operator[0])
    for arguments, options in samples(operator, torch.float64, 0, requires_grad=is_derivative):
        check(function, arguments, options, assert_equal_fn=assert_equal)


def test_subclasses_of_tensors_are_taken_in_forward_mode():
    for arguments, options in samples(("cross_entropy", ""), torch.float64, 0, requires_grad=True):
        compliance.check_forward_ad_formula(
            drop_in.cross_entropy, arguments, options, assert_equal_fn=assert_equal
        )


@COMPLIANT
def test_gradient_of_constant_targets_takes_subclasses_upstream(operator):
    function = getattr(drop_in, operator[0])
    for (input, *others), options in samples(operator, torch.float64, 0):
        compliance.check_backward_formula(
            function, (input.requires_grad_(), *others), options, assert_equal_fn=assert_equal
        )
