"""Calls that transform half-precision logits: the logits are widened block by block.

A transformed logit is a float32, which the kernel builds for 2-byte types can't hold. So the
float32 build computes these calls, some rows at a time, in a block that stays in the caches. The
totals of the blocks are exact, so they add up to the totals of one call.
"""

import math
from collections.abc import Iterator
from types import EllipsisType
from typing import NamedTuple

from smoothxent._arguments.arrays import AnyArray, FloatArray
from smoothxent._arguments.half import HALVES, TypedArray, narrow
from smoothxent._arguments.options import Targets, Transforms
from smoothxent._kernel import builds
from smoothxent._kernel.protocol import NUM_KEPT, NUM_ROWS, PLACES, WEIGHT, Count, Kernel

_BLOCK = 1 << 18  # logits at a time (1 MiB), at least one row


class Block(NamedTuple):
    """Some rows of a call, as indices for arrays of each layout."""

    rows: slice  # for an array with one entry for each row
    of_labels: tuple[slice | EllipsisType, ...]  # for (outer, inner) or (outer,)
    of_logits: tuple[slice | EllipsisType, ...]  # for (outer, C, inner) or (outer, C)


WHOLE = Block(slice(0, None), (...,), (...,))


def targets_of_rows(targets: Targets, rows: slice) -> Targets:
    """Return the targets of some rows of a call."""
    label_smoothing, prior, class_weight, sample_weight, ignore_index = targets
    if sample_weight is not None:
        sample_weight = sample_weight[rows]
    return label_smoothing, prior, class_weight, sample_weight, ignore_index


def is_needed(dtype_name: str, transforms: Transforms | None) -> bool:
    """Whether the build for this dtype can't hold the transformed logits."""
    return transforms is not None and dtype_name in HALVES and transforms[:2] != (0.0, 1.0)


def blocks(shape: tuple[int, ...]) -> Iterator[Block]:
    """Cut the rows of logits of this shape into blocks, in order; at least one."""
    num_outer, num_classes, *rest = shape
    num_inner = math.prod(rest)
    each = max(1, _BLOCK // max(1, num_classes))
    step = max(1, each // max(1, num_inner))
    for first in range(0, max(1, num_outer), step):
        outer = slice(first, min(first + step, num_outer))
        for start in range(0, max(1, num_inner), each):  # only once if `step` outer rows fit
            stop = min(start + each, num_inner)
            begin = first * num_inner + start
            rows = slice(begin, max(begin, (outer.stop - 1) * num_inner + stop))
            inner = (slice(start, stop),) if rest else ()
            yield Block(rows, (outer, *inner), (outer, slice(None), *inner))


def kernel_for(dtype_name: str, transforms: Transforms | None) -> Kernel:
    """Return the build of the kernel for the blocks of `wide_blocks`."""
    return builds.kernel("float32" if is_needed(dtype_name, transforms) else dtype_name)


def wide_blocks(
    dtype_name: str, transforms: Transforms | None, logits: AnyArray
) -> Iterator[tuple[Block, FloatArray]]:
    """Yield the rows of a call in blocks for the kernel: one block unless widening is needed."""
    if not is_needed(dtype_name, transforms):
        yield WHOLE, logits
        return
    for block in blocks(logits.shape):
        yield block, TypedArray(logits[block.of_logits], dtype_name).widened()


def cross_entropy(
    dtype_name: str,
    logits: AnyArray,
    labels: AnyArray,
    targets: Targets,
    transforms: Transforms,
    out: FloatArray | None,
    grad: AnyArray | None,
    grad_divisor: float,
    num_threads: int,
) -> tuple[int, Count, int, float]:
    """Return what the kernel's `cross_entropy` returns, for logits of this half type."""
    kernel = builds.kernel("float32")
    num_rows, num_kept, weight, places, total, special = 0, 0, 0, 0, 0, 0.0
    flat = None if out is None else out.reshape(-1)
    for block, wide in wide_blocks(dtype_name, transforms, logits):
        bad_row, count, block_total, block_special = kernel.cross_entropy(
            wide,
            labels[block.of_logits if labels.ndim == logits.ndim else block.of_labels],
            targets_of_rows(targets, block.rows),
            transforms,
            None if flat is None else flat[block.rows],
            None if grad is None else wide,
            grad_divisor,
            num_threads,
        )
        if bad_row >= 0:
            return block.rows.start + bad_row, (0, 0, 0, 0), 0, 0.0
        if grad is not None:
            narrow(wide, grad[block.of_logits], dtype_name)
        most = max(places, count[PLACES])
        shift, block_shift = most - places, most - count[PLACES]
        weight = (weight << shift) + (count[WEIGHT] << block_shift)
        total = (total << shift) + (block_total << block_shift)
        num_rows, num_kept = num_rows + count[NUM_ROWS], num_kept + count[NUM_KEPT]
        places, special = most, special + block_special
    return -1, (num_rows, num_kept, weight, places), total, special
