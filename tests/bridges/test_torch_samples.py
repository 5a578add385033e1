"""The drop-in on PyTorch's own samples of this loss, and under its checks of operators."""

import random

import pytest

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
methods = pytest.importorskip("torch.testing._internal.common_methods_invocations")
modules = pytest.importorskip("torch.testing._internal.common_modules")
compliance = pytest.importorskip("torch.testing._internal.composite_compliance")
functional = torch.nn.functional

# PyTorch's own, of a part of itself that it still uses.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")

(OPERATOR,) = (op for op in methods.op_db if op.name == "nn.functional.cross_entropy")
(MODULE,) = (info for info in modules.module_db if info.module_cls is torch.nn.CrossEntropyLoss)
# In half precision PyTorch rounds in between, and the drop-in does not.
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
SEEDS = pytest.mark.parametrize("seed", range(3))  # of weights of either sign


def samples(dtype, seed, *, requires_grad=False):
    """Yield positional arguments and options of PyTorch's samples of the function."""
    torch.manual_seed(seed)
    random.seed(seed)
    for sample in OPERATOR.sample_inputs("cpu", dtype, requires_grad=requires_grad):
        yield (sample.input, *sample.args), sample.kwargs


def module_samples(dtype, seed):
    """Yield options of the module and arguments of its call."""
    torch.manual_seed(seed)
    for sample in MODULE.module_inputs_func(MODULE, "cpu", dtype, False, training=True):
        yield sample.constructor_input.kwargs, sample.forward_input.args


def outcome(function, input, *arguments, **options):
    """Return the loss and the gradient of the input, or the error."""
    leaf = input.detach().clone().requires_grad_()
    try:
        loss = function(leaf, *arguments, **options)
        loss.sum().backward()
    except Exception as error:
        return type(error), str(error)
    return loss.detach(), leaf.grad


def assert_same_outcome(ours, theirs):
    """Compare tensors to PyTorch's tolerance for the dtype, and the full texts of errors."""
    if isinstance(theirs[0], type):
        assert ours == theirs
    else:
        torch.testing.assert_close(ours, theirs, equal_nan=True)


@DTYPES
@SEEDS
@pytest.mark.parametrize("requires_grad", [False, True], ids=["constant", "differentiated"])
def test_samples_of_the_function_come_out_as_in_pytorch(dtype, seed, requires_grad):
    count = 0
    for arguments, options in samples(dtype, seed, requires_grad=requires_grad):
        theirs = outcome(functional.cross_entropy, *arguments, **options)
        assert_same_outcome(outcome(drop_in.cross_entropy, *arguments, **options), theirs)
        count += 1
    assert count > 20


@DTYPES
@SEEDS
def test_samples_of_the_module_come_out_as_in_pytorch(dtype, seed):
    count = 0
    for options, arguments in module_samples(dtype, seed):
        theirs = outcome(torch.nn.CrossEntropyLoss(**options), *arguments)
        assert_same_outcome(outcome(drop_in.CrossEntropyLoss(**options), *arguments), theirs)
        count += 1
    assert count > 50


def assert_equal(actual, expected, **options):
    torch.testing.assert_close(actual, expected, **options)


CHECKS = [
    compliance.check_with_mode,
    compliance.check_all_permutations,
    compliance.check_forward_ad_formula,
    compliance.check_backward_formula,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_subclasses_of_tensors_are_taken_wherever_pytorch_takes_them(check):
    is_derivative = check in CHECKS[2:]
    for arguments, options in samples(torch.float64, 0, requires_grad=is_derivative):
        check(drop_in.cross_entropy, arguments, options, assert_equal_fn=assert_equal)


def test_gradient_of_constant_targets_takes_subclasses_upstream():
    for (input, target), options in samples(torch.float64, 0):
        leaf = input.requires_grad_()
        compliance.check_backward_formula(
            drop_in.cross_entropy, (leaf, target), options, assert_equal_fn=assert_equal
        )
