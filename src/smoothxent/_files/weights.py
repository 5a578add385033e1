"""The sample weights of stored rows: in files of their own, in an array, or none."""

from typing import TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent._arguments.options import check_weights, is_improper
from smoothxent._files.chunks import Chunk
from smoothxent._files.formats import stored_weights
from smoothxent._files.sharded_array import ShardedArray
from smoothxent._files.shards import Paths, are_paths

Weights: TypeAlias = ShardedArray | NDArray[np.float64] | None


def weights_of(sample_weight: ArrayLike | Paths | None, rows: ShardedArray) -> Weights:
    """Return the checked weights; paths are without patterns, and only their headers are read."""
    if sample_weight is None:
        return None
    if are_paths(sample_weight):
        return stored_weights(cast(list[str], sample_weight), rows)
    return check_weights("sample_weight", cast(ArrayLike, sample_weight), rows.shape)


def files_of(weights: Weights) -> list[ShardedArray]:
    """Return what the chunks of the rows must read: it is the last array of a chunk."""
    return [weights] if isinstance(weights, ShardedArray) else []


def weights_of_chunk(weights: Weights, chunk: Chunk) -> NDArray[np.float64] | None:
    """Return the weights of the rows of a chunk; all are finite and not negative."""
    if weights is None:
        return None
    if not isinstance(weights, ShardedArray):
        return weights[chunk.first_row : chunk.end]
    values = chunk.arrays[-1].astype(np.float64)
    bad = is_improper(values)
    if bad.any():
        row = int(bad.argmax())
        location, value = weights.entry(chunk.first_row + row, values[row])
        raise ValueError(f"{location} must be finite and not negative, got {value}")
    return values
