"""What takes NumPy arrays: NumPy itself, SciPy, scikit-learn, numba, plain Cython."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np

from bench.cases import LOSS
from bench.reference import Floats, Labels, numpy_loss, numpy_loss_and_gradient

from .contender import Call, Contender


class NumPy(Contender):
    name = "NumPy"
    module = "numpy"
    dtypes = ("float32", "float64", "bfloat16", "float16")

    def loss(self, eps: float, x: Any, y: Any) -> list[Call]:
        return [self._widened(numpy_loss, eps, x)]

    def loss_and_gradient(self, eps: float, x: Any, y: Any) -> list[Call]:
        return [self._widened(numpy_loss_and_gradient, eps, x)]

    @staticmethod
    def _widened(formula: Any, eps: float, x: Floats) -> Call:
        """NumPy has no arithmetic of its own for the half types: widening first is faster."""
        if x.dtype.itemsize > 2:
            return lambda x, y: formula(x, y, eps)
        return lambda x, y: formula(x.astype(np.float32), y, eps)


class SciPy(Contender):
    name = "SciPy"
    module = "scipy"
    groups = (LOSS,)

    def loss(self, eps: float, x: Any, y: Any) -> list[Call]:
        log_softmax, rows = import_module("scipy.special").log_softmax, np.arange(len(y))

        def call(x: Floats, y: Labels) -> float:
            log_p = log_softmax(x, axis=1)
            losses = (eps - 1) * log_p[rows, y]
            if eps:
                losses -= eps * log_p.mean(axis=1)
            return float(losses.mean())

        return [call]


class ScikitLearn(Contender):
    """Its multinomial loss has no smoothing: NumPy adds the term eps (x_y - mean x).

    Labels are of the logits' dtype, as it demands; sample weights of 1 / N make sums means.
    """

    name = "scikit-learn"
    module = "sklearn"

    def pin(self, threads: int) -> int:
        return threads

    def place(self, logits: Floats, labels: Labels) -> tuple[Any, Any]:
        return logits, (labels.astype(logits.dtype), labels)

    def loss(self, eps: float, x: Any, y: Any) -> list[Call]:
        loss, options = self._loss_of(x).loss, self._options(x)

        def call(x: Floats, y: tuple[Floats, Labels]) -> float:
            return float(loss(y[0], x, **options).sum() + _smoothing(eps, x, y[1]))

        return [call]

    def loss_and_gradient(self, eps: float, x: Any, y: Any) -> list[Call]:
        loss_gradient, options = self._loss_of(x).loss_gradient, self._options(x)
        rows, share = np.arange(len(x)), eps / len(x)

        def call(x: Floats, y: tuple[Floats, Labels]) -> tuple[float, Floats]:
            losses, grad = loss_gradient(y[0], x, **options)
            if eps:
                grad -= share / x.shape[1]
                grad[rows, y[1]] += share
            return float(losses.sum() + _smoothing(eps, x, y[1])), grad

        return [call]

    def _loss_of(self, x: Floats) -> Any:
        return import_module("sklearn._loss").HalfMultinomialLoss(n_classes=x.shape[1])

    def _options(self, x: Floats) -> dict[str, Any]:
        weights = np.full(len(x), 1 / len(x), x.dtype)
        return {"sample_weight": weights, "n_threads": self.threads}


def _smoothing(eps: float, x: Floats, labels: Labels) -> float:
    if not eps:
        return 0.0
    return float(eps * (x[np.arange(len(x)), labels] - x.mean(axis=1)).mean())


class PlainCython(Contender):
    """ext/reference.pyx, the kernel as a newcomer would write it: prange, two reads of a row."""

    name = "plain Cython"
    module = product = "smoothxent"
    groups = (LOSS,)

    def pin(self, threads: int) -> int:
        return threads

    def loss(self, eps: float, x: Any, y: Any) -> list[Call]:
        losses_of = import_module("smoothxent._kernel.reference").cross_entropy
        threads = self.threads

        def call(x: Floats, y: Labels) -> float:
            losses = np.empty(len(y))
            losses_of(x, y, eps, losses, threads)
            return float(losses.mean())

        return [call]


class Numba(Contender):
    """The loop over rows that its manual teaches: prange, fastmath, two reads of a row in cache."""

    name = "numba"
    module = "numba"

    def pin(self, threads: int) -> int:
        self.library.set_num_threads(threads)
        self._loss, self._loss_and_gradient = _compiled_loops(self.library)
        return int(self.library.get_num_threads())

    def loss(self, eps: float, x: Any, y: Any) -> list[Call]:
        loss = self._loss
        return [lambda x, y: loss(x, y, eps)]

    def loss_and_gradient(self, eps: float, x: Any, y: Any) -> list[Call]:
        loss_and_gradient = self._loss_and_gradient
        return [lambda x, y: loss_and_gradient(x, y, eps)]


def _compiled_loops(numba: Any) -> tuple[Call, Call]:
    prange = numba.prange

    @numba.njit(parallel=True, fastmath=True)
    def loss(x: Floats, y: Labels, eps: float) -> float:
        num_rows, num_classes = x.shape
        total = 0.0
        for n in prange(num_rows):
            row = x[n]
            top = row[0]
            for k in range(1, num_classes):
                top = max(top, row[k])
            sum_exp = x.dtype.type(0)
            gaps = x.dtype.type(0)
            for k in range(num_classes):
                gap = row[k] - top
                sum_exp += np.exp(gap)
                gaps += gap
            total += math.log(sum_exp) - (1 - eps) * (row[y[n]] - top) - eps * gaps / num_classes
        return total / num_rows

    # On purpose not in parts shared with `loss`: each is what its user would write alone.
    @numba.njit(parallel=True, fastmath=True)
    def loss_and_gradient(x: Floats, y: Labels, eps: float) -> tuple[float, Floats]:
        num_rows, num_classes = x.shape
        grad = np.empty_like(x)
        total = 0.0
        for n in prange(num_rows):
            row = x[n]
            top = row[0]
            for k in range(1, num_classes):
                top = max(top, row[k])
            sum_exp = x.dtype.type(0)
            gaps = x.dtype.type(0)
            for k in range(num_classes):
                gap = row[k] - top
                grad[n, k] = np.exp(gap)
                sum_exp += grad[n, k]
                gaps += gap
            total += math.log(sum_exp) - (1 - eps) * (row[y[n]] - top) - eps * gaps / num_classes
            scale = x.dtype.type(1 / (sum_exp * num_rows))
            shared = x.dtype.type(eps / num_classes / num_rows)
            for k in range(num_classes):
                grad[n, k] = grad[n, k] * scale - shared
            grad[n, y[n]] -= x.dtype.type((1 - eps) / num_rows)
        return total / num_rows, grad

    return loss, loss_and_gradient
