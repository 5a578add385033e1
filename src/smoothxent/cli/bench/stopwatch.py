"""Timing of one library's loss, which `smoothxent bench` runs in a separate process."""

import json
from collections.abc import Callable
from importlib import import_module
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

import smoothxent

Logits = NDArray[np.float32]
Labels = NDArray[np.int64]
Loss = Callable[[Logits, Labels], float]

LABEL_SMOOTHING = 0.1
FEWEST_CALLS, MOST_CALLS = 3, 10_000


def main(argv: list[str]) -> int:
    """Time LIBRARY on THREADS for SECONDS a shape, ROWSxCLASSES...; print a JSON line for each."""
    library, threads, seconds, *shapes = argv
    loss = LIBRARIES[library](int(threads))
    try:
        for shape in shapes:
            num_rows, num_classes = map(int, shape.split("x"))
            logits, labels = inputs(num_rows, num_classes)
            times = timed(loss, logits, labels, float(seconds))
            facts = {
                "library": library,
                "num_rows": num_rows,
                "num_classes": num_classes,
                "loss": loss(logits, labels),
                "median_s": median(times),
                "min_s": min(times),
            }
            print(json.dumps(facts), flush=True)
    except KeyboardInterrupt:
        return 130
    return 0


def inputs(num_rows: int, num_classes: int) -> tuple[Logits, Labels]:
    """Return logits (normal, times 3) and uniform labels, the same in every process."""
    rng = np.random.default_rng(num_rows * num_classes)
    logits = 3 * rng.standard_normal((num_rows, num_classes), dtype=np.float32)
    return logits, rng.integers(num_classes, size=num_rows)


def timed(loss: Loss, logits: Logits, labels: Labels, seconds: float) -> list[float]:
    """Return the times of calls over this many seconds, after two warm-up calls."""
    loss(logits, labels)
    loss(logits, labels)
    times: list[float] = []
    end = perf_counter() + seconds
    while len(times) < FEWEST_CALLS or (perf_counter() < end and len(times) < MOST_CALLS):
        begin = perf_counter()
        loss(logits, labels)
        times.append(perf_counter() - begin)
    return times


def _smoothxent(threads: int) -> Loss:
    def loss(logits: Logits, labels: Labels) -> float:
        return smoothxent.cross_entropy(
            logits, labels, label_smoothing=LABEL_SMOOTHING, num_threads=threads
        )

    return loss


def _numpy(threads: int) -> Loss:
    """Return the formula as it is commonly written; NumPy has no threads for it."""
    del threads

    def loss(logits: Logits, labels: Labels) -> float:
        shifted = logits - logits.max(axis=1, keepdims=True)
        target = (1 - LABEL_SMOOTHING) * shifted[np.arange(len(labels)), labels]
        target += LABEL_SMOOTHING * shifted.mean(axis=1)
        return float((np.log(np.exp(shifted).sum(axis=1)) - target).mean())

    return loss


def _pytorch(threads: int) -> Loss:
    torch = import_module("torch")
    torch.set_num_threads(threads)
    cross_entropy = torch.nn.functional.cross_entropy

    def loss(logits: Logits, labels: Labels) -> float:
        x, y = torch.from_numpy(logits), torch.from_numpy(labels)
        return float(cross_entropy(x, y, label_smoothing=LABEL_SMOOTHING))

    return loss


LIBRARIES = {"smoothxent": _smoothxent, "NumPy": _numpy, "PyTorch": _pytorch}
