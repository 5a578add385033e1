"""Pairs of rows of two classifiers with the same label: differences of nll, KL divergences."""

from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray, FloatArray
from smoothxent._arguments.half import Numbers
from smoothxent._arguments.options import Transforms
from smoothxent._comparison.pair_metrics import Pairs
from smoothxent._kernel import builds
from smoothxent._kernel.threads import thread_count
from smoothxent._loss.softmax import log_softmax, softmax

# Logits of a block of rows. Four such arrays in float64 stay in the cache, and smaller blocks would
# make the overhead of calls visible. A longer row is a block of its own.
BLOCK = 1 << 16


class Table(NamedTuple):
    """Rows of one classifier (N, C), and the transforms of its logits."""

    logits: Numbers
    transforms: Transforms | None


def pairs_of(
    a: Table, b: Table, labels: AnyArray, ignore_index: int | None, num_threads: int | None
) -> Pairs:
    """Compare the pairs of rows (..., C) that are not ignored; labels have been checked."""
    indices = labels.reshape(-1)
    kept = np.arange(len(indices))
    if ignore_index is not None:
        kept = np.flatnonzero(indices != ignore_index)
    num_classes = a.logits.array.shape[-1]
    shape = len(indices), num_classes
    logits = [each.logits._replace(array=each.logits.array.reshape(shape)) for each in (a, b)]
    pairs = Pairs(np.empty(len(kept)), np.empty(len(kept)), np.empty(len(kept), np.bool_))
    step = max(1, BLOCK // max(1, num_classes))
    blocks = [slice(first, first + step) for first in range(0, len(kept), step)]
    # Buffers are reused for all blocks: new memory pages would cost more than the computation.
    buffers: SimpleQueue[NDArray[np.float64]] = SimpleQueue()
    threads = min(thread_count(num_threads, a.logits.array.size), max(1, len(blocks)))
    for _ in range(threads):
        buffers.put(np.empty((4, min(step, len(kept)), num_classes)))

    def fill(block: slice) -> None:
        rows, buffer = kept[block], buffers.get()
        parts = [
            Table(each._replace(array=_rows(each.array, rows)), table.transforms)
            for each, table in zip(logits, (a, b), strict=True)
        ]
        here = Pairs(pairs.nll_difference[block], pairs.divergence[block], pairs.agrees[block])
        _fill(here, parts, indices[rows], buffer[:, : len(rows)])
        buffers.put(buffer)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(fill, blocks):
            pass
    return pairs


def _rows(table: AnyArray, rows: NDArray[np.intp]) -> AnyArray:
    """Return some rows, given in ascending order; a view if they are contiguous."""
    first, end = rows[0], rows[-1] + 1
    return table[first:end] if end - first == len(rows) else table[rows]


def _fill(pairs: Pairs, parts: list[Table], labels: AnyArray, buffer: NDArray[np.float64]) -> None:
    """Fill in the pairs of one block of rows (N, C); `buffer` is (4, N, C)."""
    a, b, p, gap = buffer
    for wide, part in zip((a, b), parts, strict=True):
        wide[...] = _transformed(part)
    same_top = a.argmax(axis=1) == b.argmax(axis=1)
    softmax(a, out=p, num_threads=1)
    log_softmax(a, out=a, num_threads=1)
    log_softmax(b, out=b, num_threads=1)
    label = np.arange(len(labels)), labels.astype(np.intp)
    with np.errstate(invalid="ignore"):
        np.subtract(a[label], b[label], out=pairs.nll_difference)
        np.subtract(a, b, out=gap)
        np.multiply(p, gap, out=gap)
        divergence = gap.sum(axis=1)
        # 0 * inf and inf - inf; rows that hold nan stay nan.
        special = np.isnan(divergence)
        if special.any():
            divergence[special] = _special_divergence(a[special], b[special], p[special])
    # Rounding may make the divergence of equal rows slightly negative.
    np.maximum(divergence, 0, out=pairs.divergence)
    np.logical_and(same_top, ~np.isnan(divergence), out=pairs.agrees)


def _transformed(table: Table) -> FloatArray:
    """Return the logits as `evaluate` transforms them: in float32, or float64 for such logits."""
    logits = table.logits.widened()
    if table.transforms is None:
        return logits
    logits = np.array(logits, order="C")
    builds.kernel(logits.dtype.name).transform(logits, table.transforms)
    return logits


def _special_divergence(
    a: NDArray[np.float64], b: NDArray[np.float64], p: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the divergence of rows of log-probabilities that may contain -inf."""
    gap = np.where(a == -np.inf, 0, a - b)  # classes with probability 0 in a contribute nothing
    ruled_out = gap == np.inf
    divergence = (p * np.where(ruled_out, 0, gap)).sum(axis=1)
    return np.where(ruled_out.any(axis=1), np.inf, divergence)
