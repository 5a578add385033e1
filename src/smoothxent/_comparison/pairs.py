"""Pairs of rows of two classifiers with the same label: their measures, and the totals of these."""

import math
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray, FloatArray
from smoothxent._arguments.groups import Groups, chosen
from smoothxent._arguments.half import TypedArray
from smoothxent._arguments.options import Transforms
from smoothxent._comparison.totals import GroupedPairs, Pairs, PairTotals
from smoothxent._kernel import builds
from smoothxent._kernel.threads import thread_count
from smoothxent._loss.row_statistics import row_statistics
from smoothxent._loss.softmax import log_softmax, softmax
from smoothxent._totals.group_sums import Floats

# Logits of a block of rows. Four such arrays in float64 are 4 MB; smaller blocks would make the
# overhead of calls visible. A longer row is a block of its own.
BLOCK = 1 << 17
# Rows of a part, whose measures (65 bytes a row) are kept until they are added to the totals. Parts
# of half the size cost a seventh more time with few classes, to merge the counts for quantiles.
PART = 1 << 16


class Table(NamedTuple):
    """Rows of one classifier (..., C), and the transforms of its logits."""

    logits: TypedArray
    transforms: Transforms | None


class Labelled(NamedTuple):
    """Labels (N,) of the rows, which have been checked, and what belongs to them."""

    labels: AnyArray
    weights: Floats | None
    ignore_index: int | None
    groups: Groups | None

    def kept(self, part: slice) -> NDArray[np.intp]:
        """Return the rows of this part that are not ignored and whose weight is not 0."""
        rows = np.arange(part.start, part.stop)
        if self.ignore_index is not None:
            rows = rows[self.labels[rows] != self.ignore_index]
        if self.weights is not None:
            rows = rows[self.weights[rows] > 0]
        return rows

    def groups_of(self, part: slice, kept: NDArray[np.intp]) -> GroupedPairs | None:
        """Return the groups of all rows of this part, of which these are kept."""
        if self.groups is None:
            return None
        ids, of_rows = chosen(self.groups, part)
        is_counted = slice(None)
        if self.ignore_index is not None:
            is_counted = self.labels[part] != self.ignore_index
        counts = np.bincount(of_rows[is_counted], minlength=len(ids))
        return GroupedPairs(ids, counts, of_rows[kept - part.start])


def pair_totals(
    a: Table, b: Table, rows: Labelled, top_k: tuple[int, ...], num_threads: int | None
) -> PairTotals:
    """Return the totals of the pairs of rows that are not ignored."""
    num_rows, num_classes = len(rows.labels), a.logits.array.shape[-1]
    tables = [
        Table(logits._replace(array=logits.array.reshape(num_rows, num_classes)), transforms)
        for logits, transforms in (a, b)
    ]
    ranks = {k: min(k, num_classes) for k in top_k}
    step = max(1, BLOCK // max(1, num_classes))
    threads = thread_count(num_threads, a.logits.array.size)
    size = max(step, min(PART, -(-num_rows // threads)))
    firsts = range(0, max(1, num_rows), size)  # without rows, one empty part
    parts = [slice(first, min(first + size, num_rows)) for first in firsts]

    def totals_of(part: slice, buffer: Floats) -> PairTotals:
        kept = rows.kept(part)
        pairs = Pairs.empty(len(kept))
        for first in range(0, len(kept), step):
            block = slice(first, first + step)
            _fill(pairs.rows(block), tables, rows.labels, kept[block], buffer)
        weights = None if rows.weights is None else rows.weights[kept]
        return PairTotals.of(pairs, weights, ranks, rows.groups_of(part, kept))

    def total_of(parts: list[slice]) -> PairTotals:
        # For all blocks of a thread: new memory pages would cost more than the computation.
        buffer = np.empty(4 * min(step, num_rows) * num_classes)
        return reduce(add, (totals_of(part, buffer) for part in parts))

    with ThreadPoolExecutor(threads) as pool:
        totals = pool.map(total_of, [parts[i::threads] for i in range(min(threads, len(parts)))])
        return reduce(add, totals)


def _fill(
    pairs: Pairs,
    tables: list[Table],
    labels: AnyArray,
    rows: NDArray[np.intp],
    buffer: Floats,  # (4 N C,)
) -> None:
    """Fill in the measures of one block of up to N rows."""
    shape = 2, len(rows), tables[0].logits.array.shape[-1]  # of a and b
    logits, p = buffer[: 2 * math.prod(shape)].reshape(2, *shape)
    for wide, table in zip(logits, tables, strict=True):
        wide[...] = _transformed(table, rows)
    indices = labels[rows].astype(np.intp)
    statistics = row_statistics(logits, np.stack([indices, indices]), num_threads=1)
    pairs.ranks[...] = np.asarray(statistics.rank)
    softmax(logits, out=p, num_threads=1)
    log_softmax(logits, out=logits, num_threads=1)
    log_p_a, log_p_b = logits
    p_a, p_b = p
    label = np.arange(len(rows)), indices
    nll, p_label = -logits[:, *label], p[:, *label]
    brier_b = _brier(p_b, label)
    spare = p_b  # which has no other use
    *differences, kl = pairs.measures
    with np.errstate(invalid="ignore"):  # inf - inf
        np.subtract(log_p_a, log_p_b, out=spare)
        np.multiply(p_a, spare, out=spare)  # 0 * inf
        divergence = spare.sum(axis=1)
        special = np.isnan(divergence)  # rows that hold nan stay nan
        if special.any():
            logs = log_p_a[special], log_p_b[special]
            divergence[special] = _special_divergence(*logs, p_a[special])
        brier = np.stack([_brier(p_a, label), brier_b])
        of_both = nll, statistics.entropy, statistics.confidence, brier, p_label
        for difference, (of_a, of_b) in zip(differences, of_both, strict=True):
            np.subtract(of_b, of_a, out=difference)
    # Rounding may make the divergence of equal rows slightly negative.
    np.maximum(divergence, 0, out=kl)
    same_class = np.equal(*statistics.argmax)
    np.logical_and(same_class, ~np.isnan(divergence), out=pairs.agrees)


def _transformed(table: Table, rows: NDArray[np.intp]) -> FloatArray:
    """Return logits as `evaluate` transforms them: in float32, or float64 for such logits."""
    logits = table.logits._replace(array=_rows(table.logits.array, rows)).widened()
    if table.transforms is None:
        return logits
    logits = np.array(logits, order="C")
    builds.kernel(logits.dtype.name).transform(logits, table.transforms)
    return logits


def _rows(table: AnyArray, rows: NDArray[np.intp]) -> AnyArray:
    """Return some rows, given in ascending order; a view if they are contiguous."""
    first, end = rows[0], rows[-1] + 1
    return table[first:end] if end - first == len(rows) else table[rows]


def _brier(p: Floats, label: tuple[NDArray[np.intp], NDArray[np.intp]]) -> Floats:
    """Return the Brier score of each row of probabilities, in place of which it puts squares."""
    of_label = (1 - p[label]) ** 2
    np.multiply(p, p, out=p)
    p[label] = of_label
    scores: Floats = p.sum(axis=1)
    return scores


def _special_divergence(a: Floats, b: Floats, p: Floats) -> Floats:
    """Return the divergence of rows of log-probabilities that may contain -inf."""
    gap = np.where(a == -np.inf, 0, a - b)  # classes with probability 0 in a contribute nothing
    ruled_out = gap == np.inf
    divergence = (p * np.where(ruled_out, 0, gap)).sum(axis=1)
    return np.where(ruled_out.any(axis=1), np.inf, divergence)
