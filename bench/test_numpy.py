"""The package against the NumPy reference and a plain read of the logits, by pytest-benchmark.

pytest bench/test_numpy.py --benchmark-group-by=param:shape
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import smoothxent

SHAPES = [(1, 10), (100_000, 3), (100_000, 10), (20_000, 100), (8192, 1000), (256, 128_256)]
SMOOTHING = 0.1


def numpy_reference(x: Any, y: Any) -> float:
    shifted = x - x.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    nll = -log_p[np.arange(len(y)), y]
    return float(((1 - SMOOTHING) * nll - SMOOTHING * log_p.mean(axis=1)).mean())


def package(x: Any, y: Any) -> float:
    return float(smoothxent.cross_entropy(x, y, label_smoothing=SMOOTHING))


def plain_read(x: Any, y: Any) -> float:
    return float(x.sum())


@pytest.mark.parametrize("function", [package, numpy_reference, plain_read])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "{:,} x {:,}".format(*shape))
def test_mean_loss(benchmark: Any, shape: tuple[int, int], function: Callable[..., float]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 3, shape).astype(np.float32), rng.integers(0, shape[1], shape[0])
    result = benchmark(function, x, y)
    if function is not plain_read:
        assert result == pytest.approx(numpy_reference(x.astype(np.float64), y), rel=1e-5)
