"""softcap, temperature, z_loss: the formulas, the bits of logits divided beforehand, errors."""

from itertools import product

import ml_dtypes
import numpy as np
import pytest

import oracle
from assertions import error_text, losses_dtype
from inventory import REDUCTIONS
from metric_checks import draw
from quick import slow_but_first
from smoothxent import bits, cross_entropy, cross_entropy_and_grad, evaluate
from smoothxent._arguments.half import narrow

# One row a lane; a row in lanes; a tile, a segment, and beyond each; groups that are full and not.
SHAPES = [(1, 1), (35, 3), (33, 100), (18, 129), (5, 1000), (7, 1025), (3, 16_384), (2, 20_000)]
TRANSFORMS = {
    "temperature": {"temperature": 0.7},
    "softcap": {"softcap": 5.0},
    "both": {"softcap": 30.0, "temperature": 2.0},
    "all": {"softcap": 3.0, "temperature": 0.5, "z_loss": 1e-2},
    "z_loss": {"z_loss": 0.3},
}
OPTIONS = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.1},
    "label plays no part": {"label_smoothing": 1.0, "prior": None},
    "weighted": {"label_smoothing": 0.1, "class_weight": None, "sample_weight": None},
}


def draw_options(rng, name, num_rows, num_classes):
    options = dict(OPTIONS[name])
    for key in options.keys() & {"prior", "class_weight"}:
        options[key] = rng.uniform(0.5, 1.5, num_classes)
    if "sample_weight" in options:
        options["sample_weight"] = rng.uniform(0, 2, num_rows)
    if "prior" in options:
        options["prior"] /= options["prior"].sum()
    return options


def transformed(logits, softcap=None, temperature=1.0, z_loss=0.0):
    """Return transformed logits and the slope of the transform, in float64."""
    x = logits.astype(np.float64)
    if softcap is None:
        return x / temperature, np.full(x.shape, 1 / temperature)
    t = np.tanh(x / softcap)
    return softcap * t / temperature, (1 - t**2) / temperature


def expected_of(logits, labels, transforms, options):
    """Return losses and gradients by the formulas, with the allowed errors of both."""
    x, slope = transformed(logits, **transforms)
    z = transforms.get("z_loss", 0.0)
    table = oracle.coefficients(labels, x.shape[1], **options).sum(axis=1, keepdims=True)
    lse = (x.max(axis=1) - oracle.log_softmax(x).max(axis=1))[:, None]
    losses = oracle.row_losses(x, labels, **options) + (table * z * lse**2)[:, 0]
    p = oracle.softmax(x)
    grad = oracle.gradients(x, labels, **options) + table * 2 * z * lse * p
    # A transformed logit is off by 10 roundings, 5 of them of tanh, and tanh in the slope, of
    # 1 - tanh**2, by 2 more; the formulas, in float64, by as many of their own. A loss moves by
    # twice as much times its targets' sum and 2 z lse, p by twice as much relative to itself.
    roundoff = oracle.UNIT_ROUNDOFF[np.dtype(losses_dtype(logits.dtype))] + 2.0**-53
    moved = 2 * 10 * roundoff * (1 + np.abs(x).max())
    weight = table * (1 + 2 * z * np.abs(lse))
    of_losses = 8 * roundoff * losses + (moved * weight)[:, 0]
    of_grad = weight * (p * (moved + 40 * roundoff) + 8 * roundoff)
    of_slope = 24 * roundoff / transforms.get("temperature", 1.0)
    return losses, grad * slope, of_losses, of_grad * slope + np.abs(grad) * of_slope


@pytest.mark.parametrize("name", slow_but_first(OPTIONS))
@pytest.mark.parametrize("of", TRANSFORMS)
@pytest.mark.parametrize("num_rows, num_classes", SHAPES)
def test_losses_and_gradients_are_those_of_the_formula(
    rng, any_dtype, num_rows, num_classes, of, name
):
    logits, labels = draw(rng, num_rows, num_classes, any_dtype)
    options = draw_options(rng, name, num_rows, num_classes)
    losses, grad = cross_entropy_and_grad(
        logits, labels, reduction="none", **TRANSFORMS[of], **options
    )
    expected, of_logits, allowed, grad_allowed = expected_of(
        logits, labels, TRANSFORMS[of], options
    )
    assert losses.dtype == losses_dtype(any_dtype)
    assert grad.dtype == logits.dtype
    np.testing.assert_array_less(np.abs(losses - expected), allowed + 1e-40)
    if grad.itemsize == 2:  # rounded to its own dtype at last, whose subnormals are coarse
        finest = float(ml_dtypes.finfo(any_dtype).smallest_subnormal)
        grad_allowed = grad_allowed + float(ml_dtypes.finfo(any_dtype).eps) * np.abs(of_logits)
        grad_allowed = grad_allowed + finest
    np.testing.assert_array_less(np.abs(grad.astype(float) - of_logits), grad_allowed + 1e-40)


@pytest.mark.parametrize("num_rows, num_classes", SHAPES)
def test_temperature_has_the_bits_of_logits_divided_by_it(rng, dtype, num_rows, num_classes):
    logits, labels = draw(rng, num_rows, num_classes, dtype)
    for temperature in (0.3, 1.0, 7.0):
        divided = logits / dtype(temperature)
        for options in ({}, {"label_smoothing": 0.1}):
            losses = cross_entropy(
                logits, labels, temperature=temperature, reduction="none", **options
            )
            expected = cross_entropy(divided, labels, reduction="none", **options)
            if 128 < num_classes <= 1024:  # rows that are transformed take the way of longer ones
                roundoff = oracle.UNIT_ROUNDOFF[np.dtype(dtype)]
                np.testing.assert_allclose(losses, expected, rtol=8 * roundoff)
            else:
                assert losses.tobytes() == expected.tobytes()


@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("axis", [-1, 1, 0])
def test_halves_count_as_the_float32_numbers_that_they_are(rng, half, axis):
    logits = np.moveaxis(draw(rng, 12, 700, half)[0].reshape(4, 3, 700), -1, axis)
    labels = rng.integers(0, 700, (4, 3))
    wide = logits.astype(np.float32)
    for options in TRANSFORMS.values():
        arguments = {"axis": axis, "label_smoothing": 0.1, **options}
        for reduction in ("mean", "sum", "none"):
            np.testing.assert_array_equal(
                cross_entropy(logits, labels, reduction=reduction, **arguments),
                cross_entropy(wide, labels, reduction=reduction, **arguments),
            )
        loss, grad = cross_entropy_and_grad(logits, labels, **arguments)
        expected, of_wide = cross_entropy_and_grad(wide, labels, **arguments)
        assert loss == expected
        np.testing.assert_array_equal(grad, of_wide.astype(half))
        into = np.empty(logits.shape, np.float32)
        cross_entropy_and_grad(logits, labels, grad_out=into, **arguments)
        np.testing.assert_array_equal(into, of_wide)
        assert evaluate(logits, labels, **arguments) == evaluate(wide, labels, **arguments)


def test_bits_of_halves_and_their_gradient_in_place(rng):
    logits, labels = draw(rng, 40, 300, ml_dtypes.bfloat16)
    words = logits.view(np.uint16).copy()
    expected, grad = cross_entropy_and_grad(logits, labels, softcap=2.0)
    in_place = {"softcap": 2.0, "grad_out": words}
    loss, _ = cross_entropy_and_grad(bits(words, "bfloat16"), labels, **in_place)
    assert loss == expected
    np.testing.assert_array_equal(words, grad.view(np.uint16))


def test_probabilities_and_many_blocks_of_halves(rng, monkeypatch):
    monkeypatch.setattr("smoothxent._kernel.widening._BLOCK", 50)
    for shape, axis in [((9, 11), 1), ((2, 11, 7), 1), ((20, 3, 2), 1), ((11, 5), 0), ((0, 11), 1)]:
        logits = rng.normal(0, 3, shape).astype(np.float16)
        table = rng.uniform(0, 1, shape)
        row_shape = tuple(np.delete(shape, axis))
        weights = rng.uniform(0, 2, row_shape)
        arguments = {"axis": axis, "softcap": 4.0, "sample_weight": weights}
        labels = rng.integers(0, shape[axis], row_shape)
        wide = logits.astype(np.float32)
        assert evaluate(logits, labels, **arguments) == evaluate(wide, labels, **arguments)
        spoiled = logits.copy()
        spoiled[:1] = np.nan
        for x, target, reduction in product((logits, spoiled), (table, labels), REDUCTIONS):
            options = arguments | {"reduction": reduction}
            if target is labels:
                options["ignore_index"] = 1
            expected = cross_entropy(x.astype(np.float32), target, **options)
            np.testing.assert_array_equal(cross_entropy(x, target, **options), expected)


def test_bad_label_of_halves_is_named_by_its_row(rng, monkeypatch):
    monkeypatch.setattr("smoothxent._kernel.widening._BLOCK", 50)
    logits = rng.normal(0, 3, (20, 11)).astype(np.float16)
    labels = rng.integers(0, 11, 20)
    labels[[13, 17]] = 11
    for call in (cross_entropy, cross_entropy_and_grad, evaluate):
        assert error_text(IndexError, call, logits, labels, temperature=2.0) == (
            "labels must lie in [0, 11), got labels[13] = 11"
        )


@pytest.mark.parametrize("num_rows, num_classes", [(33, 7), (9, 1000), (3, 20_000)])
def test_evaluation_is_that_of_transformed_logits(rng, dtype, num_rows, num_classes):
    logits, labels = draw(rng, num_rows, num_classes, dtype)
    for transforms in TRANSFORMS.values():
        x, _ = transformed(logits, **transforms)
        evaluation = evaluate(logits, labels, label_smoothing=0.1, **transforms)
        expected = evaluate(x, labels, label_smoothing=0.1, z_loss=transforms.get("z_loss", 0.0))
        tolerance = {np.float32: 2e-6, np.float64: 1e-12}[dtype]
        for name in ("loss", "nll", "entropy", "confidence", "brier", "accuracy"):
            assert getattr(evaluation, name) == pytest.approx(
                getattr(expected, name), rel=4 * tolerance
            ), name
        assert evaluation.loss == cross_entropy(logits, labels, label_smoothing=0.1, **transforms)


def test_whole_numbers_that_change_nothing_are_taken(rng):
    logits, labels = draw(rng, 30, 12, np.float64)
    plain = cross_entropy(logits, labels)
    assert cross_entropy(logits, labels, temperature=1, z_loss=0) == plain
    assert cross_entropy(logits, labels, temperature=np.float32(1)) == plain


def test_special_logits_follow_the_rules_of_what_they_become(dtype):
    logits = np.array(
        [[np.inf, 0, 1], [-np.inf, 0, 1], [np.nan, 0, 1], [-np.inf] * 3, [0, 1, 2]], dtype
    )
    labels = [1, 1, 1, 1, 2]
    plain = cross_entropy(logits / 2, labels, reduction="none")
    np.testing.assert_array_equal(
        cross_entropy(logits, labels, temperature=2.0, reduction="none"), plain
    )
    capped = cross_entropy(logits, labels, softcap=3.0, reduction="none")
    assert np.isnan(capped).tolist() == [False, False, True, False, False]
    of_bounds = np.where(np.isinf(logits), np.sign(logits) * 3, 3 * np.tanh(logits / 3))
    expected = oracle.row_losses(of_bounds[[0, 1, 3, 4]], np.array(labels)[[0, 1, 3, 4]])
    roundoff = oracle.UNIT_ROUNDOFF[np.dtype(dtype)]
    np.testing.assert_allclose(capped[[0, 1, 3, 4]], expected, rtol=40 * roundoff)
    z = cross_entropy(logits, labels, z_loss=0.1, reduction="none")
    np.testing.assert_array_equal(np.isnan(z), [True, False, True, True, False])


@pytest.mark.parametrize("num_classes", [3, 200])
def test_ends_of_the_range_are_no_cap_and_even_classes(rng, any_dtype, num_classes):
    logits, labels = draw(rng, 5, num_classes, any_dtype)
    plain = cross_entropy(logits, labels, reduction="none")
    options = {"label_smoothing": 0.1, "reduction": "none"}
    np.testing.assert_allclose(
        cross_entropy(logits, labels, softcap=1e37, reduction="none"), plain, rtol=1e-5
    )
    for even in ({"softcap": 1e-37}, {"temperature": 1e37}):
        losses, grad = cross_entropy_and_grad(logits, labels, **even, **options)
        np.testing.assert_allclose(losses, np.log(num_classes), rtol=1e-6)
        assert np.abs(grad.astype(float)).max() <= 1e-36
    loss, grad = cross_entropy_and_grad(np.zeros_like(logits), labels, temperature=1e-37, **options)
    np.testing.assert_allclose(loss, np.log(num_classes), rtol=1e-6)


@pytest.mark.fault("transforms")
@pytest.mark.parametrize("call", [cross_entropy, cross_entropy_and_grad, evaluate])
def test_transforms_out_of_range_are_errors(call):
    ranges = {
        "temperature": ("[1e-37, 1e+37]", [0.0, np.nan, 9e-38, 2e37, 10**400]),
        "softcap": ("[1e-37, 1e+37]", [-1, np.inf, 9e-38, 2e37]),
        "z_loss": ("[0, 1e+37]", [-1e-9, np.inf, 2e37, -(10**400)]),
    }
    logits, labels = np.zeros((2, 3)), [0, 1]
    for name, (rule, values) in ranges.items():
        for value in values:
            found = error_text(ValueError, call, logits, labels, **{name: value})
            assert found == f"{name} must lie in {rule}, got {value}"
    found = error_text(TypeError, call, logits, labels, temperature="1")
    assert found == "temperature must be a real number, got '1'"
    found = error_text(TypeError, call, logits, labels, z_loss=None)
    assert found == "z_loss must be a real number, got None"


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_rounding_to_halves_is_to_even_at_ties(rng, name):
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    bits = rng.integers(0, 2**16, 5000, np.uint16)
    halves = bits.view(dtype).astype(np.float32)
    step = np.uint32(1) << np.uint32(12 if name == "float16" else 15)  # half of a last place
    ties = (halves.view(np.uint32) + step).view(np.float32)
    ties = ties[np.isfinite(ties)]
    below, above = (np.nextafter(ties, np.float32(towards)) for towards in (-np.inf, np.inf))
    not_numbers = np.uint32([0x7F800001, 0x7FFFFFFF]).view(np.float32)  # of digits that are lost
    numbers = np.concatenate([halves, ties, below, above, not_numbers])
    result = np.empty(len(numbers), dtype)
    narrow(numbers, result, name)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = numbers.astype(dtype)
    is_nan = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(result), is_nan)
    assert result[~is_nan].tobytes() == expected[~is_nan].tobytes()
