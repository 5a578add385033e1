"""The errors of the drop-in, and the calls that it passes to PyTorch."""

import pytest

import smoothxent
from assertions import error_text

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional

INPUT, TARGET = torch.arange(12.0).reshape(3, 4), torch.tensor([0, 1, 1])
PROBABILITIES = torch.full((3, 4), 0.25)


@pytest.mark.fault("torch-label-range")
@pytest.mark.parametrize(
    "target, found",
    [
        ([0, 7, 1], "target[1] = 7"),
        ([0, 1, -1], "target[2] = -1; pass ignore_index=-1 to leave such rows out"),
    ],
    ids=str,
)
def test_class_index_out_of_range_is_named_by_pytorchs_word_for_it(target, found):
    text = error_text(IndexError, drop_in.cross_entropy, INPUT, torch.tensor(target))
    assert text == f"target must lie in [0, 4), got {found}"


def changed(tensor, index, value):
    """Return a copy with this value at this place."""
    copy = tensor.clone()
    copy[index] = value
    return copy


WEIGHT = torch.tensor([0.5, 1, 3, 2])
VALUES_LEFT_TO_PYTORCH = {
    f"{name} {value}": arguments
    for value in (-0.5, torch.nan, torch.inf)
    for name, arguments in {
        "probability": (changed(PROBABILITIES, (1, 2), value), None),
        "probability beside weights": (changed(PROBABILITIES, (1, 2), value), WEIGHT),
        "weight": (TARGET, changed(WEIGHT, 1, value)),
        "weight of probabilities": (PROBABILITIES, changed(WEIGHT, 1, value)),
    }.items()
}


def derivatives(function, target, weight, reduction):
    """Return the loss, its gradient and the gradient of that, all multiplied by 3."""
    leaf = INPUT.clone().requires_grad_()
    loss = function(leaf, target, weight, reduction)
    (grad,) = torch.autograd.grad((3 * loss).sum(), leaf, create_graph=True)
    (plain,) = torch.autograd.grad((3 * loss).sum(), leaf, retain_graph=True)
    (second,) = torch.autograd.grad((grad**2).sum(), leaf)
    return loss.detach(), grad.detach(), plain, second


@pytest.mark.fault("torch-fallback")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "target, weight", VALUES_LEFT_TO_PYTORCH.values(), ids=VALUES_LEFT_TO_PYTORCH.keys()
)
def test_probabilities_and_weights_that_only_pytorch_takes_are_its_own(target, weight, reduction):
    def of_pytorch(input, target, weight, reduction):
        return functional.cross_entropy(
            input, target, weight, reduction=reduction, label_smoothing=0.1
        )

    def of_function(input, target, weight, reduction):
        return drop_in.cross_entropy(
            input, target, weight, reduction=reduction, label_smoothing=0.1
        )

    def of_operator(*arguments):  # which a compiled function calls
        *tensors, reduction = arguments
        options = (reduction, -100, 0.1, None, 1.0, 0.0)
        return torch.ops.smoothxent.cross_entropy(*tensors, torch.float32, *options)

    expected = derivatives(of_pytorch, target, weight, reduction)
    for function in (of_function, of_operator):
        torch.testing.assert_close(
            derivatives(function, target, weight, reduction), expected, equal_nan=True
        )


LEFT_TO_PYTORCH = {
    "no rows": (INPUT[:0], TARGET[:0]),
    "no classes": (INPUT[:, :0], PROBABILITIES[:, :0]),
    "not a tensor": (INPUT, [0, 1, 1]),
    "integer input": (INPUT.long(), TARGET),
    "float class indices": (INPUT, TARGET.float()),
    "bool class indices": (INPUT, TARGET.bool()),
    "integer probabilities": (INPUT, PROBABILITIES.long()),
    "other length": (INPUT, TARGET[:2]),
    "no axis": (INPUT[0, 0], TARGET[0]),
    "smoothing of none": (INPUT, TARGET, {"label_smoothing": None}),
    "smoothing in a tensor": (INPUT, TARGET, {"label_smoothing": torch.tensor(0.1)}),
    "ignored label of none": (INPUT, TARGET, {"ignore_index": None}),
    "no axis of either": (INPUT[0, 0], PROBABILITIES[0, 0]),
    "ignored probabilities": (INPUT, PROBABILITIES, {"ignore_index": 1}),
    "weight of other length": (INPUT, TARGET, {"weight": torch.ones(5)}),
    "weight of two axes": (INPUT, TARGET, {"weight": torch.ones(1, 4)}),
    "integer weight": (INPUT, TARGET, {"weight": torch.ones(4, dtype=torch.int64)}),
    "unknown reduction": (INPUT, TARGET, {"reduction": "batchmean"}),
    "reduction without a hash": (INPUT, TARGET, {"reduction": []}),
    "smoothing that is a bool": (INPUT, TARGET, {"label_smoothing": True}),
    "sparse input": (INPUT.to_sparse(), TARGET),
    "sparse probabilities": (INPUT, torch.eye(3, 4).to_sparse()),
    "sparse class indices": (INPUT, TARGET.to_sparse()),
    "sparse weight": (INPUT, TARGET, {"weight": torch.ones(4).to_sparse()}),
    "smoothing above 1": (INPUT, TARGET, {"label_smoothing": 1.5}),
    "smoothing nan": (INPUT, TARGET, {"label_smoothing": float("nan")}),
    "on the meta device": (INPUT.to("meta"), TARGET.to("meta")),
    "weight on another device": (INPUT, TARGET, {"weight": torch.ones(4, device="meta")}),
}


def outcome(function, input, target, options=None):
    """Return the type and text of a call's error, or dtype, device, shape and numbers."""
    try:
        loss = function(input, target, **(options or {}))
    except Exception as error:
        return type(error), str(error)
    numbers = None if loss.is_meta else repr(loss)
    return loss.dtype, loss.device, loss.shape, numbers


@pytest.mark.fault("torch-fallback")
@pytest.mark.parametrize("call", LEFT_TO_PYTORCH.values(), ids=LEFT_TO_PYTORCH.keys())
def test_what_is_not_ours_is_left_to_pytorch(call, monkeypatch):
    expected = outcome(functional.cross_entropy, *call)
    monkeypatch.delattr(smoothxent, "cross_entropy")
    monkeypatch.setattr(functional, "cross_entropy", drop_in.cross_entropy)  # as users may
    assert outcome(drop_in.cross_entropy, *call) == expected


@pytest.mark.fault("torch-backward")
def test_import_without_pytorch_says_what_to_install(run_child):
    source = """
import sys
sys.modules["torch"] = None
try:
    import smoothxent.torch
except ModuleNotFoundError as error:
    print(error.name, error)
"""
    expected = 'torch smoothxent.torch needs torch; pip install "smoothxent[torch]"\n'
    assert run_child(source) == expected
