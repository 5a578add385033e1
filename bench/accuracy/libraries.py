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

from bench.peers import OURS, PEERS
from bench.peers.peer import HALVES, Peer

from .bounds import GRADIENT, LOG_SOFTMAX, LOG_SUM_EXP, LOSS, MEAN, SOFTMAX
from .comparison import Results
from .problems import Problem

LIBRARIES = ("smoothxent", "PyTorch", "JAX", "TensorFlow", "SciPy", "NumPy")
THREADS = 1


@lru_cache(maxsize=1)
def started(name: str) -> Peer:
    """Return the library; it starts only once in a process."""
    peer = PEERS[name]()
    peer.start(THREADS)
    return peer


def details_of(name: str) -> dict[str, str]:
    return started(name).details()


def results_of(name: str, problem: Problem) -> Results:
    """Compute with the library's own arrays; other libraries get half types in float32."""
    peer, narrow, logits = started(name), problem.logits.dtype, problem.logits

    def to_numpy(array: Any) -> NDArray[Any]:
        return np.asarray(peer.to_numpy(array))

    if problem.dtype in HALVES and name != OURS:
        logits = logits.astype(np.float32)
    with np.errstate(all="ignore"):
        x, _ = peer.place(logits, problem.labels)
        results = {
            (SOFTMAX, ""): to_numpy(peer.softmax(x)).astype(narrow),
            (LOG_SOFTMAX, ""): to_numpy(peer.log_softmax(x)).astype(narrow),
            (LOG_SUM_EXP, ""): to_numpy(peer.log_sum_exp(x)),
        }
        for setting in filter(peer.has, problem.settings):
            losses, grad = peer.losses_and_gradient(x, setting)
            results[MEAN, setting.name] = np.asarray(peer.mean_of(losses, x, setting))
            results[LOSS, setting.name] = to_numpy(losses)
            results[GRADIENT, setting.name] = to_numpy(grad).astype(narrow)
    return results
