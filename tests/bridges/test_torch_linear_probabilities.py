"""Probabilities as targets of the drop-in's linear head, against PyTorch's composition.

All numbers are exact in every dtype, as in test_torch_linear.py.
"""

import numpy as np
import pytest

from test_torch_linear import DTYPES, OPTIONS, REDUCTIONS, RELATIVE, SHAPES, assert_agrees, draw

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional
OPTIONS_OF_BOTH = {name: OPTIONS[name] for name in OPTIONS if name != "another ignored label"}


def draw_probabilities(rng, target, dtype, num_classes=9):
    """Return sixteenths, exact in every dtype, for the rows of the target."""
    table = rng.integers(0, 17, (*target.shape, num_classes)) / 16
    return torch.from_numpy(table).to(dtype)


@pytest.mark.parametrize("name", OPTIONS_OF_BOTH)
@REDUCTIONS
@SHAPES
@DTYPES
def test_probabilities_give_the_loss_and_gradients_of_stored_logits(
    rng, dtype, shape, reduction, name
):
    head, target = draw(rng, shape, dtype)
    target = draw_probabilities(rng, target, dtype)
    options = dict(OPTIONS_OF_BOTH[name])
    if options.pop("weight", None):
        options["weight"] = torch.from_numpy(rng.uniform(0.2, 2, 9)).to(dtype)
    # The sixteenths of a row add up to at most 9, and so all terms are up to 8 times as large.
    assert_agrees(rng, head, target, absolute=2.0**-15, reduction=reduction, **options)


@REDUCTIONS
def test_probabilities_of_many_classes_in_float32_are_those_of_float64(rng, reduction):
    head, _ = draw(rng, (24, 5), torch.float32, num_classes=40_000)
    table = torch.from_numpy(rng.dirichlet(np.ones(40_000), 24)).float()
    assert_agrees(rng, head, table, reduction=reduction, label_smoothing=0.1)


@pytest.mark.skipif(not hasattr(functional, "linear_cross_entropy"), reason="needs PyTorch 2.13")
@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("of_target", RELATIVE, ids=str)
@DTYPES
def test_loss_has_the_dtype_to_which_pytorch_promotes_probabilities(
    rng, monkeypatch, dtype, of_target, reduction, autocast
):
    (input, weight, bias), target = draw(rng, (15, 5), dtype)
    arguments = input, weight, draw_probabilities(rng, target, of_target)
    options = {"linear_bias": bias, "reduction": reduction, "weight": torch.ones(9).to(dtype)}
    for name in ("_linear_loss._THEIRS", "_pytorch.linear_cross_entropy"):
        monkeypatch.setattr(f"smoothxent.torch.{name}", None)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        loss = drop_in.linear_cross_entropy(*arguments, **options)
        expected = functional.linear_cross_entropy(*arguments, **options)
    assert (loss.dtype, loss.shape) == (expected.dtype, expected.shape)
