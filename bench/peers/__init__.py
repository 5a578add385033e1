"""A wrapper for each library: its threads, its arrays and its functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .jax import Jax
from .numba import Numba
from .onnxruntime import OnnxRuntime
from .ours import PlainCython, Smoothxent, SmoothxentReusing
from .peer import Peer
from .pytorch import Compiled, PyTorch, TorchMetrics
from .scikit_learn import ScikitLearn
from .tensorflow import TensorFlow
from .textbook import NumPy, SciPy

OURS = Smoothxent.name
PEERS: dict[str, type[Peer]] = {
    peer.name: peer
    for peer in (
        Smoothxent,
        SmoothxentReusing,
        PyTorch,
        Compiled,
        TorchMetrics,
        Jax,
        TensorFlow,
        OnnxRuntime,
        Numba,
        ScikitLearn,
        PlainCython,
        NumPy,
        SciPy,
    )
}


def installed(names: Iterable[str], only: Collection[str] | None) -> list[str]:
    """Return the names of libraries that are installed, smoothxent and `only` some if given."""
    return [
        name
        for name in names
        if PEERS[name].installed() and (name == OURS or not only or name in only)
    ]
