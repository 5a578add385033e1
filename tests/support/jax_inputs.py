"""Inputs for the tests of smoothxent.jax, and functions whose result has a gradient."""

import numpy as np

N, C = 12, 37


def weights(rng):
    """Return options with an array of each kind, all in float32."""
    return {
        "prior": np.full(C, 1 / C, np.float32),
        "class_weight": rng.uniform(0.5, 2, C).astype(np.float32),
        "sample_weight": rng.uniform(0, 2, N).astype(np.float32),
    }


def labels_of(rng, kind):
    if kind == "indices":
        return rng.integers(0, C, N).astype(np.int32)
    return rng.dirichlet(np.ones(C), N).astype(np.float32)


def total(function):
    """Return a function that returns the sum of the function's result."""
    return lambda *arguments: function(*arguments).sum()
