"""The libraries that are compared: smoothxent, and the usual code of other libraries' users.

Other libraries get half types widened to float32, as in language models; matrices are rounded back
to the dtype of the logits. If a library has no argument for an option but takes a table of targets,
the option is applied to the table; otherwise the setting is left out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.peers import PEERS
from bench.peers.ours import Smoothxent
from bench.peers.peer import HALVES, Peer

from .bounds import GRADIENT, LOG_SOFTMAX, LOG_SUM_EXP, LOSS, MEAN, SOFTMAX
from .comparison import Results
from .problems import Problem

LIBRARIES = ("smoothxent", "PyTorch", "JAX", "TensorFlow", "SciPy", "NumPy")
THREADS = 1


class Library:
    """A library that has started, and its results."""

    def __init__(self, name: str) -> None:
        self.peer = PEERS[name]()
        self.peer.start(THREADS)

    def results(self, problem: Problem) -> Results:
        with np.errstate(all="ignore"):
            if isinstance(self.peer, Smoothxent):
                return _results_of_ours(self.peer, problem)
            return _results_of_peer(self.peer, problem)


def _results_of_ours(ours: Smoothxent, problem: Problem) -> Results:
    x = problem.logits
    results: Results = {
        (SOFTMAX, ""): ours.softmax(x),
        (LOG_SOFTMAX, ""): ours.log_softmax(x),
        (LOG_SUM_EXP, ""): ours.log_sum_exp(x),
    }
    for setting in problem.settings:
        losses, grad = ours.losses_and_gradient(x, setting)
        results[LOSS, setting.name], results[GRADIENT, setting.name] = losses, grad
        results[MEAN, setting.name] = np.asarray(ours.mean_loss(x, setting))
    return results


def _results_of_peer(peer: Peer, problem: Problem) -> Results:
    """Compute with the library's own arrays, half types in float32."""

    def to_numpy(array: Any) -> NDArray[Any]:
        return np.asarray(peer.to_numpy(array))

    narrow, logits = problem.logits.dtype, problem.logits
    if problem.dtype in HALVES:
        logits = logits.astype(np.float32)
    x, _ = peer.place(logits, problem.labels)
    results = {
        (SOFTMAX, ""): to_numpy(peer.softmax(x)).astype(narrow),
        (LOG_SOFTMAX, ""): to_numpy(peer.log_softmax(x)).astype(narrow),
        (LOG_SUM_EXP, ""): to_numpy(peer.log_sum_exp(x)),
    }
    for setting in filter(peer.has, problem.settings):
        losses, grad = peer.losses_and_gradient(x, setting)
        divisor = setting.row_weights().sum().astype(logits.dtype)
        results[MEAN, setting.name] = to_numpy(peer.total(losses)) / divisor
        results[LOSS, setting.name] = to_numpy(losses)
        results[GRADIENT, setting.name] = to_numpy(grad).astype(narrow)
    return results


@lru_cache(maxsize=1)
def started(name: str) -> Library:
    """Return the library; it starts only once in a process."""
    return Library(name)


def details_of(name: str) -> dict[str, str]:
    return started(name).peer.details()


def results_of(name: str, problem: Problem) -> Results:
    return started(name).results(problem)
