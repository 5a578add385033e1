"""The errors of the drop-in, and the calls that it passes to PyTorch."""

import numpy as np
import pytest

import smoothxent
from assertions import error_text
from torch_losses import LOSSES, REDUCTIONS, Tagged, arguments_of, ours, theirs

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional
HAS_LINEAR = hasattr(functional, "linear_cross_entropy")  # since PyTorch 2.13
NEEDS_LINEAR = pytest.mark.skipif(not HAS_LINEAR, reason="needs PyTorch 2.13")

LOGITS = torch.arange(12.0).reshape(3, 4)
INPUT, HEAD = torch.arange(6.0).reshape(3, 2), torch.arange(8.0).reshape(4, 2) / 4
LEAVES = {
    "logits": [LOGITS],
    "head": [INPUT, HEAD, torch.arange(4.0)],
    "head without bias": [INPUT, HEAD],
}
TARGET, PROBABILITIES = torch.tensor([0, 1, 1]), torch.full((3, 4), 0.25)
WEIGHT = torch.tensor([0.5, 1, 3, 2])


@pytest.mark.fault("torch-label-range")
@pytest.mark.parametrize("requires_grad", [False, True])
@LOSSES
@pytest.mark.parametrize(
    "target, found",
    [
        ([0, 7, 1], "target[1] = 7"),
        ([0, 1, -1], "target[2] = -1; pass ignore_index=-1 to leave such rows out"),
    ],
    ids=str,
)
def test_class_index_out_of_range_is_named_by_pytorchs_word_for_it(
    target, found, loss, requires_grad
):
    leaves = [leaf.clone().requires_grad_(requires_grad) for leaf in LEAVES[loss]]
    text = error_text(IndexError, ours, leaves, torch.tensor(target))
    assert text == f"target must lie in [0, 4), got {found}"


OUT_OF_RANGE = [
    ({"softcap": 0.0}, ValueError, "softcap must lie in [1e-37, 1e+37], got 0.0"),
    ({"temperature": -1.0}, ValueError, "temperature must lie in [1e-37, 1e+37], got -1.0"),
    ({"z_loss": float("nan")}, ValueError, "z_loss must lie in [0, 1e+37], got nan"),
    ({"softcap": "30"}, TypeError, "softcap must be a real number, got '30'"),
]


@pytest.mark.fault("transforms")
@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("options, error, text", OUT_OF_RANGE, ids=str)
@LOSSES
def test_transform_out_of_range_is_an_error_whichever_library_computes(
    loss, options, error, text, device
):
    *leaves, target = [tensor.to(device) for tensor in (*LEAVES[loss], TARGET)]
    assert error_text(error, ours, leaves, target, **options) == text


def changed(tensor, index, value):
    """Return a copy with this value at this place."""
    copy = tensor.clone()
    copy[index] = value
    return copy


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


@pytest.mark.fault("torch-fallback")
@REDUCTIONS
@pytest.mark.parametrize("loss", LEAVES)
@pytest.mark.parametrize(
    "target, weight", VALUES_LEFT_TO_PYTORCH.values(), ids=VALUES_LEFT_TO_PYTORCH.keys()
)
def test_values_that_only_pytorch_takes_give_its_derivatives(target, weight, loss, reduction):
    options = {"reduction": reduction, "label_smoothing": 0.1}

    def of_operator(leaves, target, weight, **_):  # which a compiled function calls
        tensors = *arguments_of(leaves), target, weight
        name = "cross_entropy" if loss == "logits" else "linear_cross_entropy"
        operator = getattr(torch.ops.smoothxent, name)
        return operator(*tensors, torch.float32, reduction, -100, 0.1, None, 1.0, 0.0)

    def derivatives(function):
        """Return the loss, its gradients and the gradients of these, all multiplied by 3."""
        leaves = [leaf.clone().requires_grad_() for leaf in LEAVES[loss]]
        value = function(leaves, target, weight, **options)
        grads = torch.autograd.grad((3 * value).sum(), leaves, create_graph=True)
        plain = torch.autograd.grad((3 * value).sum(), leaves, retain_graph=True)
        seconds = torch.autograd.grad(sum((grad**2).sum() for grad in grads), leaves)
        return value.detach(), [grad.detach() for grad in grads], plain, seconds

    expected = derivatives(theirs)
    for function in (ours, of_operator):
        torch.testing.assert_close(derivatives(function), expected, equal_nan=True)


LEAF = torch.zeros(4, requires_grad=True)
OF_LOGITS = {
    "no rows": (LOGITS[:0], TARGET[:0]),
    "no classes": (LOGITS[:, :0], PROBABILITIES[:, :0]),
    "not a tensor": (LOGITS, [0, 1, 1]),
    "integer input": (LOGITS.long(), TARGET),
    "float class indices": (LOGITS, TARGET.float()),
    "bool class indices": (LOGITS, TARGET.bool()),
    "integer probabilities": (LOGITS, PROBABILITIES.long()),
    "other length": (LOGITS, TARGET[:2]),
    "no axis": (LOGITS[0, 0], TARGET[0]),
    "smoothing of none": (LOGITS, TARGET, {"label_smoothing": None}),
    "smoothing in a tensor": (LOGITS, TARGET, {"label_smoothing": torch.tensor(0.1)}),
    "ignored label of none": (LOGITS, TARGET, {"ignore_index": None}),
    "no axis of either": (LOGITS[0, 0], PROBABILITIES[0, 0]),
    "ignored probabilities": (LOGITS, PROBABILITIES, {"ignore_index": 1}),
    "weight of other length": (LOGITS, TARGET, {"weight": torch.ones(5)}),
    "weight of two axes": (LOGITS, TARGET, {"weight": torch.ones(1, 4)}),
    "integer weight": (LOGITS, TARGET, {"weight": torch.ones(4, dtype=torch.int64)}),
    "unknown reduction": (LOGITS, TARGET, {"reduction": "batchmean"}),
    "reduction without a hash": (LOGITS, TARGET, {"reduction": []}),
    "smoothing that is a bool": (LOGITS, TARGET, {"label_smoothing": True}),
    "sparse input": (LOGITS.to_sparse(), TARGET),
    "sparse probabilities": (LOGITS, torch.eye(3, 4).to_sparse()),
    "sparse class indices": (LOGITS, TARGET.to_sparse()),
    "sparse weight": (LOGITS, TARGET, {"weight": torch.ones(4).to_sparse()}),
    "smoothing above 1": (LOGITS, TARGET, {"label_smoothing": 1.5}),
    "smoothing nan": (LOGITS, TARGET, {"label_smoothing": float("nan")}),
    "on the meta device": (LOGITS.to("meta"), TARGET.to("meta")),
    "weight on another device": (LOGITS, TARGET, {"weight": torch.ones(4, device="meta")}),
}
# Options and types of tensors go the same way for both losses: here are the conditions of a head.
OF_HEAD = {
    "ignored probabilities": (INPUT, HEAD, PROBABILITIES, {"ignore_index": 1}),
    "default ignored label": (INPUT, HEAD, PROBABILITIES, {"ignore_index": -100}),
    "probabilities that require a gradient": (INPUT, HEAD, PROBABILITIES + LEAF),
    "integer probabilities": (INPUT, HEAD, PROBABILITIES.long()),
    "probabilities of other classes": (INPUT, HEAD, PROBABILITIES[:, :3]),
    "several dimensions": (INPUT, HEAD.reshape(2, 2, 2), torch.zeros(3, 2, dtype=torch.int64)),
    "no rows": (INPUT[:0], HEAD, TARGET[:0]),
    "no features": (INPUT[:, :0], HEAD[:, :0], TARGET),
    "no classes": (INPUT, HEAD[:0], TARGET),
    "not a tensor": (INPUT.tolist(), HEAD, TARGET),
    "no axis": (INPUT[0, 0], HEAD, TARGET[0]),
    "weight of one axis": (INPUT, HEAD[0], TARGET),
    "other features": (INPUT, HEAD[:, :1], TARGET),
    "integer input": (INPUT.long(), HEAD, TARGET),
    "another dtype of the weight": (INPUT, HEAD.double(), TARGET),
    "another dtype of the bias": (INPUT, HEAD, TARGET, {"linear_bias": torch.zeros(4).double()}),
    "bias of other length": (INPUT, HEAD, TARGET, {"linear_bias": torch.zeros(3)}),
    "float class indices": (INPUT, HEAD, TARGET.float()),
    "other length": (INPUT, HEAD, TARGET[:2]),
    "class weights of other length": (INPUT, HEAD, TARGET, {"weight": torch.ones(5)}),
    "integer class weights": (INPUT, HEAD, TARGET, {"weight": torch.ones(4).long()}),
    "ignored label in a string": (INPUT, HEAD, TARGET, {"ignore_index": "1"}),
    "unknown reduction": (INPUT, HEAD, TARGET, {"reduction": "batchmean"}),
    "sparse input": (INPUT.to_sparse(), HEAD, TARGET),
}
LEFT_TO_PYTORCH = [
    pytest.param(name, call, marks=marks, id=f"{name} {what}")
    for name, calls, marks in (
        ("cross_entropy", OF_LOGITS, ()),
        ("linear_cross_entropy", OF_HEAD, NEEDS_LINEAR),
    )
    for what, call in calls.items()
]


def outcome(function, call):
    """Return the type and text of a call's error, or dtype, device, shape and numbers."""
    *arguments, options = call if isinstance(call[-1], dict) else (*call, {})
    try:
        loss = function(*arguments, **options)
    except Exception as error:
        return type(error), str(error)
    numbers = None if loss.is_meta else repr(loss)
    return loss.dtype, loss.device, loss.shape, numbers


@pytest.mark.fault("torch-fallback")
@pytest.mark.parametrize("name, call", LEFT_TO_PYTORCH)
def test_what_is_not_ours_is_left_to_pytorch(name, call, monkeypatch):
    expected = outcome(getattr(functional, name), call)
    monkeypatch.delattr(smoothxent, name)
    monkeypatch.setattr(functional, name, getattr(drop_in, name))  # as users may
    assert outcome(getattr(drop_in, name), call) == expected


@NEEDS_LINEAR
@pytest.mark.fault("torch-fallback")
def test_options_of_pytorch_go_to_pytorch(monkeypatch):
    given = []
    options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    monkeypatch.setattr(
        "smoothxent.torch._linear_loss._THEIRS", lambda *_, **options: given.append(options)
    )
    tensors = [tensor.to("meta") for tensor in (INPUT, HEAD, TARGET)]
    drop_in.linear_cross_entropy(*tensors, options=options)
    assert given[0]["options"] is options


@pytest.mark.fault("torch-fallback")
@REDUCTIONS
@pytest.mark.parametrize("kind", ["indices", "probabilities"])
@pytest.mark.parametrize("installed", [True, False], ids=["installed", "without the function"])
def test_rows_of_any_axes_are_taken_where_pytorch_computes(
    rng, monkeypatch, kind, reduction, installed
):
    if not installed:  # as before PyTorch 2.13
        monkeypatch.setattr("smoothxent.torch._linear_loss._THEIRS", None)
    bias = torch.arange(4.0).as_subclass(Tagged).requires_grad_()
    for shape in [(2,), (3, 2), (2, 3, 2)]:
        input = torch.from_numpy(rng.normal(0, 1, shape)).float()
        target = torch.from_numpy(np.asarray(rng.integers(0, 4, shape[:-1])))
        if kind == "probabilities":
            target = torch.from_numpy(rng.dirichlet(np.ones(4), shape[:-1])).float()
        options = {"reduction": reduction, "label_smoothing": 0.1}
        found = ours([input, HEAD, bias], target, WEIGHT, **options)
        flat = target.reshape(-1, 4) if target.ndim == input.ndim else target.flatten()
        expected = theirs([input.reshape(-1, 2), HEAD, bias], flat, WEIGHT, **options)
        expected = expected.reshape(shape[:-1] if reduction == "none" else ())
        torch.testing.assert_close(found, expected)
        grads = (torch.autograd.grad(loss.sum(), bias) for loss in (found, expected))
        torch.testing.assert_close(*grads)


@pytest.mark.fault("torch-fallback")
def test_target_of_another_shape_is_an_error_for_rows_of_several_axes():
    for shape in [(3, 2), (6,), (2, 3, 5)]:
        text = error_text(ValueError, ours, [torch.zeros(2, 3, 2), HEAD], torch.zeros(shape).long())
        assert text == f"target must have shape (2, 3) or (2, 3, 4), got {shape}"
