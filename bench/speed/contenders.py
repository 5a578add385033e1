"""The contenders: everything that is timed, if its library is installed."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from bench.peers import (
    Compiled,
    Jax,
    Numba,
    NumPy,
    OnnxRuntime,
    Peer,
    PlainCython,
    PyTorch,
    ScikitLearn,
    SciPy,
    Smoothxent,
    SmoothxentReusing,
    TensorFlow,
)
from bench.peers.peer import Call

from .cases import Case

CONTENDERS: tuple[type[Peer], ...] = (
    Smoothxent,
    SmoothxentReusing,
    PyTorch,
    Compiled,
    Jax,
    TensorFlow,
    OnnxRuntime,
    Numba,
    ScikitLearn,
    PlainCython,
    NumPy,
    SciPy,
)


def takes(contender: type[Peer], group: str, case: Case) -> bool:
    return group in contender.groups and case.dtype in contender.dtypes


def fastest_way(contender: Peer, group: str, eps: float, x: Any, y: Any) -> Call:
    """Return the library's fastest way for these inputs."""
    ways = contender.ways(group, eps, x, y)
    return ways[0] if len(ways) == 1 else min(ways, key=lambda way: _seconds(way, x, y))


def _seconds(way: Call, x: Any, y: Any) -> float:
    way(x, y)  # compiles
    times = []
    for _ in range(3):
        begin = perf_counter()
        way(x, y)
        times.append(perf_counter() - begin)
    return min(times)
