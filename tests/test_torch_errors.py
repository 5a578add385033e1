"""What the drop-in refuses, in PyTorch's words, and what it leaves to PyTorch."""

import pytest

import smoothxent
from judging import complaint

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional

INPUT, TARGET = torch.arange(12.0).reshape(3, 4), torch.tensor([0, 1, 1])
REFUSED_BY_VALUE = {
    "label too large": (
        IndexError,
        {"target": torch.tensor([0, 7, 1])},
        "target must lie in [0, 4), got target[1] = 7",
    ),
    "label below 0": (
        IndexError,
        {"target": torch.tensor([0, 1, -1])},
        "target must lie in [0, 4), got target[2] = -1",
    ),
    "probability below 0": (
        ValueError,
        {"target": torch.full((3, 4), -0.5)},
        "target must be finite and not negative, got target[0, 0] = -0.5",
    ),
    "probability nan": (
        ValueError,
        {"target": torch.full((3, 4), torch.nan)},
        "target must be finite and not negative, got target[0, 0] = nan",
    ),
    "weight below 0": (
        ValueError,
        {"weight": torch.tensor([1.0, 1, -2, 1])},
        "weight must be finite and not negative, got weight[2] = -2.0",
    ),
}


@pytest.mark.parametrize(
    "error, arguments, text", REFUSED_BY_VALUE.values(), ids=REFUSED_BY_VALUE.keys()
)
def test_value_out_of_range_is_named_by_pytorchs_word_for_it(error, arguments, text):
    arguments = {"input": INPUT, "target": TARGET} | arguments
    assert complaint(error, drop_in.cross_entropy, **arguments) == text


PROBABILITIES = torch.full((3, 4), 0.25)
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
    """Return what comes of a call: type and text of the error, or dtype, device, shape, numbers."""
    try:
        loss = function(input, target, **(options or {}))
    except Exception as error:
        return type(error), str(error)
    numbers = None if loss.is_meta else repr(loss)
    return loss.dtype, loss.device, loss.shape, numbers


@pytest.mark.parametrize("call", LEFT_TO_PYTORCH.values(), ids=LEFT_TO_PYTORCH.keys())
def test_what_is_not_ours_is_left_to_pytorch(call, monkeypatch):
    expected = outcome(functional.cross_entropy, *call)
    monkeypatch.delattr(smoothxent, "cross_entropy")
    assert outcome(drop_in.cross_entropy, *call) == expected


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
