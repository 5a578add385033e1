"""The textbook formula in NumPy, and the same with SciPy's functions."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from .evaluations import numpy_evaluation
from .peer import ALL_DTYPES, ALL_GROUPS, IGNORED, LOSS, Array, Call, Floats, Labels, Peer
from .setting import Setting, targets


class NumPy(Peer):
    """The textbook: subtract the maximum, exp, sum, log; select the label; drop ignored rows."""

    name = "NumPy"
    module = "numpy"
    groups: ClassVar[tuple[str, ...]] = ALL_GROUPS
    dtypes: ClassVar[tuple[str, ...]] = ALL_DTYPES

    def evaluations(self, eps: float, x: Any, y: Any) -> list[Call]:
        return [_widened(numpy_evaluation, eps, x)]

    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        return [_widened(numpy_loss, eps, x)]

    def gradient_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        return [_widened(numpy_loss_and_gradient, eps, x)]

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

    def losses(self, x: Array, y: Array, eps: float = 0.0) -> Any:
        log_p = self.log_softmax(x)
        losses = -log_p[np.arange(len(y)), y]
        return (1 - eps) * losses - eps * log_p.mean(axis=1) if eps else losses

    def mean(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        kept = y != IGNORED if ignoring else slice(None)
        return self.losses(x[kept], y[kept]).mean()

    def gradient(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        rows = np.flatnonzero(y != IGNORED) if ignoring else np.arange(len(y))
        grad = np.zeros_like(x)
        grad[rows] = np.exp(self.log_softmax(x[rows]))
        grad[rows, y[rows]] -= 1
        return grad / x.dtype.type(len(rows))


class SciPy(NumPy):
    name = "SciPy"
    module = "scipy"
    groups = (LOSS,)
    dtypes = Peer.dtypes

    def start(self, threads: int, *, by_default: bool = False) -> None:
        super().start(threads, by_default=by_default)
        self.special = import_module("scipy.special")

    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        log_softmax, rows = self.special.log_softmax, np.arange(len(y))

        def call(x: Floats, y: Labels) -> float:
            log_p = log_softmax(x, axis=1)
            losses = (eps - 1) * log_p[rows, y]
            if eps:
                losses -= eps * log_p.mean(axis=1)
            return float(losses.mean())

        return [call]

    def softmax(self, x: Any) -> Any:
        return self.special.softmax(x, axis=1)

    def log_softmax(self, x: Any) -> Any:
        return self.special.log_softmax(x, axis=1)

    def log_sum_exp(self, x: Any) -> Any:
        return self.special.logsumexp(x, axis=1)


def _widened(formula: Any, eps: float, x: Floats) -> Call:
    """Return half types in float32: NumPy has no native half arithmetic, so this is faster."""
    if x.dtype.itemsize > 2:
        return lambda x, y: formula(x, y, eps)
    return lambda x, y: formula(x.astype(np.float32), y, eps)


def numpy_loss(logits: Floats, labels: Labels, eps: float) -> float:
    """Return the mean loss, as fast as NumPy allows: exp reuses the only N x C temporary."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    target = (1 - eps) * shifted[np.arange(len(labels)), labels]
    if eps:
        target += eps * shifted.mean(axis=1)
    log_sum_exp = np.log(np.exp(shifted, out=shifted).sum(axis=1))
    return float((log_sum_exp - target).mean())


def numpy_loss_and_gradient(logits: Floats, labels: Labels, eps: float) -> tuple[float, Floats]:
    """Return the mean loss and (softmax - q') / N, which reuses the only N x C temporary."""
    num_rows, num_classes = logits.shape
    rows = np.arange(num_rows)
    grad = logits - logits.max(axis=1, keepdims=True)
    target = (1 - eps) * grad[rows, labels]
    if eps:
        target += eps * grad.mean(axis=1)
    sum_exp = np.exp(grad, out=grad).sum(axis=1, keepdims=True)
    grad /= sum_exp * num_rows
    if eps:
        grad -= eps / num_classes / num_rows
    grad[rows, labels] -= (1 - eps) / num_rows
    return float((np.log(sum_exp[:, 0]) - target).mean()), grad
