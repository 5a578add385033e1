"""`evaluate` for dask arrays: one task for each block of rows, and the same bits as one call."""

from __future__ import annotations  # help() shows types by their names

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate, chain, product
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

import smoothxent

try:
    import dask
    import dask.array as da
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'smoothxent.dask needs dask; pip install "smoothxent[dask]"', name=error.name
    ) from error

if TYPE_CHECKING:
    from dask.delayed import Delayed

__all__ = ["evaluate"]

AnyArray: TypeAlias = NDArray[Any]
Chunks: TypeAlias = tuple[tuple[int, ...], ...]
Index: TypeAlias = tuple[int, ...]
Options: TypeAlias = dict[str, Any]

# An evaluation has some kilobytes, so a small number of tasks matters more than their size.
ADDED_AT_ONCE = 16
# The indices in the text of an error, as in "labels[3, 17] = 1000".
ENTRY = re.compile(r"(?<=\[)[0-9]+(?:, [0-9]+)*(?=\] = )")


class BlockPosition(NamedTuple):
    """The index of a block, and its first row in the whole array (None if sizes are unknown)."""

    block: Index
    first: Index | None


def evaluate(
    logits: da.Array,
    labels: da.Array | ArrayLike,
    *,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
    label_smoothing: float = 0.0,
    prior: ArrayLike | None = None,
    class_weight: ArrayLike | None = None,
    sample_weight: da.Array | ArrayLike | None = None,
    ignore_index: int | None = None,
    top_k: Iterable[int] = (1, 5),
    num_bins: int = 15,
    groups: da.Array | ArrayLike | None = None,
    per_class: bool = False,
    axis: int = -1,
    num_threads: int | None = 1,
    compute: bool = True,
) -> smoothxent.Evaluation | Delayed:
    """Return all metrics of dask arrays of logits on labelled rows, with the bits of one call.

    Each block of rows is one task, a call of `smoothxent.evaluate`; a tree of tasks adds up the
    evaluations. dask runs the tasks on its threads, its processes, or the machines of a cluster
    with an active `distributed.Client`.

    Parameters
    ----------
    logits : dask array of float32, float64, float16 or bfloat16, shape (..., C, ...)
        Any chunks. If they split the classes, the array is first rechunked so that blocks hold
        whole rows, with dask's ``array.chunk-size``. Bits of bfloat16 in uint16 are
        ``logits.view(ml_dtypes.bfloat16)``.
    labels : dask array or array_like of any integer dtype
        Class indices in [0, C), with the shape of `logits` without the class axis; rechunked to
        match the rows of `logits`.
    softcap, temperature, z_loss, label_smoothing, prior, class_weight, ignore_index, top_k
        As in `smoothxent.evaluate`.
    num_bins, per_class, axis
        As in `smoothxent.evaluate`.
    sample_weight, groups : dask array or array_like, optional
        A weight, or the id of its group, for each row; rechunked like `labels`. A group may have
        rows in many blocks.
    num_threads : int, optional
        The number of threads of each task, 1 by default, because dask runs several tasks at a time.
        None uses all CPUs that the process may use.
    compute : bool, default True
        If False, return a `dask.delayed.Delayed` of the evaluation, to compute it with others.

    Returns
    -------
    Evaluation or dask.delayed.Delayed
        Equal to ``smoothxent.evaluate(logits.compute(), labels.compute(), ...)``.

    Raises
    ------
    IndexError
        A label that is not `ignore_index` lies outside [0, C); the error names one such row, by its
        index in the whole array.
    TypeError, ValueError
        As in `smoothxent.evaluate`. All errors except those about the values of labels, sample
        weights and groups are raised before any task runs.

    Notes
    -----
    Unknown sizes: blocks with an unknown (nan) number of rows, as from data frames, are not
    rechunked. Labels, sample weights and groups must then have the same number of blocks, and
    errors name the block instead of the row. The number of classes must be known.

    Memory: a task holds its block, and nothing else of the size of logits.

    References
    ----------
    M. Rocklin, "Dask: Parallel Computation with Blocked algorithms and Task Scheduling", 2015.

    Examples
    --------
    >>> import dask.array as da
    >>> import smoothxent.dask
    >>> logits = da.random.default_rng(0).normal(size=(1000, 10), chunks=(300, 4))
    >>> labels = logits.argmax(axis=1)
    >>> smoothxent.dask.evaluate(logits, labels, label_smoothing=0.1).accuracy
    1.0
    """
    logits = da.asarray(logits)
    others = {"sample_weight": sample_weight, "groups": groups}
    of_rows = {"labels": da.asarray(labels)}
    of_rows |= {name: da.asarray(value) for name, value in others.items() if value is not None}
    if isinstance(top_k, Iterable):
        top_k = tuple(top_k)  # an iterator can be read only once
    options: Options = {
        "softcap": softcap,
        "temperature": temperature,
        "z_loss": z_loss,
        "label_smoothing": label_smoothing,
        "prior": prior,
        "class_weight": class_weight,
        "ignore_index": ignore_index,
        "top_k": top_k,
        "num_bins": num_bins,
        "per_class": per_class,
        "axis": axis,
        "num_threads": num_threads,
    }
    _check(logits, of_rows, options)
    class_axis = range(logits.ndim)[axis]
    logits = _with_whole_rows(logits, class_axis)
    chunks = logits.chunks[:class_axis] + logits.chunks[class_axis + 1 :]
    arrays = [logits, *(_with_chunks(name, array, chunks) for name, array in of_rows.items())]

    # Not optimised here: an optimised graph would share no tasks with other collections.
    blocks = [array.to_delayed(optimize_graph=False).ravel() for array in arrays]
    shared = dask.delayed(options)  # sent to each worker once: class weights may be long
    evaluate_block, add = dask.delayed(_evaluate_block), dask.delayed(sum)
    parts = [
        evaluate_block(shared, position, list(of_rows), *block)
        for position, *block in zip(_positions(chunks), *blocks, strict=True)
    ]
    while len(parts) > 1:
        parts = [add(parts[i : i + ADDED_AT_ONCE]) for i in range(0, len(parts), ADDED_AT_ONCE)]
    (whole,) = parts
    return whole.compute() if compute else whole


def _evaluate_block(
    options: Options, position: BlockPosition, names: list[str], *arrays: AnyArray
) -> smoothxent.Evaluation:
    """Evaluate one block: logits, and the arrays with an entry for each row, with their names."""
    logits, *of_rows = arrays
    arguments: Options = dict(zip(names, of_rows, strict=True)) | options
    try:
        return smoothxent.evaluate(logits, **arguments)
    except (IndexError, ValueError) as error:
        raise type(error)(_of_the_whole(str(error), position)) from None


def _of_the_whole(text: str, position: BlockPosition) -> str:
    """Return the text of a block's error with the indices of the whole array."""
    if position.first is None:
        found, semicolon, remedy = text.partition("; ")
        return f"{found} in block {position.block}{semicolon}{remedy}"
    first = position.first

    def moved(entry: re.Match[str]) -> str:
        indices = map(int, entry[0].split(", "))
        return ", ".join(str(i + start) for i, start in zip(indices, first, strict=True))

    return ENTRY.sub(moved, text)


def _positions(chunks: Chunks) -> Iterator[BlockPosition]:
    """Yield the position of each block, in C order."""
    blocks = product(*(range(len(sizes)) for sizes in chunks))
    if any(map(math.isnan, chain(*chunks))):
        return (BlockPosition(block, None) for block in blocks)
    firsts = product(*(accumulate(sizes[:-1], initial=0) for sizes in chunks))
    return map(BlockPosition, blocks, firsts)


def _check(logits: da.Array, of_rows: dict[str, da.Array], options: Options) -> None:
    """Evaluate no rows of these dtypes and number of classes, which raises most errors early."""
    labels = of_rows["labels"]
    if labels.ndim == logits.ndim > 0:
        raise ValueError(
            f"labels must be class indices here, got probabilities of shape {labels.shape}; "
            "take their argmax over the class axis"
        )
    shape = [0] * logits.ndim
    with suppress(IndexError, TypeError):  # no such axis: the call below raises
        shape[options["axis"]] = logits.shape[options["axis"]]
    if math.isnan(sum(shape)):
        raise ValueError(
            "logits must have a known number of classes, got nan; call logits.compute_chunk_sizes()"
        )
    no_rows = (0,) * (logits.ndim - 1)
    smoothxent.evaluate(
        np.zeros_like(logits._meta, shape=shape),
        **{name: np.zeros_like(array._meta, shape=no_rows) for name, array in of_rows.items()},
        **options,
    )


def _with_whole_rows(logits: da.Array, class_axis: int) -> da.Array:
    """Return the logits in blocks that hold all classes of their rows."""
    if logits.numblocks[class_axis] == 1:
        return logits
    has_sizes = not any(map(math.isnan, logits.shape))
    others = dict.fromkeys(range(logits.ndim), "auto") if has_sizes else {}
    return logits.rechunk(others | {class_axis: -1})


def _with_chunks(name: str, array: da.Array, chunks: Chunks) -> da.Array:
    """Return the array in blocks like those of the rows of logits."""
    shape = tuple(map(sum, chunks))
    has_sizes = not any(map(math.isnan, (*shape, *array.shape)))
    if array.ndim != len(shape) or (has_sizes and array.shape != shape):
        remedy = f"; use {name}.reshape({shape})" if array.size == math.prod(shape) else ""
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}{remedy}")
    if has_sizes and 0 in shape:  # rechunk may leave arrays without rows as they are
        return da.zeros(shape, dtype=array.dtype, chunks=chunks)
    if has_sizes:
        return array.rechunk(chunks)
    num_blocks = tuple(map(len, chunks))
    if array.numblocks != num_blocks:
        raise ValueError(
            f"{name} must have {num_blocks} blocks, as the rows of logits, where sizes are "
            f"unknown, got {array.numblocks}; call compute_chunk_sizes() of both"
        )
    return array
