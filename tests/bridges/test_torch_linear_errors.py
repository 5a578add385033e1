"""The errors of the drop-in's linear head, and the calls that it passes to PyTorch."""

import numpy as np
import pytest

import smoothxent
from assertions import error_text

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional
HAS_FUNCTION = hasattr(functional, "linear_cross_entropy")  # since PyTorch 2.13
NEEDS_FUNCTION = pytest.mark.skipif(not HAS_FUNCTION, reason="needs PyTorch 2.13")

INPUT, WEIGHT = torch.arange(6.0).reshape(3, 2), torch.arange(8.0).reshape(4, 2) / 4
TARGET, PROBABILITIES = torch.tensor([0, 1, 1]), torch.full((3, 4), 0.25)
LEAF = torch.zeros(4, requires_grad=True)


@pytest.mark.fault("torch-label-range")
@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize(
    "target, found",
    [
        ([0, 7, 1], "target[1] = 7"),
        ([0, 1, -1], "target[2] = -1; pass ignore_index=-1 to leave such rows out"),
    ],
    ids=str,
)
def test_class_index_out_of_range_is_named_by_pytorchs_word_for_it(target, found, requires_grad):
    weight = WEIGHT.clone().requires_grad_(requires_grad)
    text = error_text(IndexError, drop_in.linear_cross_entropy, INPUT, weight, torch.tensor(target))
    assert text == f"target must lie in [0, 4), got {found}"


@pytest.mark.fault("transforms")
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_transform_out_of_range_is_an_error_whichever_library_computes(device):
    tensors = [tensor.to(device) for tensor in (INPUT, WEIGHT, TARGET)]
    text = error_text(ValueError, drop_in.linear_cross_entropy, *tensors, temperature=0.0)
    assert text == "temperature must lie in [1e-37, 1e+37], got 0.0"


LEFT_TO_PYTORCH = {
    "ignored probabilities": (INPUT, WEIGHT, PROBABILITIES, {"ignore_index": 1}),
    "default ignored label": (INPUT, WEIGHT, PROBABILITIES, {"ignore_index": -100}),
    "probabilities that require a gradient": (INPUT, WEIGHT, PROBABILITIES + LEAF),
    "integer probabilities": (INPUT, WEIGHT, PROBABILITIES.long()),
    "probabilities of other classes": (INPUT, WEIGHT, PROBABILITIES[:, :3]),
    "several dimensions": (INPUT, WEIGHT.reshape(2, 2, 2), torch.zeros(3, 2, dtype=torch.int64)),
    "no rows": (INPUT[:0], WEIGHT, TARGET[:0]),
    "no features": (INPUT[:, :0], WEIGHT[:, :0], TARGET),
    "no classes": (INPUT, WEIGHT[:0], TARGET),
    "not a tensor": (INPUT.tolist(), WEIGHT, TARGET),
    "no axis": (INPUT[0, 0], WEIGHT, TARGET[0]),
    "weight of one axis": (INPUT, WEIGHT[0], TARGET),
    "other features": (INPUT, WEIGHT[:, :1], TARGET),
    "integer input": (INPUT.long(), WEIGHT, TARGET),
    "another dtype of the weight": (INPUT, WEIGHT.double(), TARGET),
    "another dtype of the bias": (INPUT, WEIGHT, TARGET, {"linear_bias": torch.zeros(4).double()}),
    "bias of other length": (INPUT, WEIGHT, TARGET, {"linear_bias": torch.zeros(3)}),
    "float class indices": (INPUT, WEIGHT, TARGET.float()),
    "bool class indices": (INPUT, WEIGHT, TARGET.bool()),
    "other length": (INPUT, WEIGHT, TARGET[:2]),
    "class weights of other length": (INPUT, WEIGHT, TARGET, {"weight": torch.ones(5)}),
    "integer class weights": (INPUT, WEIGHT, TARGET, {"weight": torch.ones(4).long()}),
    "smoothing above 1": (INPUT, WEIGHT, TARGET, {"label_smoothing": 1.5}),
    "ignored label in a string": (INPUT, WEIGHT, TARGET, {"ignore_index": "1"}),
    "unknown reduction": (INPUT, WEIGHT, TARGET, {"reduction": "batchmean"}),
    "sparse input": (INPUT.to_sparse(), WEIGHT, TARGET),
    "on the meta device": (INPUT.to("meta"), WEIGHT.to("meta"), TARGET.to("meta")),
}


def outcome(function, input, linear_weight, target, options=None):
    """Return the type and text of a call's error, or dtype, device, shape and numbers."""
    try:
        loss = function(input, linear_weight, target, **(options or {}))
    except Exception as error:
        return type(error), str(error)
    numbers = None if loss.is_meta else repr(loss)
    return loss.dtype, loss.device, loss.shape, numbers


@NEEDS_FUNCTION
@pytest.mark.fault("torch-fallback")
@pytest.mark.parametrize("call", LEFT_TO_PYTORCH.values(), ids=LEFT_TO_PYTORCH.keys())
def test_what_is_not_ours_is_left_to_pytorch(call, monkeypatch):
    expected = outcome(functional.linear_cross_entropy, *call)
    monkeypatch.delattr(smoothxent, "linear_cross_entropy")
    for name in ("cross_entropy", "linear_cross_entropy"):  # as users may
        monkeypatch.setattr(functional, name, getattr(drop_in, name))
    assert outcome(drop_in.linear_cross_entropy, *call) == expected


@NEEDS_FUNCTION
@pytest.mark.fault("torch-fallback")
def test_options_of_pytorch_go_to_pytorch(monkeypatch):
    given = []
    options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    monkeypatch.setattr(
        "smoothxent.torch._linear_loss._THEIRS", lambda *_, **options: given.append(options)
    )
    drop_in.linear_cross_entropy(
        INPUT.to("meta"), WEIGHT.to("meta"), TARGET.to("meta"), options=options
    )
    assert given[0]["options"] is options


def stored(input, linear_weight, target, linear_bias, weight, **options):
    """Return PyTorch's loss of stored logits, whose rows are one axis."""
    logits = functional.linear(input, linear_weight, linear_bias)
    flat = logits.reshape(-1, logits.shape[-1])
    target = target.flatten() if target.ndim < logits.ndim else target.reshape(flat.shape)
    loss = functional.cross_entropy(flat, target, weight, **options)
    return loss.reshape(logits.shape[:-1]) if options["reduction"] == "none" else loss


@pytest.mark.fault("torch-fallback")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("kind", ["indices", "probabilities"])
@pytest.mark.parametrize("theirs", [True, False], ids=["installed", "without the function"])
def test_rows_of_any_axes_are_taken_where_pytorch_computes(
    rng, monkeypatch, kind, reduction, theirs
):
    if not theirs:  # as before PyTorch 2.13
        monkeypatch.setattr("smoothxent.torch._linear_loss._THEIRS", None)

    class Tagged(torch.Tensor):
        pass

    weight = torch.tensor([1.0, 0.5, 2, 3])
    bias = torch.arange(4.0).as_subclass(Tagged).requires_grad_()
    for shape in [(2,), (3, 2), (2, 3, 2)]:
        input = torch.from_numpy(rng.normal(0, 1, shape)).float()
        target = torch.from_numpy(np.asarray(rng.integers(0, 4, shape[:-1])))
        if kind == "probabilities":
            target = torch.from_numpy(rng.dirichlet(np.ones(4), shape[:-1])).float()
        options = {"reduction": reduction, "label_smoothing": 0.1}
        ours = drop_in.linear_cross_entropy(
            input, WEIGHT, target, linear_bias=bias, weight=weight, **options
        )
        expected = stored(input, WEIGHT, target, bias, weight, **options)
        torch.testing.assert_close(ours, expected)
        assert ours.shape == expected.shape
        torch.testing.assert_close(
            *(torch.autograd.grad(loss.sum(), bias) for loss in (ours, expected))
        )


@pytest.mark.fault("torch-fallback")
def test_target_of_another_shape_is_an_error_for_rows_of_several_axes():
    input = torch.zeros(2, 3, 2)
    for shape in [(3, 2), (6,), (2, 3, 5)]:
        text = error_text(
            ValueError, drop_in.linear_cross_entropy, input, WEIGHT, torch.zeros(shape).long()
        )
        assert text == f"target must have shape (2, 3) or (2, 3, 4), got {shape}"


@pytest.mark.fault("torch-fallback")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("bias", [None, torch.arange(4.0)], ids=["no bias", "bias"])
@pytest.mark.parametrize("bad", [-0.5, torch.nan, torch.inf])
def test_class_weights_that_only_pytorch_takes_give_its_derivatives(bad, bias, reduction):
    weight = torch.tensor([1, bad, 2, 0.5])
    assert_derivatives_are_pytorchs(TARGET, weight, bias, reduction)


@pytest.mark.fault("torch-fallback")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("bad", [-0.5, torch.nan, torch.inf])
def test_probabilities_that_only_pytorch_takes_give_its_derivatives(bad, reduction):
    target = PROBABILITIES.clone()
    target[1, 2] = bad
    assert_derivatives_are_pytorchs(target, None, torch.arange(4.0), reduction)


def assert_derivatives_are_pytorchs(target, weight, bias, reduction):
    """Compare the loss, its gradients and second derivatives with those of stored logits."""
    options = {"reduction": reduction, "label_smoothing": 0.1}

    def derivatives(function):
        """Return the loss, its gradients and the gradients of these, all multiplied by 3."""
        head = [
            tensor.clone().requires_grad_()
            for tensor in (INPUT, WEIGHT, bias)
            if tensor is not None
        ]
        loss = function(*head)
        grads = torch.autograd.grad((3 * loss).sum(), head, create_graph=True)
        plain = torch.autograd.grad((3 * loss).sum(), head, retain_graph=True)
        seconds = torch.autograd.grad(sum((grad**2).sum() for grad in grads), head)
        return loss.detach(), [grad.detach() for grad in grads], plain, seconds

    def of_function(input, linear_weight, linear_bias=None):
        return drop_in.linear_cross_entropy(
            input, linear_weight, target, linear_bias=linear_bias, weight=weight, **options
        )

    def of_operator(input, linear_weight, linear_bias=None):  # which a compiled function calls
        tensors = input, linear_weight, linear_bias, target, weight
        others = torch.float32, reduction, -100, 0.1, None, 1.0, 0.0
        return torch.ops.smoothxent.linear_cross_entropy(*tensors, *others)

    def of_pytorch(input, linear_weight, linear_bias=None):
        return stored(input, linear_weight, target, linear_bias, weight, **options)

    expected = derivatives(of_pytorch)
    for function in (of_function, of_operator):
        torch.testing.assert_close(derivatives(function), expected, equal_nan=True)


@NEEDS_FUNCTION
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": True, "reduction": "none", "ignore_index": 3, "label_smoothing": 0.25},
        {"weight": torch.arange(7.0), "reduction": "sum"},
        {"out_features": (2,)},
    ],
    ids=["defaults", "options", "weight", "several dimensions"],
)
def test_module_stands_in_for_pytorchs(rng, options):
    ours = drop_in.LinearCrossEntropyLoss(3, 7, **options)
    theirs = torch.nn.LinearCrossEntropyLoss(3, 7, **options)
    theirs.load_state_dict(ours.state_dict())
    assert isinstance(ours, torch.nn.LinearCrossEntropyLoss)
    assert repr(ours) == repr(theirs)
    input = torch.from_numpy(rng.normal(0, 1, (5, 3))).float()
    target = torch.from_numpy(rng.integers(0, 7, (5, *options.get("out_features", ()))))
    results = []
    for module in (ours, theirs):
        loss = module(input, target)
        loss.sum().backward()
        results.append((loss, [parameter.grad for parameter in module.parameters()]))
    torch.testing.assert_close(*results)


@NEEDS_FUNCTION
def test_module_calls_smoothxent(monkeypatch):
    monkeypatch.setattr("smoothxent.torch._linear_operators.loss", lambda *arguments: "ours")
    module = drop_in.LinearCrossEntropyLoss(2, 4)
    assert module(INPUT, TARGET) == "ours"
