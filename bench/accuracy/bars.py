"""What is promised: how many ulps each result may be off.

An ulp is the distance between neighbours at the exact value, in the dtype of the result. Where the
definition subtracts two terms it is that of the larger one:

    gradient      A p_k and c_k; at an index label (A - c) p and c (1 - p), which do not hide that
                  p nears 1
    log_sum_exp   the largest logit and the sum's logarithm relative to it

A probability that is too small for a normal number of float32 or float64 may be 0, and a gradient
may take it for 0.
"""

from __future__ import annotations

import numpy as np

from .ulps import FORMATS, Exact, Floats, log2

LOSS, MEAN, MEAN_OF_ROWS, GRADIENT = "loss", "mean loss", "mean of its rows", "gradient"
SOFTMAX, LOG_SOFTMAX, LOG_SUM_EXP = "softmax", "log_softmax", "log_sum_exp"
FUNCTIONS = {
    LOSS: "2 ulp of float32, 4 ulp of float64",
    MEAN: "what the bars of its rows add up to",
    MEAN_OF_ROWS: "half an ulp from the exact mean of the losses that the rows have one by one",
    GRADIENT: "4 + |log2 p_k| ulp",
    SOFTMAX: "4 + |log2 p_k| ulp",
    LOG_SOFTMAX: "4 ulp",
    LOG_SUM_EXP: "4 ulp",
}
ROW_FUNCTIONS = (LOSS, MEAN, LOG_SUM_EXP)  # returned in float32 for the half types
LOSSES = {"float32": 2.0, "float64": 4.0}
PLAIN, ROUNDED = 4.0, 0.5


def dtype_of(function: str, logits_dtype: str) -> str:
    """Return the dtype that a result is held to."""
    if function == MEAN_OF_ROWS:  # a Python float, right to its last digit
        return "float64"
    half = FORMATS[logits_dtype].digits < 24
    return "float32" if half and function in ROW_FUNCTIONS else logits_dtype


def of_losses(exact: Floats, dtype: str) -> Floats:
    return np.full(exact.shape, LOSSES[dtype])


def of_probabilities(p: Exact, dtype: str) -> Floats:
    form = FORMATS["float64" if dtype == "float64" else "float32"]
    least_normal = 2.0 ** (form.smallest + form.digits - 1)
    return np.where(p.nearest() < least_normal, 2.0**form.digits, PLAIN + np.abs(log2(p)))


def in_half(bar: Floats, scale: Floats, dtype: str) -> Floats:
    """Return the bar of a float32 result that is then rounded to a half type."""
    if FORMATS[dtype].digits >= 24:
        return bar
    finer = FORMATS["float32"].last_place(scale) - FORMATS[dtype].last_place(scale)
    return np.asarray(0.5 + np.ldexp(bar, finer))
