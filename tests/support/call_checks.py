"""Checks of random calls: results within the promised errors of the oracle's, and errors.

Results for half types must be those for the same float32 numbers, which are compared with the
oracle.
"""

import math
import re
from fractions import Fraction

import numpy as np

import oracle
from assertions import assert_gradient_exact, assert_losses_exact, error_text
from calls import LOSSES
from metric_checks import EXACT_CLASSES, check_evaluation, check_row_statistics, total
from ways import assert_same

METRIC_CHECKS = {"evaluate": check_evaluation, "row_statistics": check_row_statistics}
OPTIONS = ["label_smoothing", "prior", "class_weight", "sample_weight", "ignore_index"]


def root(array):
    """Return the array whose memory a view is part of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class Untouched:
    """A copy of the memory of a call's arrays; with `may_write`, without the outs."""

    def __init__(self, call, may_write):
        options = call.options
        outs = [options[name] for name in ("out", "grad_out") if options.get(name) is not None]
        arrays = [call.logits, call.labels, *outs]
        arrays += [options.get(name) for name in ("prior", "class_weight", "sample_weight")]
        arrays = [root(array) for array in arrays if isinstance(array, np.ndarray)]
        self.before = [(array, array.tobytes()) for array in arrays]
        self.outs = [(out, out.copy()) for out in outs] if may_write else []

    def check(self):
        """Raise AssertionError if the memory has changed."""
        written = [out.copy() for out, _ in self.outs]
        for out, old in self.outs:
            out[...] = old
        for array, old in self.before:
            assert array.tobytes() == old, "memory was written that is no out"
        for (out, _), new in zip(self.outs, written, strict=True):
            out[...] = new


def check_error(call, error, arguments):
    """Assert that the call raises this error about one of these arguments, and writes nothing."""
    untouched = Untouched(call, may_write=False)
    text = error_text(error, call.make)
    untouched.check()
    assert re.match(rf"({'|'.join(arguments)}) must .*, got ", text), text


def check_call(call):
    """Assert that the results of a call are right, and that it writes only to its outs."""
    untouched = Untouched(call, may_write=True)
    plain = call.without_outs()
    results = call.make()
    untouched.check()
    if call.function == "smooth_labels":
        check_table(call, results[0])
        return
    for name, result in zip(("out", "grad_out"), results, strict=False):
        assert call.options.get(name) is None or result is call.options[name]
    fresh, exact = plain.make(), plain.in_float32().make()
    for result, of_own_dtype, in_float32 in zip(results, fresh, exact, strict=True):
        same_dtype = np.asarray(result).dtype == np.asarray(of_own_dtype).dtype
        assert_same(plain, [of_own_dtype if same_dtype else in_float32], [result])
    assert_same(plain, [narrowed(plain, result) for result in exact], fresh)
    check_numbers(plain.in_float32(), exact)


def narrowed(call, result):
    """Return a float32 result as the call returns it: in the dtype of the logits, or as bits."""
    if call.logits.dtype.itemsize > 2 or not call.has_class_axis(result):
        return result
    with np.errstate(over="ignore", invalid="ignore"):
        half = result.astype(call.numbers.dtype.newbyteorder("="))
    return half.view(np.uint16) if "dtype" in call.options else half


def check_table(call, table):
    """Check the result of smooth_labels."""
    options, labels = call.options, np.asarray(call.labels)
    size, axis = options.get("num_classes"), options["axis"]
    narrow = size is None and labels.dtype.kind in "fV" and labels.dtype.itemsize < 8
    dtype = np.dtype(np.float32 if narrow else np.float64)
    if size is None:
        labels = oracle.as_rows(labels.astype(np.float64), axis)
    expected = oracle.coefficients(
        labels,
        size or labels.shape[1],
        label_smoothing=options["label_smoothing"],
        prior=options.get("prior"),
    )
    assert table.dtype == dtype
    # Three float64 roundings each in the library and the oracle, and one to the table's dtype.
    allowed = (6 * 2.0**-53 + oracle.UNIT_ROUNDOFF[dtype]) * expected
    assert_within(oracle.as_rows(table, axis), expected, allowed, dtype)


def check_numbers(call, results):
    """Check the results of a call on float32 or float64 logits without out and grad_out."""
    rows = oracle.as_rows(call.logits.astype(np.float64), call.axis)
    dtype = call.logits.dtype.newbyteorder("=").type
    if not rows.size:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if call.function in LOSSES:
            check_loss(call, rows, results, dtype)
            return
        if call.function in METRIC_CHECKS:
            known, special = ~overflows(rows), has_no_softmax(rows)
            METRIC_CHECKS[call.function](call, results, rows, dtype, known, special)
            return
        expected = {"softmax": softmax, "log_softmax": log_softmax, "log_sum_exp": log_sum_exp}
        result = np.asarray(results[0])
        per_row = call.function == "log_sum_exp"
        result = result.ravel() if per_row else oracle.as_rows(result, call.axis)
        known = ~overflows(rows)
        assert_within(result[known], *expected[call.function](rows[known], dtype), dtype)


def overflows(rows):
    """Return whether differences of a row's finite logits may overflow the oracle's float64."""
    return np.ptp(np.where(np.isfinite(rows), rows, 0.0), axis=1) > np.finfo(np.float64).max / 4


def has_no_softmax(rows):
    """Return whether a row contains nan or +inf, or only -inf."""
    return np.isnan(rows).any(axis=1) | np.isinf(rows.max(axis=1))


def assert_within(actual, expected, allowed, dtype):
    """Assert that each number is within expected - allowed and expected + allowed, rounded."""
    assert actual.dtype == dtype
    special = ~np.isfinite(expected)
    assert np.array_equal(actual[special], expected[special].astype(dtype), equal_nan=True)
    least, most = (expected - allowed).astype(dtype), (expected + allowed).astype(dtype)
    outside = ~((actual >= least) & (actual <= most) | special)
    first = [values[outside][:3] for values in (actual, expected, allowed)]
    assert not outside.any(), "{!r} must be {!r} +- {!r}".format(*first)


def ulp(numbers, dtype):
    """Return the distance between neighbours of the dtype at each number, as float64."""
    below_top = np.nextafter(np.finfo(dtype).max, dtype(0))  # the largest number has no next one
    return np.spacing(np.minimum(np.abs(numbers), below_top).astype(dtype)).astype(float)


# The next functions return the expected values and the allowed errors: the promised error, which
# test_softmax.py explains, plus the error of the oracle.


def softmax(rows, dtype):
    log_p = oracle.log_softmax(rows)
    p = np.exp(log_p)
    own = (4 + np.minimum(np.abs(log_p) / math.log(2), 1100)) * ulp(p, dtype)
    own += np.where(p < np.finfo(dtype).smallest_normal, p, 0.0)
    truth = np.where(p > 0, p * (oracle.log_softmax_error(rows) + 2.0**-51), 0.0)
    p[has_no_softmax(rows)] = np.nan
    return p, own + truth


def log_softmax(rows, dtype):
    log_p = oracle.log_softmax(rows)
    steps = np.abs(rows - rows.max(axis=1, keepdims=True))
    of_top = np.abs(log_p).min(axis=1, keepdims=True)  # lse - max
    scale = np.maximum(np.maximum(np.abs(log_p), steps), of_top)
    log_p[has_no_softmax(rows)] = np.nan
    return log_p, 4 * ulp(scale, dtype) + oracle.log_softmax_error(rows)


def log_sum_exp(rows, dtype):
    top = rows.max(axis=1)
    lse = top - oracle.log_softmax(rows).max(axis=1)
    lse = np.where(np.isinf(top), top, lse)
    lse[np.isnan(rows).any(axis=1)] = np.nan
    truth = oracle.log_softmax_error(rows).min(axis=1) + 2.0**-53 * np.abs(lse)
    return lse, 4 * ulp(np.maximum(np.abs(lse), np.abs(top)), dtype) + truth


def check_loss(call, rows, results, dtype):
    """Check per-row losses, their reduction and the gradient."""
    labels = call.labels
    if labels.ndim == call.logits.ndim:
        labels = oracle.as_rows(labels.astype(float), call.axis)
    else:
        labels = labels.ravel()
    options = {name: call.options[name] for name in OPTIONS if name in call.options}
    if "sample_weight" in options:
        options["sample_weight"] = np.ravel(options["sample_weight"])
    kept = oracle.kept(labels, options.get("ignore_index")) > 0
    known = ~overflows(rows)
    expected = oracle.row_losses(rows, labels, **options)
    expected[has_no_softmax(rows) & kept] = np.nan
    allowed = oracle.loss_allowance(rows, labels, dtype, **options)
    losses = np.ravel(call.make(reduction="none")[0])
    assert_within(losses[known], expected[known], allowed[known], dtype)
    divisor = denominator(call.options["reduction"], labels, kept, options)
    if call.options["reduction"] != "none":
        special = np.where(known, expected, losses.astype(float))
        check_reduction(call.options["reduction"], results[0], losses, special, divisor)
    if len(results) > 1 and divisor:
        grad = oracle.as_rows(results[1], call.axis)
        expected, allowed = gradient(rows, labels, kept, as_float(divisor), dtype, options)
        assert_within(grad[known], expected[known], allowed[known], dtype)
    check_one_exactly(rows.astype(dtype), labels, kept, dtype, options)


def as_float(fraction):
    try:
        return float(fraction)
    except OverflowError:
        return math.inf


def denominator(reduction, labels, kept, options):
    """Return the divisor of the sum of losses; products of two weights are rounded."""
    s = np.asarray(options.get("sample_weight", np.ones(len(labels))), float)
    if reduction in ("none", "sum"):
        return Fraction(1)
    if reduction == "sum_over_batch_size":
        return Fraction(len(labels))
    if reduction == "sum_by_nonzero_weights":
        return Fraction(int(np.count_nonzero(kept & (s != 0))))
    if labels.ndim == 1 and "class_weight" in options:
        w = np.asarray(options["class_weight"], float)
        s = s * w[np.where(kept, labels, 0).astype(int)]
    return total(s[kept])


def check_reduction(reduction, result, losses, expected, divisor):
    """Check a reduced loss: for float64 rows, their exact sum, divided and rounded once."""
    assert type(result) is float
    if not divisor:
        assert math.isnan(result) if reduction == "mean" else result == 0.0
    elif not np.isfinite(expected).all():
        assert math.isnan(result) if np.isnan(expected).any() else result == math.inf
    elif np.isfinite(losses).all():
        rounded = as_float(total(losses) / divisor)
        if losses.dtype == np.float64:
            assert result == rounded, f"{result!r} is not the exact sum's {rounded!r}"
        else:  # each row was rounded to float32 after it was added
            slack = total(ulp(losses, np.float32)) / divisor
            assert abs(result - rounded) <= as_float(slack)


def gradient(rows, labels, kept, divisor, dtype, options):
    """Return the expected gradient and its allowed errors."""
    expected = oracle.gradients(rows, labels, **options) / divisor
    allowed = oracle.gradient_allowance(rows, labels, dtype, **options) / divisor
    # The divisor is a rounded quotient, and the division by it rounds once more.
    allowed += 2.0**-51 * np.abs(expected) + np.finfo(dtype).smallest_subnormal
    expected[has_no_softmax(rows)] = np.nan
    expected[~kept], allowed[~kept] = 0.0, 0.0
    return expected, allowed


def check_one_exactly(rows, labels, kept, dtype, options):
    """Check loss and gradient of the first finite row, in ulps of their exact values."""
    finite = np.isfinite(rows).all(axis=1) & kept
    if not finite.any() or rows.shape[1] > EXACT_CLASSES:
        return
    n = slice(finite.argmax(), finite.argmax() + 1)
    with np.errstate(over="ignore"):
        if not np.ptp(rows[n].astype(float)) * rows.shape[1] < np.finfo(float).max:
            return  # sums of gaps may overflow there: docs/losses.md, Limits
    names = ["label_smoothing", "prior", "class_weight"]
    one = {name: options[name] for name in names if name in options}
    assert_losses_exact(rows[n], labels[n], dtype, **one)
    assert_gradient_exact(rows[n], labels[n], dtype, **one)
