"""The textbook formulas for comparison in all tests, written independently of the kernel.

Every loss here is one sum over classes, L = sum_k c_k (-log p_k), and every gradient A p_k - c_k
with A = sum_k c_k. The coefficients c express labels, smoothing, prior and weights:

    indices:        c_k = kept s [ (1 - eps) w_y [k = y] + eps w_k u_k ]
    probabilities:  c_k = s w_k [ (1 - eps) q_k + eps u_k ]

The first half is float64 NumPy over whole arrays of rows (N, C); the second is mpmath, one row at a
time, with so many digits that the result is exact for any comparison with float64.
"""

import math
from fractions import Fraction

import mpmath
import numpy as np

UNIT_ROUNDOFF = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53}
LOSS_ULPS = {
    np.dtype(np.float32): 3,
    np.dtype(np.float64): 6,
}  # the promised errors of losses of rows


def as_rows(array, axis=-1):
    """Return the array with its class axis last and all other axes flattened to rows."""
    moved = np.moveaxis(np.asarray(array), axis, -1)
    return moved.reshape(math.prod(moved.shape[:-1]), moved.shape[-1])


def coefficients(
    labels,
    num_classes,
    *,
    label_smoothing=0.0,
    prior=None,
    class_weight=None,
    sample_weight=None,
    ignore_index=None,
):
    """Return the coefficients c, float64 (N, C), see the module's docstring; 0 for ignored rows."""
    labels = np.asarray(labels)
    eps = float(label_smoothing)
    u = np.full(num_classes, 1.0 / num_classes) if prior is None else np.asarray(prior, float)
    w = np.ones(num_classes) if class_weight is None else np.asarray(class_weight, float)
    s = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, float)
    table = np.zeros((len(labels), num_classes))
    for n, label in enumerate(labels):
        if labels.ndim == 2:
            table[n] = w * ((1 - eps) * label.astype(float) + eps * u)
        elif ignore_index is None or int(label) != ignore_index:
            table[n] = eps * w * u
            table[n, int(label)] += (1 - eps) * w[int(label)]
    return table * s[:, None]


def kept(labels, ignore_index=None):
    """Return 0.0 for each ignored row, 1.0 for the others."""
    labels = np.asarray(labels)
    if labels.ndim == 2 or ignore_index is None:
        return np.ones(len(labels))
    return np.array([0.0 if int(label) == ignore_index else 1.0 for label in labels])


def log_softmax(rows):
    """Return x - log sum_k exp(x_k), in float64, shifted by the largest logit."""
    rows = np.ascontiguousarray(rows, float)  # NumPy's sums are pairwise only along contiguous rows
    with np.errstate(invalid="ignore"):
        shifted = rows - rows.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def softmax(rows):
    """Return exp(log_softmax(x)), in float64."""
    return np.exp(log_softmax(rows))


def row_losses(rows, labels, **options):
    """Return L of every row, float64 (N,); a term whose coefficient is 0 is left out."""
    table = coefficients(labels, np.shape(rows)[1], **options)
    with np.errstate(invalid="ignore"):
        terms = np.where(table == 0, 0.0, table * -log_softmax(rows))
    return terms.sum(axis=1)


def measures(rows, labels):
    """Return measures of rows of finite logits for an evaluation: float64 (N,) arrays by name.

    `rank` is the number of classes with a larger logit than the label, or with the same logit and
    a lower index.
    """
    rows, labels = np.asarray(rows, float), np.asarray(labels)
    each, log_p = np.arange(len(rows)), log_softmax(rows)
    p, of_label = np.exp(log_p), rows[each, labels][:, None]
    lower = np.arange(rows.shape[1]) < labels[:, None]
    with np.errstate(invalid="ignore"):
        terms = np.where(p > 0, p * log_p, 0.0)
    return {
        "log_sum_exp": rows.max(axis=1) - log_p.max(axis=1),
        "max_logit": rows.max(axis=1),
        "argmax": rows.argmax(axis=1),
        "entropy": -terms.sum(axis=1),
        "confidence": p.max(axis=1),
        "label_logit": of_label[:, 0],
        "nll": -log_p[each, labels],
        "rank": ((rows > of_label) | ((rows == of_label) & lower)).sum(axis=1),
        "brier": ((p - (np.arange(rows.shape[1]) == labels[:, None])) ** 2).sum(axis=1),
    }


def gradients(rows, labels, **options):
    """Return dL_n / dx_nk, the gradient of each row's loss, float64 (N, C)."""
    table = coefficients(labels, np.shape(rows)[1], **options)
    return table.sum(axis=1, keepdims=True) * softmax(rows) - table


def denominator(reduction, labels, num_classes, **options):
    """Return the divisor of the sum of losses."""
    keeps = kept(labels, options.get("ignore_index"))
    weight = options.get("sample_weight")
    s = np.ones(len(keeps)) if weight is None else np.asarray(weight, float)
    if reduction in ("none", "sum"):
        return 1.0
    if reduction == "sum_over_batch_size":
        return float(len(keeps))
    if reduction == "sum_by_nonzero_weights":
        return float(np.count_nonzero(keeps * s))
    if np.asarray(labels).ndim == 2 or options.get("class_weight") is None:
        return math.fsum(keeps * s)
    w = np.asarray(options["class_weight"], float)
    return math.fsum(s[n] * w[int(labels[n])] for n in np.flatnonzero(keeps))


def reduced_loss(rows, labels, reduction, **options):
    """Return the reduced loss; a zero denominator gives nan for "mean" and 0.0 otherwise."""
    total = math.fsum(row_losses(rows, labels, **options))
    over = denominator(reduction, labels, np.shape(rows)[1], **options)
    if over == 0:
        return math.nan if reduction == "mean" else 0.0
    return total / over


def log_softmax_error(rows):
    """Return a bound of the error of `log_softmax`, float64 (N, C); inf if it is not finite.

    x_k - max rounds once, by at most 2**-53 of itself. In log sum_k exp(x_k - max), exp and log add
    2 ulp each, a pairwise sum log2 C, and the roundings of the terms the sum of p_k |x_k - max|.
    """
    rows = np.asarray(rows, float)
    log_p = log_softmax(rows)
    with np.errstate(invalid="ignore"):
        steps = np.abs(rows - rows.max(axis=1, keepdims=True))
        shares = np.exp(log_p)
        of_sum = np.where(shares > 0, shares * steps, 0.0).sum(axis=1, keepdims=True)
    return 2.0**-53 * (steps + of_sum + math.log2(rows.shape[1]) + 8)


def promised_loss(dtype):
    """Return the promised relative error of a normal loss: an ulp is at most 2 unit roundoffs."""
    return 2 * LOSS_ULPS[np.dtype(dtype)] * UNIT_ROUNDOFF[np.dtype(dtype)]


def loss_allowance(rows, labels, dtype, **options):
    """Return the allowed difference of losses from `row_losses`, float64 (N,).

    The library: `LOSS_ULPS` of the result, and an ulp is at most 2 unit roundoffs of it (or the
    smallest subnormal). The oracle: the error of each -log p_k times its coefficient, and
    (log2 C + 8) roundoffs of the result for the products and the sum over classes.
    """
    table = np.abs(coefficients(labels, np.shape(rows)[1], **options))
    losses = np.abs(row_losses(rows, labels, **options))
    with np.errstate(invalid="ignore"):
        terms = np.where(table == 0, 0.0, table * log_softmax_error(rows)).sum(axis=1)
    own = promised_loss(dtype) * losses + np.finfo(dtype).smallest_subnormal
    return own + 2.0**-53 * (math.log2(np.shape(rows)[1]) + 8) * losses + terms


def gradient_allowance(rows, labels, dtype, **options):
    """Return the allowed difference of a gradient from `gradients`, float64 (N, C).

    The library: 4 + |log2 p_k| ulp of the larger of A p_k and c_k, and all of A p_k where p_k is
    below the smallest normal number. The oracle: in A p_k, A times
    the error of log p_k and 4 roundoffs, A times the last place of a p_k that is subnormal, and two
    roundings of c_k.
    """
    table = np.abs(coefficients(labels, np.shape(rows)[1], **options))
    log_p = log_softmax(rows)
    product = table.sum(axis=1, keepdims=True) * np.exp(log_p)
    bits = np.minimum(np.abs(log_p) / math.log(2), 1100)
    own = (4 + bits) * (2 * UNIT_ROUNDOFF[np.dtype(dtype)] * np.maximum(product, table))
    own += np.where(np.exp(log_p) < np.finfo(dtype).smallest_normal, product, 0.0)
    with np.errstate(invalid="ignore"):
        truth = np.where(product == 0, 0.0, product * (log_softmax_error(rows) + 2.0**-51))
    truth += table.sum(axis=1, keepdims=True) * np.finfo(float).smallest_subnormal
    return own + truth + 2.0**-52 * table + (4 + bits) * np.finfo(dtype).smallest_subnormal


# Exact values.


def digits_for(row):
    """Return the working precision: 60 digits, the digits that cancel, those before the point."""
    finite = [float(x) for x in row if math.isfinite(x)]
    spread = max(finite) - min(finite) if finite else 0.0
    whole = math.log10(max(1.0, *map(abs, finite))) if finite else 0.0
    return 60 + int(min(spread, 1800.0) / math.log(10) + whole)


def exact_coefficients(
    label, num_classes, *, label_smoothing=0.0, prior=None, class_weight=None, sample_weight=1.0
):
    """Return the coefficients of one row as exact fractions; `label` is an index or a row of q."""
    eps, s = Fraction(float(label_smoothing)), Fraction(float(sample_weight))
    u = [Fraction(1, num_classes)] * num_classes
    if prior is not None:
        u = [Fraction(float(value)) for value in prior]
    w = [Fraction(1)] * num_classes
    if class_weight is not None:
        w = [Fraction(float(value)) for value in class_weight]
    if np.ndim(label):
        return [
            s * w[k] * ((1 - eps) * Fraction(float(label[k])) + eps * u[k]) for k in range(len(w))
        ]
    if prior is None and class_weight is None:
        table = [s * eps / num_classes] * num_classes
    else:
        table = [s * eps * w_k * u_k for w_k, u_k in zip(w, u, strict=True)]
    table[int(label)] += s * (1 - eps) * w[int(label)]
    return table


def to_mpf(fraction):
    """Return a fraction as an mpf, rounded to the working precision."""
    return mpmath.mpf(fraction.numerator) / fraction.denominator


def exact_log_sum_exp(row):
    """Return log sum_k exp(x_k) of a finite row, with one exponential for each distinct value."""
    values, counts = np.unique(np.asarray(row, float), return_counts=True)
    peak = mpmath.mpf(float(values[-1]))  # taken out, a row of one class has no rounding at all
    powers = (
        int(count) * mpmath.exp(float(value) - peak)
        for value, count in zip(values, counts, strict=True)
    )
    return peak + mpmath.log(mpmath.fsum(powers))


def exact_loss(row, label, **options):
    """Return L of one row of finite logits, an mpf."""
    with mpmath.workdps(digits_for(row)):
        lse = exact_log_sum_exp(row)
        table = exact_coefficients(label, len(row), **options)
        as_mpf = {id(c): to_mpf(c) for c in {id(c): c for c in table}.values()}  # most are one
        terms = (as_mpf[id(c)] * (lse - float(x)) for c, x in zip(table, row, strict=True) if c)
        return mpmath.fsum(terms)


def exact_softmax(row):
    """Return p of one row of finite logits, a list of mpf."""
    with mpmath.workdps(digits_for(row)):
        lse = exact_log_sum_exp(row)
        return [mpmath.exp(float(x) - lse) for x in row]


def exact_measures(row, label):
    """Return entropy, confidence and Brier score of one row of finite logits, mpf by name."""
    values, counts = np.unique(np.asarray(row, float), return_counts=True)
    with mpmath.workdps(digits_for(row)):
        lse = exact_log_sum_exp(row)
        p = [mpmath.exp(float(x) - lse) for x in values]
        terms = [*zip(counts.tolist(), values.tolist(), p, strict=True)]
        others = [(count - (x == float(row[label])), q) for count, x, q in terms]  # than the label
        rest = mpmath.fsum(count * q for count, q in others)
        return {
            "entropy": mpmath.fsum(count * q * (lse - x) for count, x, q in terms),
            "confidence": p[-1],
            "brier": mpmath.fsum(count * q * q for count, q in others) + rest**2,
        }


def exact_gradient(row, label, **options):
    """Return dL / dx_k of one row of finite logits, a list of mpf."""
    with mpmath.workdps(digits_for(row)):
        table = [to_mpf(c) for c in exact_coefficients(label, len(row), **options)]
        total = mpmath.fsum(table)
        return [total * p - c for p, c in zip(exact_softmax(row), table, strict=True)]


def ulp_of(exact, dtype):
    """Return the distance between neighbours of `dtype` at the exact value, a float."""
    dtype = np.dtype(dtype).type
    below_top = float(np.nextafter(np.finfo(dtype).max, dtype(0)))  # the largest has no next one
    return float(np.spacing(dtype(min(abs(float(exact)), below_top))))


def ulps(actual, exact, dtype):
    """Return the error of a result in units of the last place of the exact value."""
    if not math.isfinite(float(actual)):
        overflows = abs(exact) >= mpmath.mpf(float(np.finfo(dtype).max)) * (
            1 + UNIT_ROUNDOFF[np.dtype(dtype)]
        )
        return 0.0 if overflows and float(actual) == math.inf else math.inf
    with mpmath.workdps(400):
        return float(abs(mpmath.mpf(float(actual)) - exact) / mpmath.mpf(ulp_of(exact, dtype)))
