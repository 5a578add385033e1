"""The promised bounds: the largest error of each result, in ulps.

An ulp is the distance between neighbouring numbers at the exact value, in the dtype of the result.
If a formula subtracts two terms, the ulp is that of the larger term:

    gradient      A p_k and c_k; for the class of an index label (A - c) p and c (1 - p), so that
                  the digits of 1 - p count even if p is near 1
    log_sum_exp   the largest logit, or the result itself

A probability below the normal numbers of float32 or float64 may be returned as 0, and the gradient
may use 0 for it.
"""

from __future__ import annotations

import numpy as np

from .ulps import FORMATS, Floats

LOSS, MEAN, MEAN_OF_ROWS, GRADIENT = "loss", "mean loss", "mean of its rows", "gradient"
SOFTMAX, LOG_SOFTMAX, LOG_SUM_EXP = "softmax", "log_softmax", "log_sum_exp"
FUNCTIONS = {
    LOSS: "3 ulp of float32, 6 ulp of float64",
    MEAN: "the sum of the bounds of its rows",
    MEAN_OF_ROWS: "half an ulp from the exact mean of the losses that reduction='none' returns",
    GRADIENT: "5 + |log2 p_k| ulp, 6 + |log2 p_k| for float64",
    SOFTMAX: "5 + |log2 p_k| ulp, 6 + |log2 p_k| for float64",
    LOG_SOFTMAX: "4 ulp, 6 for float64",
    LOG_SUM_EXP: "4 ulp, 6 for float64",
}
ROW_FUNCTIONS = (LOSS, MEAN, LOG_SUM_EXP)  # returned in float32 for the half types
LOSSES = {"float32": 3.0, "float64": 6.0}  # the half types have the bounds of float32
LOGARITHMS = {"float32": 4.0, "float64": 6.0}
PROBABILITIES = {"float32": 5.0, "float64": 6.0}  # and |log2 p_k|
ROUNDED = 0.5


def dtype_of(function: str, logits_dtype: str) -> str:
    """Return the dtype in whose ulps a result is measured."""
    if function == MEAN_OF_ROWS:  # a Python float, correctly rounded
        return "float64"
    half = FORMATS[logits_dtype].digits < 24
    return "float32" if half and function in ROW_FUNCTIONS else logits_dtype


def computed_in(dtype: str) -> str:
    return "float64" if dtype == "float64" else "float32"


def of_losses(exact: Floats, dtype: str) -> Floats:
    return np.full(exact.shape, LOSSES[dtype])


def of_probabilities(p: Floats, log2_p: Floats, dtype: str) -> Floats:
    form = FORMATS[computed_in(dtype)]
    least_normal = 2.0 ** (form.smallest + form.digits - 1)
    bound = PROBABILITIES[computed_in(dtype)] + np.abs(log2_p)
    return np.where(p < least_normal, 2.0**form.digits, bound)


def in_half(bound: Floats, scale: Floats, dtype: str) -> Floats:
    """Return the bound of a float32 result that is then rounded to a half type."""
    if FORMATS[dtype].digits >= 24:
        return bound
    shift = FORMATS["float32"].last_place(scale) - FORMATS[dtype].last_place(scale)
    return np.asarray(0.5 + np.ldexp(bound, shift))
