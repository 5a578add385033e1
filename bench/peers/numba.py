"""numba: the loss as a compiled loop over rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .peer import Call, Floats, Labels, Peer


class Numba(Peer):
    """The loop over rows as in numba's manual: prange, fastmath, two reads of a row in cache."""

    name = "numba"
    module = "numba"

    def pin(self, threads: int) -> int:
        self.library.set_num_threads(threads)
        self._loss, self._loss_and_gradient = _compiled_loops(self.library)
        return int(self.library.get_num_threads())

    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        loss = self._loss
        return [lambda x, y: loss(x, y, eps)]

    def gradient_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        loss_and_gradient = self._loss_and_gradient
        return [lambda x, y: loss_and_gradient(x, y, eps)]


def _compiled_loops(numba: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    prange = numba.prange

    def loss(x: Any, y: Labels, eps: float) -> Any:
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

    # No code is shared with `loss` on purpose: users write each of the two functions by itself.
    def loss_and_gradient(x: Any, y: Labels, eps: float) -> tuple[Any, Floats]:
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

    compiled = numba.njit(parallel=True, fastmath=True)
    return compiled(loss), compiled(loss_and_gradient)
