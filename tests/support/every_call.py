"""A call of each function, and of each way of a loss, for tests that make all of them."""

from functools import partial

import numpy as np

import smoothxent


def problem(rng, dtype, shape):
    """Draw every array that a call may take, by name."""
    return {
        "logits": rng.normal(0, 4, shape).astype(dtype),
        "labels": rng.integers(0, shape[1], shape[0]),
        "q": rng.dirichlet(np.ones(shape[1]), shape[0]),
        "class_weight": rng.uniform(0, 2, shape[1]),
        "sample_weight": rng.uniform(0, 2, shape[0]),
    }


def calls(array):
    """Return the calls by name; they take further options."""
    x, y, q = array["logits"], array["labels"], array["q"]
    smoothed = {"label_smoothing": 0.1, "class_weight": array["class_weight"]}
    weighted = {"sample_weight": array["sample_weight"]}
    hidden, weight = np.ascontiguousarray(x[:, :3]), np.ones((x.shape[1], 3), x.dtype)
    keys = {"groups": np.arange(len(x)) % 40, "per_class": True}
    gradient, evaluate = smoothxent.cross_entropy_and_grad, smoothxent.evaluate
    return {
        "loss": partial(smoothxent.cross_entropy, x, y, label_smoothing=0.1),
        "gradient": partial(gradient, x, y),
        "gradient of targets": partial(gradient, x, y, **smoothed, **weighted),
        "gradient of probabilities": partial(gradient, x, q),
        "transformed gradient": partial(gradient, x, y, softcap=3.0, z_loss=0.1),
        "softmax": partial(smoothxent.softmax, x),
        "log_softmax": partial(smoothxent.log_softmax, x),
        "log_sum_exp": partial(smoothxent.log_sum_exp, x),
        "statistics": partial(smoothxent.row_statistics, x, y, top_k=min(7, x.shape[1])),
        "evaluation": partial(evaluate, x, y, **smoothed, **weighted),
        "evaluation by keys": partial(evaluate, x, y, **keys),
        "comparison": partial(smoothxent.compare, x, x[::-1], y),
        "temperature": partial(smoothxent.fit_temperature, x, y),
        "head": partial(smoothxent.linear_cross_entropy_and_grad, hidden, weight, y, **smoothed),
    }
