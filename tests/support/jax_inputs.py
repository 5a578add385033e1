"""What the tests of smoothxent.jax hand over: labels, weights; and a sum that has a gradient."""

import numpy as np

N, C = 12, 37


def weights(rng):
    """Return options with an array of each kind, whose entries are float32 and add up exactly."""
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
    """Return the sum of a function, so that it has a gradient."""
    return lambda *arguments: function(*arguments).sum()
