"""Soft cap, temperature and z-loss of the drop-in, against their formula in float64."""

import numpy as np
import pytest

import smoothxent
from test_torch import draw
from torch_losses import (
    DTYPES,
    KINDS,
    REDUCTIONS,
    TOLERANCE,
    WEIGHTED,
    Tagged,
    loss_and_gradients,
    ours,
    widened,
)

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")

# PyTorch's own, of a part of itself that it still uses.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")

# Numbers far from those that change nothing: one transform at a time, and all together.
TRANSFORMS = {
    "softcap": {"softcap": 3.0},
    "temperature": {"temperature": 0.7},
    "z_loss": {"z_loss": 0.2},
    "all": {"softcap": 2.5, "temperature": 1.5, "z_loss": 0.1},
}
TRANSFORMED = pytest.mark.parametrize("transforms", TRANSFORMS.values(), ids=TRANSFORMS.keys())
SHAPES = pytest.mark.parametrize("shape", [(7,), (13, 7), (3, 7, 4, 5)], ids=str)


def formula(
    input, target, weight=None, *, reduction="mean", label_smoothing=0.0, ignore_index=-100,
    softcap=None, temperature=1.0, z_loss=0.0,
):  # fmt: skip
    """Return the loss as a sum over classes of coefficients times -log p + z_loss * lse**2."""
    axis = min(1, input.ndim - 1)
    rows = input.movedim(axis, -1)
    num_classes = rows.shape[-1]
    rows = (rows if softcap is None else softcap * torch.tanh(rows / softcap)) / temperature
    weight = torch.ones(num_classes).to(rows) if weight is None else weight
    if target.ndim == input.ndim:
        shares, kept = target.movedim(axis, -1), torch.tensor(1.0)
        divisor = rows[..., 0].numel()
    else:
        kept = (target != ignore_index).to(rows)[..., None]
        shares = torch.eye(num_classes).to(rows)[target * (target != ignore_index)]
        divisor = (kept * shares * weight).sum()
    coefficients = kept * weight * ((1 - label_smoothing) * shares + label_smoothing / num_classes)
    log_sum_exp = torch.log(torch.exp(rows).sum(-1, keepdim=True))
    losses = (coefficients * (log_sum_exp - rows + z_loss * log_sum_exp**2)).sum(-1)
    return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / divisor}[reduction]


def of_pytorch(leaves, target, **options):
    loss = ours([leaf.as_subclass(Tagged) for leaf in leaves], target, **options)
    return loss.as_subclass(torch.Tensor)


def assert_follows_formula(rng, function, input, target, **options):
    """Compare loss and gradient; the loss is multiplied by numbers other than 1."""
    if target.ndim < input.ndim and target.ndim:
        target = target.where(target != 3, -100)
    wide = {name: widened(value) for name, value in options.items()}
    shape = formula(widened(input), widened(target), **wide).shape
    factor = torch.from_numpy(np.asarray(rng.normal(0, 1, shape))).to(input.dtype)
    found = loss_and_gradients(function, [input], target, factor, **options)
    expected = loss_and_gradients(
        lambda leaves, target, **options: formula(*leaves, target, **options),
        [widened(input)],
        widened(target),
        widened(factor),
        **wide,
    )
    for actual, like in zip(found, expected, strict=True):
        assert actual.dtype == input.dtype
        # Up to 5 ulp for a capped logit, whose size is below 5: twice as much as without.
        tolerance = 2 * TOLERANCE[input.dtype]
        np.testing.assert_allclose(
            actual.double(), like, rtol=tolerance, atol=min(tolerance, 4e-6), strict=True
        )


@TRANSFORMED
@WEIGHTED
@REDUCTIONS
@KINDS
@SHAPES
@DTYPES
def test_loss_and_gradient_follow_the_formula(
    rng, dtype, shape, kind, reduction, weighted, transforms
):
    input, target, weight = draw(rng, shape, dtype, kind, weighted)
    for label_smoothing in (0.0, 0.1):
        options = {"reduction": reduction, "label_smoothing": label_smoothing} | transforms
        assert_follows_formula(rng, ours, input, target, weight=weight, **options)


@TRANSFORMED
@REDUCTIONS
@KINDS
@SHAPES
@pytest.mark.fault("torch-fallback")
def test_loss_that_pytorch_computes_follows_the_formula(
    rng, monkeypatch, shape, kind, reduction, transforms
):
    monkeypatch.delattr(smoothxent, "cross_entropy_and_grad")  # so that no gradient can be ours
    input, target, weight = draw(rng, shape, torch.float64, kind, weighted=True)
    for label_smoothing in (0.0, 0.1):
        options = {"reduction": reduction, "label_smoothing": label_smoothing} | transforms
        assert_follows_formula(rng, of_pytorch, input, target, weight=weight, **options)


@TRANSFORMED
@REDUCTIONS
@KINDS
@pytest.mark.fault("torch-fallback")
def test_negative_weights_and_probabilities_follow_the_formula(rng, kind, reduction, transforms):
    input, target, weight = draw(rng, (13, 7), torch.float64, kind, weighted=True)
    weight[2] = -0.5
    if kind == "probabilities":
        target = target - 0.1
    options = {"weight": weight, "reduction": reduction} | transforms
    assert_follows_formula(rng, ours, input, target, **options)


@TRANSFORMED
@pytest.mark.fault("torch-fallback")
def test_transforms_of_torch_func_and_derivatives_of_constants_follow_the_formula(rng, transforms):
    input, target, weight = draw(rng, (5, 7), torch.float64, "probabilities", weighted=True)
    options = {"label_smoothing": 0.1} | transforms

    def derivatives(function):
        def loss(x, q, w):
            return function(x, q, w, **options)

        return (
            torch.func.hessian(loss)(input, target, weight),
            torch.func.grad(loss, argnums=(1, 2))(input, target, weight),
            torch.autograd.functional.jacobian(loss, (input, target, weight)),
        )

    torch.testing.assert_close(
        derivatives(drop_in.cross_entropy), derivatives(formula), rtol=1e-12, atol=1e-12
    )


@REDUCTIONS
@pytest.mark.parametrize("function", [ours, of_pytorch])
def test_ignored_rows_have_no_z_loss_whatever_they_hold(function, reduction):
    input = torch.tensor([[float("nan"), 1, 2], [1, 2, 3]], dtype=torch.float64)
    options = {"reduction": reduction, "z_loss": 0.5}
    loss = function([input], torch.tensor([-100, 0]), **options)
    alone = formula(input[1:], torch.tensor([0]), **options)
    torch.testing.assert_close(loss.sum(), alone.sum())
    nothing = function([input], torch.full((2,), -100), **options)
    plain = torch.nn.functional.cross_entropy(input, torch.full((2,), -100), reduction=reduction)
    torch.testing.assert_close(nothing, plain, equal_nan=True)
