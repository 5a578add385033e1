"""Soft cap, temperature and z-loss of the drop-in, against their formula in float64."""

import numpy as np
import pytest

import smoothxent
from assertions import error_text

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
# As in test_torch.py, and up to 5 ulp for a capped logit, whose size is below 5: twice as much.
TOLERANCE = {
    torch.float32: 4e-6,
    torch.float64: 2e-12,
    torch.float16: 4e-6 + 2**-11,
    torch.bfloat16: 4e-6 + 2**-8,
}
TRANSFORMED = pytest.mark.parametrize("transforms", TRANSFORMS.values(), ids=TRANSFORMS.keys())
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
KINDS = pytest.mark.parametrize("kind", ["indices", "probabilities"])
WEIGHTED = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
SHAPES = pytest.mark.parametrize("shape", [(7,), (13, 7), (3, 7, 4, 5)], ids=str)


def draw(rng, shape, kind, weighted=False, dtype=torch.float64):
    """Return input, target (with ignored rows) and the weight or None."""
    axis = min(1, len(shape) - 1)
    rows = shape[:axis] + shape[axis + 1 :]
    input = torch.from_numpy(rng.normal(0, 3, shape)).to(dtype)
    if kind == "indices":
        target = torch.from_numpy(np.asarray(rng.integers(0, shape[axis], rows)))
        if rows:
            target[target == 3] = -100
    else:
        rows_last = rng.dirichlet(np.ones(shape[axis]), rows)
        target = torch.from_numpy(np.moveaxis(rows_last, -1, axis)).to(dtype)
    weight = torch.from_numpy(rng.uniform(0.2, 2, shape[axis])).to(dtype) if weighted else None
    return input, target, weight


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


def loss_and_gradient(function, input, target, factor, **options):
    """Return the loss, and the gradient of its product with the factor, summed."""
    leaf = input.detach().clone().requires_grad_()
    loss = function(leaf, target, **options)
    (loss * factor).sum().backward()
    return loss.detach(), leaf.grad


def widened(value):
    is_real = isinstance(value, torch.Tensor) and value.is_floating_point()
    return value.double() if is_real else value


def assert_follows_formula(rng, function, input, target, **options):
    """Compare loss and gradient; the loss is multiplied by numbers other than 1."""
    wide = {name: widened(value) for name, value in options.items()}
    shape = formula(widened(input), widened(target), **wide).shape
    factor = torch.from_numpy(np.asarray(rng.normal(0, 1, shape))).to(input.dtype)
    ours = loss_and_gradient(function, input, target, factor, **options)
    expected = loss_and_gradient(formula, widened(input), widened(target), widened(factor), **wide)
    for actual, like in zip(ours, expected, strict=True):
        assert actual.dtype == input.dtype
        tolerance = TOLERANCE[input.dtype]
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
    input, target, weight = draw(rng, shape, kind, weighted, dtype)
    for label_smoothing in (0.0, 0.1):
        assert_follows_formula(
            rng,
            drop_in.cross_entropy,
            input,
            target,
            weight=weight,
            reduction=reduction,
            label_smoothing=label_smoothing,
            **transforms,
        )


@TRANSFORMED
@REDUCTIONS
@KINDS
@pytest.mark.fault("torch-fallback")
def test_loss_that_pytorch_computes_follows_the_formula(
    rng, monkeypatch, kind, reduction, transforms
):
    class Tagged(torch.Tensor):
        pass

    monkeypatch.delattr(smoothxent, "cross_entropy_and_grad")  # so that no gradient can be ours

    def by_pytorch(input, target, **options):
        loss = drop_in.cross_entropy(input.as_subclass(Tagged), target, **options)
        return loss.as_subclass(torch.Tensor)

    for shape in [(7,), (13, 7), (3, 7, 4, 5)]:
        input, target, weight = draw(rng, shape, kind, weighted=True)
        for label_smoothing in (0.0, 0.1):
            assert_follows_formula(
                rng,
                by_pytorch,
                input,
                target,
                weight=weight,
                reduction=reduction,
                label_smoothing=label_smoothing,
                **transforms,
            )


@TRANSFORMED
@REDUCTIONS
@KINDS
@pytest.mark.fault("torch-fallback")
def test_negative_weights_and_probabilities_follow_the_formula(rng, kind, reduction, transforms):
    input, target, weight = draw(rng, (13, 7), kind, weighted=True)
    weight[2] = -0.5
    if kind == "probabilities":
        target = target - 0.1
    assert_follows_formula(
        rng, drop_in.cross_entropy, input, target, weight=weight, reduction=reduction, **transforms
    )


@TRANSFORMED
@REDUCTIONS
@KINDS
def test_derivatives_are_those_of_finite_differences(rng, kind, reduction, transforms):
    input, target, weight = draw(rng, (5, 7), kind, weighted=True)

    def loss(x):
        return drop_in.cross_entropy(
            x, target, weight, reduction=reduction, label_smoothing=0.1, **transforms
        )

    assert torch.autograd.gradcheck(loss, input.requires_grad_())
    assert torch.autograd.gradgradcheck(loss, input)


@TRANSFORMED
@pytest.mark.fault("torch-fallback")
def test_transforms_of_torch_func_and_derivatives_of_constants_follow_the_formula(rng, transforms):
    input, target, weight = draw(rng, (5, 7), "probabilities", weighted=True)
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


@KINDS
def test_transforms_that_change_nothing_change_no_bit(rng, kind):
    input, target, _ = draw(rng, (13, 7), kind)
    plain = drop_in.cross_entropy(input, target)
    same = drop_in.cross_entropy(
        input, target, softcap=None, temperature=np.float32(1), z_loss=np.int64(0)
    )
    assert torch.equal(same, plain)


@REDUCTIONS
def test_z_loss_of_ignored_rows_is_0_whatever_they_hold(reduction):
    input = torch.tensor([[float("nan"), 1, 2], [1, 2, 3]], dtype=torch.float64)
    options = {"reduction": reduction, "z_loss": 0.5}
    target = torch.tensor([-100, 0])
    tagged = input.as_subclass(type("Tagged", (torch.Tensor,), {}))
    for function_input in (input, tagged):
        loss = drop_in.cross_entropy(function_input, target, **options)
        alone = formula(input[1:], target[1:], **options)
        torch.testing.assert_close(loss.sum().as_subclass(torch.Tensor), alone.sum())


@REDUCTIONS
def test_loss_without_rows_that_count_is_as_without_z_loss(reduction):
    input, target = torch.zeros(3, 5), torch.full((3,), -100)
    for function_input in (input, input.as_subclass(type("Tagged", (torch.Tensor,), {}))):
        loss = drop_in.cross_entropy(function_input, target, reduction=reduction, z_loss=0.5)
        plain = torch.nn.functional.cross_entropy(input, target, reduction=reduction)
        np.testing.assert_array_equal(loss, plain)


OUT_OF_RANGE = {
    "softcap": ({"softcap": 0.0}, ValueError, "softcap must lie in [1e-37, 1e+37], got 0.0"),
    "temperature": (
        {"temperature": -1.0},
        ValueError,
        "temperature must lie in [1e-37, 1e+37], got -1.0",
    ),
    "z_loss": ({"z_loss": float("nan")}, ValueError, "z_loss must lie in [0, 1e+37], got nan"),
    "number": ({"softcap": "30"}, TypeError, "softcap must be a real number, got '30'"),
}


@pytest.mark.fault("transforms")
@pytest.mark.parametrize("options, error, text", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE.keys())
def test_transform_out_of_range_is_an_error_whichever_library_computes(options, error, text):
    input, target = torch.zeros(3, 4), torch.tensor([0, 1, 2])
    for device in ("cpu", "meta"):
        arguments = input.to(device), target.to(device)
        assert error_text(error, drop_in.cross_entropy, *arguments, **options) == text


@pytest.mark.thread_unsafe(reason="torch.compile keeps state of the process")
@REDUCTIONS
def test_compiled_function_takes_other_transforms_in_each_call(rng, reduction):
    torch._dynamo.reset()
    input, target, weight = draw(rng, (5, 7), "indices", weighted=True)
    input.requires_grad_()

    def model(x, softcap, temperature, z_loss):
        transforms = {"softcap": softcap, "temperature": temperature, "z_loss": z_loss}
        loss = drop_in.cross_entropy(x * 2, target, weight, reduction=reduction, **transforms)
        return loss.sum()

    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    for transforms in [(3.0, 1.5, 0.1), (4.0, 0.5, 0.2), (None, 2.0, 0.0)]:
        loss, expected = compiled(input, *transforms), model(input, *transforms)
        assert torch.equal(loss, expected)
        assert torch.equal(*(torch.autograd.grad(x, input)[0] for x in (loss, expected)))
    text = error_text(ValueError, compiled, input, -3.0, 1.0, 0.1)
    assert text == "softcap must lie in [1e-37, 1e+37], got -3.0"
