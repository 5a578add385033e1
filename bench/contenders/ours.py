"""smoothxent, and the limits that the machine sets to it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from bench.cases import EVALUATION, EXP_LIMIT, GRADIENT, GROUPS, LIMITS, READ_LIMIT

from .contender import Call, Contender

TILE = 1024  # classes; what one repetition of the exp limit works on


class Smoothxent(Contender):
    name = "smoothxent"
    module = "smoothxent"
    groups = (*GROUPS, EVALUATION)
    dtypes = ("float32", "float64", "bfloat16", "float16")

    def pin(self, threads: int) -> int:
        return threads

    def details(self) -> dict[str, str]:
        isa = os.environ.get("SMOOTHXENT_ISA") or self.library.available_isas()[-1]
        return super().details() | {"instruction_set": isa}

    def prepare(self, group: str, eps: float, x: Any, y: Any) -> Call:
        if group != EVALUATION:
            return super().prepare(group, eps, x, y)
        call, threads = self.library.evaluate, self.threads
        return lambda x, y: call(x, y, label_smoothing=eps, num_threads=threads).loss

    def loss(self, eps: float, x: Any, y: Any) -> list[Call]:
        call, threads = self.library.cross_entropy, self.threads
        return [lambda x, y: call(x, y, label_smoothing=eps, num_threads=threads)]

    def loss_and_gradient(self, eps: float, x: Any, y: Any) -> list[Call]:
        call, threads = self.library.cross_entropy_and_grad, self.threads
        return [lambda x, y: call(x, y, label_smoothing=eps, num_threads=threads)]


class SmoothxentReusing(Smoothxent):
    """With `grad_out`: no fresh N x C array, so no page faults. The peers have no such argument.

    One array serves all copies of the inputs, as it would in a training loop.
    """

    name = "smoothxent grad_out"
    product = "smoothxent"
    groups = (GRADIENT,)

    def loss_and_gradient(self, eps: float, x: Any, y: Any) -> list[Call]:
        call, threads, grad = self.library.cross_entropy_and_grad, self.threads, np.zeros_like(x)
        return [lambda x, y: call(x, y, label_smoothing=eps, num_threads=threads, grad_out=grad)]


class Limits(Smoothxent):
    """What no loss can beat: a bare sum of the same logits, and exp of logits that lie in L1."""

    name = "limits"
    product = "smoothxent"
    groups = LIMITS

    def prepare(self, group: str, eps: float, x: Any, y: Any) -> Call:
        # A private name of the package: the limits must run on the very registers of the kernel.
        kernel = self.library._kernel.builds.kernel(x.dtype.name)
        threads, num_tiles = self.threads, -(-x.size // TILE)
        return {
            READ_LIMIT: lambda x, y: kernel.read_sum(x, threads),
            EXP_LIMIT: lambda x, y: kernel.exp_sum(num_tiles, threads),
        }[group]
