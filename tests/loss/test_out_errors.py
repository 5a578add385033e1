"""Errors of `out` and `grad_out`: shape, dtype, read-only, overlap; the arrays do not change."""

import numpy as np
import pytest

import smoothxent
from argument_errors import OF_LOGITS, OF_LOSSES, arguments_of
from assertions import error_text, losses_dtype

N, C = 4, 7
LABELS = np.array([0, 1, 2, 3])


def other(dtype):
    return np.float64 if dtype == np.float32 else np.float32


def read_only(array):
    array.flags.writeable = False
    return array


def room(shape, dtype, value=77):
    """Return an output array; per-row losses are never in half precision."""
    return np.full(shape, value, losses_dtype(dtype) if len(shape) == 1 else dtype)


def losses_into(out, logits, **options):
    smoothxent.cross_entropy(logits, LABELS, reduction="none", out=out, **options)


def gradient_into(out, logits, **options):
    smoothxent.cross_entropy_and_grad(logits, LABELS, grad_out=out, **options)


def function_into(name):
    return lambda out, logits: getattr(smoothxent, name)(logits, out=out)


# Each call that writes: the name of its argument, how to call it, the shape it must have.
WRITERS = {
    "losses": ("out", losses_into, (N,)),
    "gradient": ("grad_out", gradient_into, (N, C)),
    "softmax": ("out", function_into("softmax"), (N, C)),
    "log_softmax": ("out", function_into("log_softmax"), (N, C)),
    "log_sum_exp": ("out", function_into("log_sum_exp"), (N,)),
}


@pytest.fixture(params=WRITERS.values(), ids=WRITERS.keys())
def writer(request):
    return request.param


@pytest.mark.fault("outs")
def test_out_of_another_shape_is_an_error(any_dtype, writer):
    name, call, shape = writer
    for wrong in [(*shape, 1), (N + 1, *shape[1:]), (), shape[::-1] if len(shape) > 1 else (1, N)]:
        out = np.full(wrong, 77, room(shape, any_dtype).dtype)
        text = error_text(ValueError, call, out, np.zeros((N, C), any_dtype))
        assert text == f"{name} must have shape {shape}, got {wrong}"
        assert np.all(out == 77)


@pytest.mark.fault("outs")
def test_out_of_another_dtype_is_an_error(dtype, writer):
    name, call, shape = writer
    swapped = np.dtype(dtype).newbyteorder()
    for wrong in [np.dtype(other(dtype)), np.dtype(np.int64), np.dtype(object), swapped]:
        out = np.full(shape, 77, wrong)
        text = error_text(TypeError, call, out, np.zeros((N, C), dtype))
        assert text == f"{name} must be {np.dtype(dtype)}, got {wrong}"
        assert np.all(out == 77)


@pytest.mark.fault("outs")
def test_read_only_out_is_an_error(any_dtype, writer):
    name, call, shape = writer
    out = read_only(room(shape, any_dtype))
    text = error_text(ValueError, call, out, np.zeros((N, C), any_dtype))
    assert text == f"{name} must be writeable, got a read-only array"
    assert np.all(out == 77)


def test_out_that_is_no_array_is_an_error(any_dtype, writer):
    name, call, shape = writer
    masked = np.ma.masked_array(room(shape, any_dtype), mask=False)
    for wrong, found in [([0.0] * N, "list"), (1.0, "float"), (masked, "MaskedArray")]:
        text = error_text(TypeError, call, wrong, np.zeros((N, C), any_dtype))
        assert text == f"{name} must be a plain NumPy array, got {found}"


@pytest.mark.fault("outs")
def test_out_that_overlaps_itself_is_an_error(any_dtype, writer):
    name, call, shape = writer
    size = room(shape, any_dtype).itemsize
    whole = np.full(N * C, 77, room(shape, any_dtype).dtype)
    steps = [(0, size), (size, size), (C * size, size // 2)]  # one row, windows, halves of entries
    for strides in steps if len(shape) == 2 else [(0,), (size // 2,)]:
        out = np.lib.stride_tricks.as_strided(whole, shape, strides)
        text = error_text(ValueError, call, out, np.zeros((N, C), any_dtype))
        found = f"shape {shape} with strides {strides}"
        assert text == f"{name} must not overlap itself, got {found}; use a new array"
        assert np.all(whole == 77)


def test_out_whose_rows_interleave_is_written(dtype, rng):
    # In entries the rows begin at 0, 2 and 4, and the second of each is 3 behind: none overlap.
    logits, labels = rng.normal(size=(3, 2, C)).astype(dtype), np.zeros((3, 2), int)
    whole = np.full(8, 77, dtype)
    strides = 2 * whole.itemsize, 3 * whole.itemsize
    out = np.lib.stride_tricks.as_strided(whole, (3, 2), strides)
    smoothxent.cross_entropy(logits, labels, reduction="none", out=out)
    expected = smoothxent.cross_entropy(logits, labels, reduction="none")
    assert np.array_equal(out, expected)
    assert np.flatnonzero(whole == 77).tolist() == [1, 6]


@pytest.mark.fault("outs")
def test_out_that_begins_within_the_logits_is_an_error(any_dtype, writer):
    name, call, shape = writer
    memory = np.ones(N * C + 4, any_dtype)
    needed = room(shape, any_dtype)
    out = memory[4:].view(np.uint8)[: needed.nbytes].view(needed.dtype).reshape(shape)
    text = error_text(ValueError, call, out, memory[:-4].reshape(N, C))
    assert text == f"{name} must not overlap logits, got arrays that share memory"
    assert np.all(memory == 1)


def test_out_that_is_the_logits_in_another_order_is_an_error(dtype, writer):
    name, call, shape = writer
    logits = np.ones((N, C), dtype)
    out = logits[::-1, ::-1] if len(shape) > 1 else logits[::-1, 0]
    text = error_text(ValueError, call, out, logits)
    assert text == f"{name} must not overlap logits, got arrays that share memory"
    assert np.all(logits == 1)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "cross_entropy_and_grad"])
def test_transposed_logits_are_no_place_of_their_own(dtype, name):
    # They start where the logits do and have their shape.
    logits = np.ones((C, C), dtype)
    has_labels = name == "cross_entropy_and_grad"
    out = "grad_out" if has_labels else "out"
    arrays = (logits, np.zeros(C, int)) if has_labels else (logits,)
    text = error_text(ValueError, getattr(smoothxent, name), *arrays, **{out: logits.T})
    assert text == f"{out} must not overlap logits, got arrays that share memory"
    assert np.all(logits == 1)


def test_float32_that_begins_where_the_halves_do_is_no_place_of_their_own():
    # Same address, shape and strides.
    memory = np.ones((N, C, 2), np.float32)
    logits, out = memory.view(np.float16)[:, :, 0], memory[:, :, 0]
    text = error_text(ValueError, smoothxent.softmax, logits, out=out)
    assert text == "out must not overlap logits, got arrays that share memory"
    assert np.all(memory == 1)


@pytest.mark.fault("outs")
@pytest.mark.parametrize("name", ["labels", "class_weight", "sample_weight", "prior", "grad_out"])
def test_out_that_overlaps_another_argument_is_an_error(name):
    shapes = {"sample_weight": N, "grad_out": (N, C)}
    memory = np.zeros(N, np.int64) if name == "labels" else np.full(shapes.get(name, C), 1 / C)
    before = memory.copy()
    text = error_text(
        ValueError,
        smoothxent.cross_entropy_and_grad,
        np.ones((N, C)),
        reduction="none",
        out=memory.view(np.float64).ravel()[:N],
        **{"labels": LABELS, name: memory},
    )
    assert text == f"out must not overlap {name}, got arrays that share memory"
    assert np.array_equal(memory, before)


def test_grad_out_that_overlaps_the_probabilities_is_an_error(dtype):
    q = np.full((N, C), 1 / C, dtype)
    text = error_text(
        ValueError, smoothxent.cross_entropy_and_grad, np.ones((N, C), dtype), q, grad_out=q
    )
    assert text == "grad_out must not overlap labels, got arrays that share memory"
    assert np.all(q == dtype(1 / C))


@pytest.mark.parametrize("reduction", ["mean", "sum", "sum_over_batch_size"])
def test_out_for_a_reduced_loss_is_an_error(dtype, reduction):
    out = np.full(N, 77, dtype)
    options = {"reduction": reduction, "out": out}
    logits = np.ones((N, C), dtype)
    text = error_text(ValueError, smoothxent.cross_entropy, logits, LABELS, **options)
    assert text == f"out must be None unless reduction is 'none', got an array for {reduction!r}"
    assert np.all(out == 77)


WITHOUT_OUTS = [
    name
    for name, changes in (OF_LOGITS | OF_LOSSES).items()
    if not {"out", "grad_out"} & {*changes}
]


@pytest.mark.fault("bad-label-with-outs")
@pytest.mark.parametrize("name", WITHOUT_OUTS)
def test_every_error_leaves_the_outs_unharmed(any_dtype, name):
    # The kernel takes 16 rows at a time, here good ones before a bad one.
    call, arguments = arguments_of(f"cross_entropy_and_grad: {name}", any_dtype)
    if name != "reduction":
        arguments["reduction"] = "none"
    with pytest.raises((IndexError, TypeError, ValueError)) as caught:
        call(**arguments)
    message, own = str(caught.value), np.ones((40, 70), any_dtype)
    out, grad_out = room((40,), any_dtype), np.full_like(own, 77)
    outs = {"out": out, "grad_out": grad_out}
    for given in (outs, outs | {"logits": own, "grad_out": own}):
        if "logits" not in given or "logits" not in OF_LOGITS.get(name, {}):
            assert error_text(caught.type, call, **arguments | given) == message
    assert np.all(out == 77)
    assert np.all(grad_out == 77)
    assert np.all(own == 1)


def test_errors_come_before_the_gradient_is_allocated(dtype):
    logits = np.broadcast_to(dtype(0), (10**6, 10**6))  # a gradient of terabytes
    labels = np.zeros(10**6, np.int64)
    call = smoothxent.cross_entropy_and_grad
    text = "label_smoothing must lie in [0, 1], got 2"
    assert error_text(ValueError, call, logits, labels, label_smoothing=2) == text
    text = "out must be a plain NumPy array, got str"
    assert error_text(TypeError, call, logits, labels, out="x", reduction="none") == text
