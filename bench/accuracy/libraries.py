"""Who is judged: smoothxent, and the same functions as the users of other libraries write them.

Peers get half types widened to float32, as language models do it; matrices are rounded back to the
logits' dtype. An option that a library has no argument for is left out or, where its loss takes
a table of targets, written into that table.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.peers import Jax, NumPy, Peer, PyTorch, SciPy, Smoothxent, TensorFlow
from bench.peers.peer import HALVES

from .bars import GRADIENT, LOG_SOFTMAX, LOG_SUM_EXP, LOSS, MEAN, SOFTMAX
from .judge import Results
from .problems import Problem

LIBRARIES: dict[str, type[Peer]] = {
    peer.name: peer for peer in (Smoothxent, PyTorch, Jax, TensorFlow, SciPy, NumPy)
}
THREADS = 1


class Library:
    """A library that has started, and what it makes of a problem."""

    def __init__(self, name: str) -> None:
        self.peer = LIBRARIES[name]()
        self.peer.start(THREADS)

    def results(self, problem: Problem) -> Results:
        with np.errstate(all="ignore"):
            if isinstance(self.peer, Smoothxent):
                return _results_of_ours(self.peer, problem)
            return _results_of_peer(self.peer, problem)


def _results_of_ours(ours: Smoothxent, problem: Problem) -> Results:
    x = problem.logits
    found: Results = {
        (SOFTMAX, ""): ours.softmax(x),
        (LOG_SOFTMAX, ""): ours.log_softmax(x),
        (LOG_SUM_EXP, ""): ours.log_sum_exp(x),
    }
    for setting in problem.settings:
        losses, grad = ours.losses_and_gradient(x, setting)
        found[LOSS, setting.name], found[GRADIENT, setting.name] = losses, grad
        found[MEAN, setting.name] = np.asarray(ours.mean_loss(x, setting))
    return found


def _results_of_peer(peer: Peer, problem: Problem) -> Results:
    """Compute with the library's own arrays, in float32 where logits are narrower."""

    def to_numpy(array: Any) -> NDArray[Any]:
        return np.asarray(peer.to_numpy(array))

    narrow, logits = problem.logits.dtype, problem.logits
    if problem.dtype in HALVES:
        logits = logits.astype(np.float32)
    x, _ = peer.place(logits, problem.labels)
    found = {
        (SOFTMAX, ""): to_numpy(peer.softmax(x)).astype(narrow),
        (LOG_SOFTMAX, ""): to_numpy(peer.log_softmax(x)).astype(narrow),
        (LOG_SUM_EXP, ""): to_numpy(peer.log_sum_exp(x)),
    }
    for setting in filter(peer.has, problem.settings):
        losses, grad = peer.losses_and_gradient(x, setting)
        over = setting.row_weights().sum().astype(logits.dtype)
        found[MEAN, setting.name] = to_numpy(peer.total(losses)) / over
        found[LOSS, setting.name] = to_numpy(losses)
        found[GRADIENT, setting.name] = to_numpy(grad).astype(narrow)
    return found


@lru_cache(maxsize=1)
def started(name: str) -> Library:
    """Return the library, which starts once in a process."""
    return Library(name)


def details_of(name: str) -> dict[str, str]:
    return started(name).peer.details()


def results_of(name: str, problem: Problem) -> Results:
    return started(name).results(problem)
