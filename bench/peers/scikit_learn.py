"""scikit-learn: the multinomial loss of its estimators, and its metric."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from .evaluations import scikit_learn_evaluation
from .peer import ALL_GROUPS, IGNORED, Array, Call, Floats, Labels, NotOfferedError, Peer

FEW = 10  # most rows whose losses are computed one by one


class ScikitLearn(Peer):
    """The multinomial loss has no smoothing: NumPy adds the term eps (x_y - mean x).

    Labels must have the dtype of the logits; sample weights of 1 / N turn sums into means. The
    metric takes probabilities and returns a mean, so the loss of each row needs a call of its own.
    """

    name = "scikit-learn"
    module = "sklearn"
    groups = ALL_GROUPS

    def pin(self, threads: int) -> int:
        return threads

    def place(self, logits: Floats, labels: Labels) -> tuple[Any, Any]:
        return logits, (labels.astype(logits.dtype), labels)

    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        loss, options = self._loss_of(x).loss, self._options(x)

        def call(x: Floats, y: tuple[Floats, Labels]) -> float:
            return float(loss(y[0], x, **options).sum() + _smoothing(eps, x, y[1]))

        return [call]

    def gradient_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        loss_gradient, options = self._loss_of(x).loss_gradient, self._options(x)
        rows, share = np.arange(len(x)), eps / len(x)

        def call(x: Floats, y: tuple[Floats, Labels]) -> tuple[float, Floats]:
            losses, grad = loss_gradient(y[0], x, **options)
            if eps:
                grad -= share / x.shape[1]
                grad[rows, y[1]] += share
            return float(losses.sum() + _smoothing(eps, x, y[1])), grad

        return [call]

    def evaluations(self, eps: float, x: Any, y: Any) -> list[Call]:
        metrics, special = import_module("sklearn.metrics"), import_module("scipy.special")
        call = scikit_learn_evaluation(metrics, special.softmax, eps)
        return [lambda x, y: call(x, y[1])]

    def _loss_of(self, x: Floats) -> Any:
        return import_module("sklearn._loss").HalfMultinomialLoss(n_classes=x.shape[1])

    def _options(self, x: Floats) -> dict[str, Any]:
        weights = np.full(len(x), 1 / len(x), x.dtype)
        return {"sample_weight": weights, "n_threads": self.threads}

    def losses(self, x: Array, y: Array, eps: float = 0.0) -> Any:
        if eps or len(x) > FEW:  # no smoothing, and many rows would take minutes
            raise NotOfferedError
        return np.array([self._log_loss(x[n : n + 1], y[n : n + 1]) for n in range(len(x))])

    def mean(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        if not ignoring:
            return self._log_loss(x, y)
        kept = y != IGNORED
        return self._log_loss(x, np.where(kept, y, 0), sample_weight=kept.astype(float))

    def _log_loss(self, x: Array, y: Array, **options: Any) -> Any:
        p = import_module("scipy.special").softmax(x, axis=1)
        log_loss = import_module("sklearn.metrics").log_loss
        return log_loss(y, p, labels=range(x.shape[1]), **options)


def _smoothing(eps: float, x: Floats, labels: Labels) -> float:
    if not eps:
        return 0.0
    return float(eps * (x[np.arange(len(x)), labels] - x.mean(axis=1)).mean())
