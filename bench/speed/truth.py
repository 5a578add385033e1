"""Loss and gradient in float64, and the errors of results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.peers.peer import Floats, Labels


@dataclass(frozen=True)
class Truth:
    """The mean loss of all rows, and the gradient of the rows in `rows`, in float64."""

    loss: float
    rows: Labels
    grad: NDArray[np.float64]


def _blocks(num_rows: int, num_classes: int) -> Iterator[slice]:
    step = max(1, 2**18 // num_classes)
    return (slice(start, start + step) for start in range(0, num_rows, step))


def float64_truth(logits: Floats, labels: Labels, eps: float, num_grad_rows: int = 17) -> Truth:
    """Evaluate the textbook formula in float64, a few rows at a time to save memory."""
    num_rows, num_classes = logits.shape
    losses = np.empty(num_rows)
    for block in _blocks(num_rows, num_classes):
        losses[block] = -(
            _smoothed(labels[block], num_classes, eps) * _log_softmax(logits[block])
        ).sum(axis=1)
    rows = np.unique(np.linspace(0, num_rows - 1, num_grad_rows).astype(np.int64))
    grad = np.exp(_log_softmax(logits[rows])) - _smoothed(labels[rows], num_classes, eps)
    return Truth(float(losses.mean()), rows, grad / num_rows)


def _log_softmax(logits: Floats) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _smoothed(labels: Labels, num_classes: int, eps: float) -> NDArray[np.float64]:
    table = np.full((len(labels), num_classes), eps / num_classes)
    table[np.arange(len(labels)), labels] += 1 - eps
    return table


def loss_error(loss: float, truth: Truth) -> float:
    """Return the relative error of the mean loss."""
    return abs(loss - truth.loss) / abs(truth.loss)


def gradient_error(grad: Floats, truth: Truth, num_rows: int) -> float:
    """Return the largest error of the sampled rows, in units of 1 / N."""
    return float(np.abs(np.asarray(grad)[truth.rows] - truth.grad).max()) * num_rows
