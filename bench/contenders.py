"""Everyone who is timed. A contender imports its library only when it is asked to start."""

from __future__ import annotations

import importlib
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from .reference import Floats, Labels, numpy_loss, numpy_loss_and_gradient

Loss = Callable[[], Any]
LossAndGradient = Callable[[], tuple[Any, Any]]


class Contender(ABC):
    """A library with its own idea of threads, and the calls its users would write."""

    name: ClassVar[str]
    module: ClassVar[str]
    groups: ClassVar[tuple[str, ...]] = ("loss", "loss + gradient")

    def __init__(self) -> None:
        self.threads = 1

    @classmethod
    def installed(cls) -> bool:
        return find_spec(cls.module) is not None

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
        return {"version": str(self.library.__version__)}

    @abstractmethod
    def loss(self, logits: Floats, labels: Labels, eps: float) -> Loss: ...

    @abstractmethod
    def loss_and_gradient(self, logits: Floats, labels: Labels, eps: float) -> LossAndGradient: ...


class Smoothxent(Contender):
    name = "smoothxent"
    module = "smoothxent"

    def pin(self, threads: int) -> int:
        return threads

    def details(self) -> dict[str, str]:
        isa = os.environ.get("SMOOTHXENT_ISA") or self.library.available_isas()[-1]
        return super().details() | {"instruction_set": isa}

    def loss(self, logits: Floats, labels: Labels, eps: float) -> Loss:
        call, threads = self.library.cross_entropy, self.threads
        return lambda: call(logits, labels, label_smoothing=eps, num_threads=threads)

    def loss_and_gradient(self, logits: Floats, labels: Labels, eps: float) -> LossAndGradient:
        call, threads = self.library.cross_entropy_and_grad, self.threads
        return lambda: call(logits, labels, label_smoothing=eps, num_threads=threads)


class SmoothxentReusing(Smoothxent):
    """With `grad_out`: no fresh N x C array, so no page faults. The peers have no such argument."""

    name = "smoothxent grad_out"
    groups = ("loss + gradient",)

    def loss_and_gradient(self, logits: Floats, labels: Labels, eps: float) -> LossAndGradient:
        call, threads = self.library.cross_entropy_and_grad, self.threads
        grad = self._grad_like(logits)
        return lambda: call(
            logits, labels, label_smoothing=eps, grad_out=grad, num_threads=threads
        )

    def _grad_like(self, logits: Floats) -> Floats:
        """One array serves all copies of the inputs, as it would in a training loop."""
        grad: Floats | None = getattr(self, "_grad", None)
        if grad is None or grad.shape != logits.shape or grad.dtype != logits.dtype:
            grad = self._grad = np.zeros_like(logits)
        return grad


class NumPy(Contender):
    name = "NumPy"
    module = "numpy"

    def loss(self, logits: Floats, labels: Labels, eps: float) -> Loss:
        return lambda: numpy_loss(logits, labels, eps)

    def loss_and_gradient(self, logits: Floats, labels: Labels, eps: float) -> LossAndGradient:
        return lambda: numpy_loss_and_gradient(logits, labels, eps)


class SciPy(Contender):
    name = "SciPy"
    module = "scipy"
    groups = ("loss",)

    def loss(self, logits: Floats, labels: Labels, eps: float) -> Loss:
        log_softmax = importlib.import_module("scipy.special").log_softmax

        def call() -> float:
            log_p = log_softmax(logits, axis=1)
            losses = (eps - 1) * log_p[np.arange(len(labels)), labels]
            if eps:
                losses -= eps * log_p.mean(axis=1)
            return float(losses.mean())

        return call

    def loss_and_gradient(self, logits: Floats, labels: Labels, eps: float) -> LossAndGradient:
        # Never asked for: `groups` leaves it out.
        raise NotImplementedError("SciPy has no gradient of log_softmax")


class PyTorch(Contender):
    name = "PyTorch"
    module = "torch"

    def pin(self, threads: int) -> int:
        self.library.set_num_threads(threads)
        return int(self.library.get_num_threads())

    def loss(self, logits: Floats, labels: Labels, eps: float) -> Loss:
        torch = self.library
        x, y = torch.from_numpy(logits), torch.from_numpy(labels)
        call = torch.nn.functional.cross_entropy
        return lambda: call(x, y, label_smoothing=eps)

    def loss_and_gradient(self, logits: Floats, labels: Labels, eps: float) -> LossAndGradient:
        torch = self.library
        x, y = torch.from_numpy(logits).requires_grad_(), torch.from_numpy(labels)
        cross_entropy = torch.nn.functional.cross_entropy

        def call() -> tuple[Any, Any]:
            loss = cross_entropy(x, y, label_smoothing=eps)
            return loss.detach(), torch.autograd.grad(loss, x)[0]

        return call


def default_threads() -> int:
    """Count the CPUs that this process may run on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


CONTENDERS: tuple[type[Contender], ...] = (Smoothxent, SmoothxentReusing, NumPy, SciPy, PyTorch)
