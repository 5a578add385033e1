"""Pairs of rows of logits for the same label: how far apart two classifiers are on each."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from smoothxent import _arrays, _threads
from smoothxent._checks import AnyArray
from smoothxent._pair_metrics import Pairs
from smoothxent._softmax import log_softmax, softmax

# Logits of a block of rows in float64, three arrays of which stay in the second-level cache. Rows
# that are longer are blocks of their own.
BLOCK = 1 << 15


class Logits(NamedTuple):
    """Logits of one classifier, and the build of the kernel that takes them."""

    array: AnyArray
    build: np.dtype[Any] | str


def of(
    a: Logits, b: Logits, labels: AnyArray, ignore_index: int | None, num_threads: int | None
) -> Pairs:
    """Return what is said of the pairs of rows (..., C) whose valid label is not ignored."""
    indices = labels.reshape(-1)
    kept = np.arange(len(indices))
    if ignore_index is not None:
        kept = np.flatnonzero(indices != ignore_index)
    num_classes = a.array.shape[-1]
    tables = [Logits(x.array.reshape(len(indices), num_classes), x.build) for x in (a, b)]
    pairs = Pairs(np.empty(len(kept)), np.empty(len(kept)), np.empty(len(kept), np.bool_))
    step = max(1, BLOCK // max(1, num_classes))
    blocks = [slice(first, first + step) for first in range(0, len(kept), step)]
    with ThreadPoolExecutor(_threads.resolve(num_threads, a.array.size)) as pool:
        for _ in pool.map(partial(_fill, pairs, tables, indices, kept), blocks):
            pass
    return pairs


def _fill(
    pairs: Pairs, tables: list[Logits], indices: AnyArray, kept: NDArray[np.intp], block: slice
) -> None:
    """Fill in one block of the rows that are kept."""
    rows = kept[block]
    a, b = (_wide(table.array[rows], table.build) for table in tables)
    same_top = a.argmax(axis=1) == b.argmax(axis=1)
    p = softmax(a, num_threads=1)
    log_softmax(a, out=a, num_threads=1)
    log_softmax(b, out=b, num_threads=1)
    label = np.arange(len(rows)), indices[rows].astype(np.intp)
    with np.errstate(invalid="ignore"):
        pairs.nll_difference[block] = a[label] - b[label]
        gap = a - b
        divergence = (p * gap).sum(axis=1)
        # 0 * inf and inf - inf; other rows that hold nan stay so.
        special = np.isnan(divergence)
        if special.any():
            divergence[special] = _special_divergence(a[special], b[special], p[special])
    # Rounding may leave a little less than 0 where both are the same.
    pairs.divergence[block] = np.maximum(divergence, 0)
    pairs.agrees[block] = same_top & ~np.isnan(divergence)


def _special_divergence(
    a: NDArray[np.float64], b: NDArray[np.float64], p: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the divergence of rows of log-probabilities that -inf may stand among."""
    gap = np.where(a == -np.inf, 0, a - b)  # classes of no probability in a count nothing
    ruled_out = gap == np.inf
    divergence = (p * np.where(ruled_out, 0, gap)).sum(axis=1)
    return np.where(ruled_out.any(axis=1), np.inf, divergence)


def _wide(block: AnyArray, build: np.dtype[Any] | str) -> NDArray[np.float64]:
    """Return logits in float64."""
    if build == "bfloat16":
        block = _arrays.widened(block.view(np.uint16))
    elif build == "float16":
        block = block.view(np.float16)
    return block.astype(np.float64)
