"""The sample weights of a chunk of rows."""

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.options import is_improper
from smoothxent._files.chunks import Chunk
from smoothxent._files.sharded_array import ShardedArray


def weights_of_chunk(weights: ShardedArray | None, chunk: Chunk) -> NDArray[np.float64] | None:
    """Return the last array of a chunk, the weights; all are finite and not negative."""
    if weights is None:
        return None
    values = chunk.arrays[-1].astype(np.float64)
    bad = is_improper(values)
    if bad.any():
        row = int(bad.argmax())
        location, value = weights.entry(chunk.first_row + row, values[row])
        raise ValueError(f"{location} must be finite and not negative, got {value}")
    return values
