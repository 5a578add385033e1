"""Parameters of many tests: dtypes, reductions, functions without labels."""

import ml_dtypes
import numpy as np

from smoothxent._kernel import builds

DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]  # of logits
INTEGERS = [np.dtype(kind) for kind in "bhilqBHILQ"]  # of class indices
REDUCED = ["sum", "mean", "sum_over_batch_size", "sum_by_nonzero_weights"]
REDUCTIONS = ["none", *REDUCED]
SOFTMAXES = ["softmax", "log_softmax", "log_sum_exp"]


def rows_for_threads(num_classes, least):
    """Return a number of rows, at least `least`, for which a call uses several threads."""
    return max(least, builds.kernel("float32").LEAST_PARALLEL // num_classes + 3)
