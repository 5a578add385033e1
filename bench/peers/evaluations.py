"""An evaluation as users of other libraries write it: a mean of each metric, the loss first."""

from __future__ import annotations

from typing import Any

import numpy as np

from .peer import Call, Floats, Labels

BINS, TOP = 15, 5
METRICS = "loss", "accuracy", "top_5", "entropy", "confidence", "brier", "calibration_error"


def numpy_evaluation(logits: Floats, labels: Labels, eps: float) -> tuple[float, ...]:
    """Return METRICS; one table for log p and one for p."""
    log_p = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(log_p)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    log_p -= np.log(total)
    own = logits[np.arange(len(labels)), labels, np.newaxis]
    ranks = np.count_nonzero(logits > own, axis=1)
    accuracies = np.mean(logits.argmax(axis=1) == labels), np.mean(ranks < TOP)
    return _metrics(p, log_p, labels, eps, *accuracies)


def _metrics(p: Floats, log_p: Floats, y: Labels, eps: float, *accuracies: Any) -> tuple[Any, ...]:
    rows, top = np.arange(len(y)), p.argmax(axis=1)
    confidence = p[rows, top]
    bins = np.minimum((confidence * BINS).astype(np.intp), BINS - 1)
    gaps = np.bincount(bins, (top == y) - confidence, BINS)
    return (
        (eps - 1) * log_p[rows, y].mean() - eps * log_p.mean(),
        *accuracies,
        -np.einsum("nc,nc->n", p, log_p).mean(),
        confidence.mean(),
        (np.einsum("nc,nc->n", p, p) - 2 * p[rows, y] + 1).mean(),
        np.abs(gaps).sum() / len(y),
    )


def torch_evaluation(torch: Any, eps: float) -> Call:
    """Return METRICS of tensors."""

    def call(x: Any, y: Any) -> tuple[Any, ...]:
        log_p = torch.log_softmax(x, 1, dtype=torch.promote_types(x.dtype, torch.float32))
        p, label = log_p.exp(), y[:, None]
        own, p_own = log_p.gather(1, label)[:, 0], p.gather(1, label)[:, 0]
        confidence, top = p.max(1)
        hits = (top == y).to(p.dtype)
        bins = (confidence * BINS).long().clamp(max=BINS - 1)
        gaps = torch.zeros(BINS, dtype=p.dtype).index_add_(0, bins, hits - confidence)
        below = (log_p > own[:, None]).sum(1)
        return (
            (eps - 1) * own.mean() - eps * log_p.mean(),
            hits.mean(),
            (below < TOP).to(p.dtype).mean(),
            -(p * log_p).sum(1).mean(),
            confidence.mean(),
            ((p * p).sum(1) - 2 * p_own + 1).mean(),
            gaps.abs().sum() / len(y),
        )

    return call


def torchmetrics_evaluation(torch: Any, functional: Any, eps: float) -> Call:
    """Return METRICS of tensors; torchmetrics has three of them."""

    def call(x: Any, y: Any) -> tuple[Any, ...]:
        classes = x.shape[1]
        kinds = {"num_classes": classes, "validate_args": False}
        p = torch.softmax(x, 1)
        log_p = torch.log_softmax(x, 1)
        one_hot = torch.nn.functional.one_hot(y, classes)
        return (
            torch.nn.functional.cross_entropy(x, y, label_smoothing=eps),
            functional.multiclass_accuracy(p, y, average="micro", **kinds),
            functional.multiclass_accuracy(p, y, average="micro", top_k=min(TOP, classes), **kinds),
            -(p * log_p).sum(1).mean(),
            p.max(1).values.mean(),
            ((p - one_hot) ** 2).sum(1).mean(),
            functional.multiclass_calibration_error(p, y, n_bins=BINS, **kinds),
        )

    return call


def scikit_learn_evaluation(metrics: Any, softmax: Any, eps: float) -> Call:
    """Return METRICS; of scikit-learn the accuracies: its log_loss would clip p."""

    def call(x: Floats, y: Labels) -> tuple[float, ...]:
        p, classes = softmax(x, axis=1), np.arange(x.shape[1])
        accuracy, top_5 = metrics.accuracy_score(y, p.argmax(axis=1)), 1.0
        if len(classes) > TOP:
            top_5 = metrics.top_k_accuracy_score(y, p, k=TOP, labels=classes)
        return _metrics(p, np.log(p), y, eps, accuracy, top_5)

    return call
