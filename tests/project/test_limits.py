"""The two limits of the benchmarks really read all logits and compute all exponentials."""

import numpy as np
import pytest

from smoothxent._kernel import builds

TILE = 1024  # classes of the tile that exp_sum works on


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 5000, 100_003])
@pytest.mark.parametrize("num_threads", [1, 2, 3])
def test_reading_limit_reads_every_logit_once(dtype, size, num_threads):
    # Whole numbers below 2**24 in total: the sum is exact in whatever order.
    logits = (np.arange(size) % 7 + 1).astype(dtype)
    total = builds.kernel(logits.dtype.name).read_sum(logits, num_threads)
    assert total == logits.sum(dtype=np.float64)


@pytest.mark.parametrize("num_tiles", [0, 1, 2, 5, 100])
@pytest.mark.parametrize("num_threads", [1, 2, 3])
def test_exp_limit_takes_exp_of_every_tile(dtype, num_tiles, num_threads):
    # Each lane of an accumulator adds 16 terms a tile at most, one after the other.
    expected = num_tiles * np.exp(-8.0 * np.arange(TILE) / TILE).sum()
    total = builds.kernel(np.dtype(dtype).name).exp_sum(num_tiles, num_threads)
    assert total == pytest.approx(expected, rel=float(16 * num_tiles * np.finfo(dtype).eps))
