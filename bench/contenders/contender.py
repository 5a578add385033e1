"""What every contender is: a library, its threads, its arrays, and the calls its users write."""

from __future__ import annotations

import importlib
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from bench.cases import GROUPS, LOSS, Case
from bench.reference import Floats, Labels

Call = Callable[[Any, Any], Any]  # (logits, labels) of the library's own -> loss, or (loss, grad)


class Contender(ABC):
    """A contender imports its library only when it is asked to start."""

    name: ClassVar[str]
    module: ClassVar[str]
    product: ClassVar[str] = ""  # what the version belongs to, where that is not the name
    groups: ClassVar[tuple[str, ...]] = GROUPS
    dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64")

    def __init__(self) -> None:
        self.threads = 1

    @classmethod
    def installed(cls) -> bool:
        return find_spec(cls.module) is not None

    @classmethod
    def takes(cls, group: str, case: Case) -> bool:
        return group in cls.groups and case.dtype in cls.dtypes

    def start(self, threads: int) -> None:
        """Import the library and pin its threads; `self.threads` is what it really uses."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.library = importlib.import_module(self.module)
        self.threads = self.pin(threads)

    def pin(self, threads: int) -> int:
        return 1

    def details(self) -> dict[str, str]:
        """Tell what a reader needs to repeat the figure."""
        return {"product": self.product or self.name, "version": str(self.library.__version__)}

    def place(self, logits: Floats, labels: Labels) -> tuple[Any, Any]:
        """Return the inputs as the library's own arrays; not timed."""
        return logits, labels

    def to_numpy(self, array: Any) -> Floats:
        return np.asarray(array)

    def prepare(self, group: str, eps: float, x: Any, y: Any) -> Call:
        """Return the fastest of the library's ways on inputs like these."""
        ways = (self.loss if group == LOSS else self.loss_and_gradient)(eps, x, y)
        return ways[0] if len(ways) == 1 else min(ways, key=lambda way: _seconds(way, x, y))

    @abstractmethod
    def loss(self, eps: float, x: Any, y: Any) -> list[Call]:
        """Return the ways in which a user of the library would write the mean loss."""

    def loss_and_gradient(self, eps: float, x: Any, y: Any) -> list[Call]:
        """As `loss`; none of a library without a gradient, whose `groups` leave that out."""
        return []


def _seconds(way: Call, x: Any, y: Any) -> float:
    way(x, y)  # compiles
    times = []
    for _ in range(3):
        begin = perf_counter()
        way(x, y)
        times.append(perf_counter() - begin)
    return min(times)


def default_threads() -> int:
    """Count the CPUs that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
