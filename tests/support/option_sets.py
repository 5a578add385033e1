"""All sets of options for a loss of 8 rows and 37 classes, with readable ids."""

import itertools

import numpy as np
import pytest

NUM_CLASSES = 37
LABELS = np.array([0, 5, 36, 5, 12, 1, 30, 5])
CHOICES = {
    "prior": np.linspace(0, 2, NUM_CLASSES) / NUM_CLASSES,
    "class_weight": np.linspace(0, 3, NUM_CLASSES),
    "sample_weight": np.array([1.0, 0.0, 2.5, 0.125, 1.0, 3.0, 0.5, 1.0]),
    "ignore_index": 5,
}


def every_set(names):
    """Return each label smoothing with each subset of the named options."""
    cases = []
    for eps, *used in itertools.product([0.0, 0.1, 1.0], *[[False, True]] * len(names)):
        chosen = {name: CHOICES[name] for name, use in zip(names, used, strict=True) if use}
        name = "+".join([f"eps={eps}", *chosen])
        cases.append(pytest.param({"label_smoothing": eps} | chosen, id=name))
    return cases


OF_INDICES = every_set([*CHOICES])
OF_PROBABILITIES = every_set(["prior", "class_weight", "sample_weight"])
