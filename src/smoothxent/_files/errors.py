"""The errors about the numbers of a chunk: labels out of range, improper weights."""

from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray
from smoothxent._arguments.labels import ignore_remedy
from smoothxent._arguments.options import is_improper
from smoothxent._files.chunks import Chunk, chunk_results
from smoothxent._files.sharded_array import ShardedArray


def weights_of_chunk(weights: ShardedArray, chunk: Chunk) -> NDArray[np.float64]:
    """Return the last array of a chunk, the weights; all are finite and not negative."""
    values = chunk.arrays[-1].astype(np.float64)
    bad = is_improper(values)
    if bad.any():
        row = int(bad.argmax())
        location, value = weights.entry(chunk.first_row + row, values[row])
        raise ValueError(f"{location} must be finite and not negative, got {value}")
    return values


def bad_chunk_label(
    chunk: Chunk, rows: ShardedArray, indices: ShardedArray, ignore_index: int | None
) -> IndexError:
    """Return the error for the first label of a chunk that is out of range."""
    num_classes = rows.row_shape[0]
    labels = chunk.arrays[1]
    row = int((~_lie_in(range(num_classes), labels, ignore_index)).argmax())
    location, value = indices.entry(chunk.first_row + row, labels[row])
    remedy = ignore_remedy(labels[row])
    if not remedy and _seem_to_count_from_one(indices, num_classes, ignore_index):
        remedy = "; none is 0: if they count from 1, subtract 1 from each"
    return IndexError(f"{location} must lie in [0, {num_classes}), got {value}{remedy}")


def _seem_to_count_from_one(
    indices: ShardedArray, num_classes: int, ignore_index: int | None
) -> bool:
    """Whether subtracting 1 would bring all labels into range."""

    def is_shifted(chunk: Chunk) -> bool:
        return bool(_lie_in(range(1, num_classes + 1), chunk.arrays[0], ignore_index).all())

    with closing(chunk_results(is_shifted, [indices], 1)) as results:
        return all(each for _, each in results)


def _lie_in(allowed: range, labels: AnyArray, ignore_index: int | None) -> NDArray[np.bool_]:
    inside = (labels >= allowed.start) & (labels < allowed.stop)
    return inside if ignore_index is None else inside | (labels == ignore_index)
