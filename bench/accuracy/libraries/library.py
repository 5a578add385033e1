"""What is asked of every library, and how a peer's functions answer it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.accuracy.bars import GRADIENT, LOG_SOFTMAX, LOG_SUM_EXP, LOSS, MEAN, SOFTMAX
from bench.accuracy.judge import Results
from bench.accuracy.problems import HALVES, Problem
from bench.accuracy.settings import Setting
from bench.contenders import Contender

THREADS = 1


class Library(ABC):
    """The contender of the benchmarks starts the library and knows its arrays."""

    contender: ClassVar[type[Contender]]

    def __init__(self) -> None:
        self.hold = self.contender()
        self.hold.start(THREADS)
        self.library = self.hold.library

    @abstractmethod
    def results(self, problem: Problem) -> Results:
        """Return all that the library can say about a problem."""


class Peer(Library):
    """A library that computes with arrays of its own, in float32 where logits are narrower."""

    def results(self, problem: Problem) -> Results:
        narrow, logits = problem.logits.dtype, problem.logits
        if problem.dtype in HALVES:
            logits = logits.astype(np.float32)
        x, _ = self.hold.place(logits, problem.labels)
        found = {
            (SOFTMAX, ""): self._numpy(self.softmax(x)).astype(narrow),
            (LOG_SOFTMAX, ""): self._numpy(self.log_softmax(x)).astype(narrow),
            (LOG_SUM_EXP, ""): self._numpy(self.log_sum_exp(x)),
        }
        for setting in problem.settings:
            if not self.takes(setting):
                continue
            losses, grad = self.losses_and_gradient(x, setting)
            over = setting.row_weights().sum().astype(logits.dtype)
            with np.errstate(all="ignore"):
                found[MEAN, setting.name] = self._numpy(self.total(losses)) / over
            found[LOSS, setting.name] = self._numpy(losses)
            found[GRADIENT, setting.name] = self._numpy(grad).astype(narrow)
        return found

    def takes(self, setting: Setting) -> bool:
        return True

    def _numpy(self, array: Any) -> NDArray[Any]:
        return np.asarray(self.hold.to_numpy(array))

    @abstractmethod
    def softmax(self, x: Any) -> Any: ...

    @abstractmethod
    def log_softmax(self, x: Any) -> Any: ...

    @abstractmethod
    def log_sum_exp(self, x: Any) -> Any: ...

    @abstractmethod
    def losses_and_gradient(self, x: Any, setting: Setting) -> tuple[Any, Any]:
        """Return the loss of each row, and the gradient of their sum."""

    @abstractmethod
    def total(self, losses: Any) -> Any: ...


def targets(setting: Setting, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the table of targets that a user would write, in float64."""
    options, labels = setting.options, setting.labels
    eps = options.get("label_smoothing", 0.0)
    if setting.has_probabilities:
        table = (1 - eps) * labels
    else:
        table = np.zeros(shape)
        table[np.arange(len(labels)), np.where(setting.kept(), labels, 0)] = 1 - eps
    table += eps * options.get("prior", 1 / shape[1])
    table *= options.get("class_weight", 1.0)
    return np.asarray(table * row_weights(setting)[:, None])


def row_weights(setting: Setting) -> NDArray[np.float64]:
    weights = setting.options.get("sample_weight", np.ones(len(setting.labels)))
    return np.asarray(setting.kept() * weights, np.float64)
