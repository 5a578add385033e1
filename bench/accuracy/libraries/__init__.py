"""Who is judged: smoothxent, and the same functions as the users of other libraries write them.

Peers get half types widened to float32, as language models do it; matrices are rounded back to the
logits' dtype. An option that a library has no argument for is left out or, where its loss takes
a table of targets, written into that table.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bench.accuracy.judge import Results
from bench.accuracy.problems import Problem

from .arrays import NumPy, SciPy, Smoothxent
from .frameworks import Jax, PyTorch, TensorFlow
from .library import Library

OURS = Smoothxent.contender.name
LIBRARIES: dict[str, type[Library]] = {
    library.contender.name: library
    for library in (Smoothxent, PyTorch, Jax, TensorFlow, SciPy, NumPy)
}


@lru_cache(maxsize=1)
def started(name: str) -> Library:
    return LIBRARIES[name]()


def details_of(name: str) -> dict[str, str]:
    return started(name).hold.details()


def results_of(name: str, problem: Problem) -> Results:
    """Compute with one library, which starts once in a process."""
    with np.errstate(all="ignore"):
        return started(name).results(problem)
