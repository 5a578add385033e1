"""Calls with half-precision logits that are to be transformed: widened block by block.

What becomes of such a logit is a float32, for which the builds of the kernel for 2-byte types have
no room. So the float32 build gets them, some rows at a time, in a block that stays in the caches;
the totals of these calls are exact and add up to those of one.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smoothxent import _dispatch, _halves
from smoothxent._checks import HALVES, AnyArray, FloatArray, Transforms
from smoothxent._reductions import Count

_BLOCK = 1 << 18  # logits at a time, at least a row: 1 MiB


class Part(NamedTuple):
    """Some rows, as indices of (outer, C, inner) or (outer, C) arrays and of others."""

    rows: slice  # of an array with one entry for each row
    of_labels: tuple[slice, ...]  # (outer, inner)
    of_logits: tuple[slice, ...]  # with classes


def is_needed(build: str, transforms: Transforms) -> bool:
    """Whether the build for logits of the dtype of this name has no room for what they become."""
    return build in HALVES and transforms[:2] != (0.0, 1.0)


def parts(shape: tuple[int, ...]) -> Iterator[Part]:
    """Cut the rows of logits of this shape into blocks, in order; at least one."""
    num_outer, num_classes, *rest = shape
    num_inner = math.prod(rest)
    each = max(1, _BLOCK // max(1, num_classes))
    step = max(1, each // max(1, num_inner))
    for first in range(0, max(1, num_outer), step):
        outer = slice(first, min(first + step, num_outer))
        for start in range(0, max(1, num_inner), each):  # once where `step` outer rows fit
            stop = min(start + each, num_inner)
            begin = first * num_inner + start
            rows = slice(begin, max(begin, (outer.stop - 1) * num_inner + stop))
            inner = (slice(start, stop),) if rest else ()
            yield Part(rows, (outer, *inner), (outer, slice(None), *inner))


def blocks(
    half: str, logits: AnyArray, labels: AnyArray, sample_weight: NDArray[np.float64] | None
) -> Iterator[tuple[int, FloatArray, AnyArray, NDArray[np.float64] | None]]:
    """Cut a call with class indices: the first row, then the arguments of the kernel."""
    for part in parts(logits.shape):
        weights = None if sample_weight is None else sample_weight[part.rows]
        block = _halves.widened(logits[part.of_logits], half)
        yield part.rows.start, block, labels[part.of_labels], weights


def cross_entropy(
    half: str,
    logits: AnyArray,
    labels: AnyArray,
    label_smoothing: float,
    prior: NDArray[np.float64] | None,
    class_weight: NDArray[np.float64] | None,
    sample_weight: NDArray[np.float64] | None,
    ignore_index: int | None,
    out: FloatArray | None,
    grad: AnyArray | None,
    grad_divisor: float,
    transforms: Transforms,
    num_threads: int,
) -> tuple[int, Count, int, float]:
    """As the kernel's function of this name, of logits of the dtype named `half`."""
    kernel = _dispatch.kernel("float32")
    num_rows, kept, weight, places, total, special = 0, 0, 0, 0, 0, 0.0
    flat = None if out is None else out.reshape(-1)
    for part in parts(logits.shape):
        block = _halves.widened(logits[part.of_logits], half)
        has_classes = labels.ndim == logits.ndim
        bad_row, count, of_losses, of_others = kernel.cross_entropy(
            block,
            labels[part.of_logits if has_classes else part.of_labels],
            label_smoothing,
            prior,
            class_weight,
            None if sample_weight is None else sample_weight[part.rows],
            ignore_index,
            None if flat is None else flat[part.rows],
            None if grad is None else block,
            grad_divisor,
            transforms,
            num_threads,
        )
        if bad_row >= 0:
            return part.rows.start + bad_row, (0, 0, 0, 0), 0, 0.0
        if grad is not None:
            _put(block, grad[part.of_logits], half)
        shift = max(places, count[3])
        weight = (weight << (shift - places)) + (count[2] << (shift - count[3]))
        total = (total << (shift - places)) + (of_losses << (shift - count[3]))
        num_rows, kept, places = num_rows + count[0], kept + count[1], shift
        special += of_others
    return -1, (num_rows, kept, weight, places), total, special


def _put(block: FloatArray, to: AnyArray, half: str) -> None:
    if to.dtype == np.float32:
        to[...] = block
    else:
        _halves.narrow(block, to, half)
