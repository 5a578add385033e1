"""What every peer is: a library, its threads, its arrays, its functions as its users write them.

Three benchmarks ask for these functions, each in its own form:

    speed      the mean loss, with its gradient too, of the library's own arrays: `ways`
    accuracy   softmaxes, losses and gradients row by row, of the same arrays, with all options
    promises   losses, mean and gradient of NumPy arrays, with labels of any dtype, bad ones too
"""

from __future__ import annotations

import importlib
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .setting import Setting

LOSS, GRADIENT = "loss", "loss + gradient"
GROUPS = (LOSS, GRADIENT)
EVALUATION = "evaluation"  # all metrics at once, next to the loss; no peer has it

# Lower bounds of the time of a loss, measured like one: see ours.py.
READ_LIMIT, EXP_LIMIT = "read limit", "exp limit"
LIMITS = (READ_LIMIT, EXP_LIMIT)

HALVES = ("float16", "bfloat16")
ALL_DTYPES = ("float32", "float64", *HALVES)
IGNORED = -100  # the label to ignore, PyTorch's default

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]
Array = NDArray[Any]
Call = Callable[[Any, Any], Any]  # (logits, labels) of the library's own -> loss, or (loss, grad)


class NotOfferedError(Exception):
    """The library has no such function, or the system does not tell: a dash in the table."""


class Peer(ABC):
    """A peer imports its library only when it is started."""

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

    def start(self, threads: int, *, by_default: bool = False) -> None:
        """Import the library and pin its threads; `self.threads` is what it really uses.

        `by_default` leaves what the library's users must ask for, such as float64, as it comes.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.library = importlib.import_module(self.module)
        self.threads = self.pin(threads)

    def pin(self, threads: int) -> int:
        return 1

    def details(self) -> dict[str, str]:
        """Return what a reader needs to repeat a figure."""
        return {"product": self.product or self.name, "version": str(self.library.__version__)}

    def place(self, logits: Floats, labels: Labels) -> tuple[Any, Any]:
        """Return the inputs as the library's own arrays; not timed."""
        return logits, labels

    def to_numpy(self, array: Any) -> Floats:
        return np.asarray(array)

    # Speed

    def ways(self, group: str, eps: float, x: Any, y: Any) -> list[Call]:
        """Return the ways in which a user of the library would write a group's call."""
        return {LOSS: self.loss_ways, GRADIENT: self.gradient_ways}[group](eps, x, y)

    @abstractmethod
    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        """Return the ways to the mean loss."""

    def gradient_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        """As `loss_ways`; none of a library without a gradient, whose `groups` leave that out."""
        return []

    # Accuracy

    def softmax(self, x: Any) -> Any:
        raise NotOfferedError

    def log_softmax(self, x: Any) -> Any:
        raise NotOfferedError

    def log_sum_exp(self, x: Any) -> Any:
        raise NotOfferedError

    def has(self, setting: Setting) -> bool:
        """Return whether the library has a loss with these options."""
        return True

    def losses_and_gradient(self, x: Any, setting: Setting) -> tuple[Any, Any]:
        """Return the loss of each row, and the gradient of their sum."""
        raise NotOfferedError

    def total(self, losses: Any) -> Any:
        return losses.sum()

    # Promises

    def losses(self, x: Array, y: Array, eps: float = 0.0) -> Any:
        """Return the loss of each row."""
        raise NotOfferedError

    def mean(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        """Return the mean loss: of all rows, or of those whose label is not IGNORED."""
        raise NotOfferedError

    def gradient(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        """Return the gradient of that mean."""
        raise NotOfferedError


def default_threads() -> int:
    """Count the CPUs that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
