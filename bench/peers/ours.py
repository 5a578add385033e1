"""smoothxent, and the loss in plain Cython."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from .evaluations import TOP
from .peer import (
    ALL_DTYPES,
    ALL_GROUPS,
    GRADIENT,
    IGNORED,
    LOSS,
    Array,
    Call,
    Floats,
    Labels,
    Peer,
)
from .setting import Setting


class Smoothxent(Peer):
    name = "smoothxent"
    module = "smoothxent"
    groups: ClassVar[tuple[str, ...]] = ALL_GROUPS
    dtypes = ALL_DTYPES

    def pin(self, threads: int) -> int:
        return threads

    def details(self) -> dict[str, str]:
        isa = os.environ.get("SMOOTHXENT_ISA") or self.library.available_isas()[-1]
        return super().details() | {"instruction_set": isa}

    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        call, threads = self.library.cross_entropy, self.threads
        return [lambda x, y: call(x, y, label_smoothing=eps, num_threads=threads)]

    def gradient_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        call, threads = self.library.cross_entropy_and_grad, self.threads
        return [lambda x, y: call(x, y, label_smoothing=eps, num_threads=threads)]

    def evaluations(self, eps: float, x: Any, y: Any) -> list[Call]:
        evaluate, threads = self.library.evaluate, self.threads

        def call(x: Any, y: Any) -> tuple[float, ...]:
            result = evaluate(x, y, label_smoothing=eps, num_threads=threads)
            metrics = result.entropy, result.confidence, result.brier, result.calibration_error
            return result.loss, result.accuracy, result.top_k[TOP], *metrics

        return [call]

    def softmax(self, x: Any) -> Any:
        return self.library.softmax(x)

    def log_softmax(self, x: Any) -> Any:
        return self.library.log_softmax(x)

    def log_sum_exp(self, x: Any) -> Any:
        return self.library.log_sum_exp(x)

    def losses_and_gradient(self, x: Any, setting: Setting) -> tuple[Any, Any]:
        call = self.library.cross_entropy_and_grad
        losses, grad = call(x, setting.labels, reduction="none", **setting.options)
        return losses, grad

    def mean_of(self, losses: Any, x: Any, setting: Setting) -> Any:
        """Return smoothxent's own mean, which has all options and accepts half types."""
        return self.library.cross_entropy(x, setting.labels, **setting.options)

    def losses(self, x: Array, y: Array, eps: float = 0.0) -> Any:
        return self.library.cross_entropy(
            x, y, label_smoothing=eps, reduction="none", num_threads=self.threads
        )

    def mean(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        return self.library.cross_entropy(x, y, **self._options(ignoring))

    def gradient(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        return self.library.cross_entropy_and_grad(x, y, **self._options(ignoring))[1]

    def _options(self, ignoring: bool) -> dict[str, Any]:
        return {"num_threads": self.threads} | ({"ignore_index": IGNORED} if ignoring else {})


class SmoothxentReusing(Smoothxent):
    """smoothxent with `grad_out`: no new N x C array, hence no page faults.

    One array is used for all copies of the inputs, as in a training loop. The other libraries have
    no such argument.
    """

    name = "smoothxent grad_out"
    product = "smoothxent"
    groups = (GRADIENT,)

    def gradient_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        call, threads, grad = self.library.cross_entropy_and_grad, self.threads, np.zeros_like(x)
        return [lambda x, y: call(x, y, label_smoothing=eps, num_threads=threads, grad_out=grad)]


class PlainCython(Peer):
    """ext/reference.pyx, a straightforward loop in Cython: prange, two reads of each row."""

    name = "plain Cython"
    module = product = "smoothxent"
    groups = (LOSS,)

    def pin(self, threads: int) -> int:
        return threads

    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        losses_of = import_module("smoothxent._kernel.reference").cross_entropy
        threads = self.threads

        def call(x: Floats, y: Labels) -> float:
            losses = np.empty(len(y))
            losses_of(x, y, eps, losses, threads)
            return float(losses.mean())

        return [call]
