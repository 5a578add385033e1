"""Libraries that take NumPy arrays: smoothxent itself, the NumPy textbook, SciPy."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from bench import contenders
from bench.accuracy.bars import GRADIENT, LOG_SOFTMAX, LOG_SUM_EXP, LOSS, MEAN, SOFTMAX
from bench.accuracy.judge import Results
from bench.accuracy.problems import Problem
from bench.accuracy.settings import Setting

from .library import Library, Peer, targets


class Smoothxent(Library):
    contender = contenders.Smoothxent

    def results(self, problem: Problem) -> Results:
        found: Results = {
            (name, ""): getattr(self.library, name)(problem.logits)
            for name in (SOFTMAX, LOG_SOFTMAX, LOG_SUM_EXP)
        }
        for setting in problem.settings:
            arguments = (problem.logits, setting.labels)
            found[LOSS, setting.name], found[GRADIENT, setting.name] = (
                self.library.cross_entropy_and_grad(*arguments, reduction="none", **setting.options)
            )
            found[MEAN, setting.name] = np.asarray(
                self.library.cross_entropy(*arguments, **setting.options)
            )
        return found


class NumPy(Peer):
    """The textbook: subtract the maximum, exp, sum, log."""

    contender = contenders.NumPy

    def softmax(self, x: Any) -> Any:
        exps = np.exp(x - x.max(axis=1, keepdims=True))
        return exps / exps.sum(axis=1, keepdims=True)

    def log_softmax(self, x: Any) -> Any:
        shifted = x - x.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    def log_sum_exp(self, x: Any) -> Any:
        highest = x.max(axis=1)
        return highest + np.log(np.exp(x - highest[:, None]).sum(axis=1))

    def losses_and_gradient(self, x: Any, setting: Setting) -> tuple[Any, Any]:
        log_p, p = self.log_softmax(x), self.softmax(x)
        table = targets(setting, x.shape).astype(x.dtype)
        if setting.is_plain:
            losses = -log_p[np.arange(len(x)), setting.labels]
        else:
            losses = -(table * log_p).sum(axis=1)
        return losses, table.sum(axis=1, keepdims=True) * p - table

    def total(self, losses: Any) -> Any:
        return losses.sum()


class SciPy(NumPy):
    contender = contenders.SciPy

    def __init__(self) -> None:
        super().__init__()
        self.special = import_module("scipy.special")

    def softmax(self, x: Any) -> Any:
        return self.special.softmax(x, axis=1)

    def log_softmax(self, x: Any) -> Any:
        return self.special.log_softmax(x, axis=1)

    def log_sum_exp(self, x: Any) -> Any:
        return self.special.logsumexp(x, axis=1)
