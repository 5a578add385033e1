"""The base class of all wrappers: a library, its threads, its arrays, and its users' usual code.

Three benchmarks use the functions of a wrapper, each in its own form:

    speed      the mean loss, also with its gradient, of the library's own arrays: `ways`
    accuracy   softmaxes, losses and gradients of rows, of the same arrays, with all options
    promises   losses, mean and gradient of NumPy arrays, with labels of any dtype, also bad ones
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
EVALUATION = "evaluation"  # all metrics; no other library has one call for them
ALL_GROUPS = (*GROUPS, EVALUATION)

HALVES = ("float16", "bfloat16")
ALL_DTYPES = ("float32", "float64", *HALVES)
IGNORED = -100  # the label to ignore, PyTorch's default

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]
Array = NDArray[Any]
Call = Callable[[Any, Any], Any]  # the library's own (logits, labels) -> loss or (loss, grad)


class NotOfferedError(Exception):
    """The library has no such function, or the system no such figure: the table has a dash."""


class Peer(ABC):
    """A wrapper of one library, which is imported only by `start`."""

    name: ClassVar[str]
    module: ClassVar[str]
    product: ClassVar[str] = ""  # the product with the version, if its name is another one
    groups: ClassVar[tuple[str, ...]] = GROUPS
    dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64")

    def __init__(self) -> None:
        self.threads = 1

    @classmethod
    def installed(cls) -> bool:
        return find_spec(cls.module) is not None

    def start(self, threads: int, *, by_default: bool = False) -> None:
        """Import the library and set its number of threads; `self.threads` is the real number.

        `by_default` leaves the library's options as they are: JAX, for example, without float64.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.library = importlib.import_module(self.module)
        self.threads = self.pin(threads)

    def pin(self, threads: int) -> int:
        return 1

    def details(self) -> dict[str, str]:
        """Return the versions and options that are needed to repeat a measurement."""
        return {"product": self.product or self.name, "version": str(self.library.__version__)}

    def place(self, logits: Floats, labels: Labels) -> tuple[Any, Any]:
        """Return the inputs as the library's own arrays; not timed."""
        return logits, labels

    def to_numpy(self, array: Any) -> Floats:
        return np.asarray(array)

    # Speed

    def ways(self, group: str, eps: float, x: Any, y: Any) -> list[Call]:
        """Return the usual ways to write the call of a group with this library."""
        ways = {LOSS: self.loss_ways, GRADIENT: self.gradient_ways, EVALUATION: self.evaluations}
        return ways[group](eps, x, y)

    @abstractmethod
    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        """Return the usual ways to compute the mean loss."""

    def gradient_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        """Return the usual ways to compute loss and gradient.

        A library without a gradient has no GRADIENT in its `groups`.
        """
        return []

    def evaluations(self, eps: float, x: Any, y: Any) -> list[Call]:
        """Return the usual ways to compute METRICS, if EVALUATION is in `groups`."""
        return []

    # Accuracy

    softmax: Callable[[Any], Any]
    log_softmax: Callable[[Any], Any]
    log_sum_exp: Callable[[Any], Any]

    def has(self, setting: Setting) -> bool:
        """Return whether the library has a loss with these options."""
        return True

    def losses_and_gradient(self, x: Any, setting: Setting) -> tuple[Any, Any]:
        """Return the loss of each row, and the gradient of their sum."""
        raise NotOfferedError

    def mean_of(self, losses: Any, x: Any, setting: Setting) -> Any:
        """Return the mean of these losses, in their dtype."""
        total = self.to_numpy(self.total(losses))
        return total / setting.row_weights().sum().astype(total.dtype)

    def total(self, losses: Any) -> Any:
        return losses.sum()

    # Promises

    def losses(self, x: Array, y: Array, eps: float = 0.0) -> Any:
        """Return the loss of each row."""
        raise NotOfferedError

    def mean(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        """Return the mean loss of all rows or, with `ignoring`, without the label IGNORED."""
        raise NotOfferedError

    def gradient(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        """Return the gradient of `mean`."""
        raise NotOfferedError


def default_threads() -> int:
    """Count the CPUs that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
