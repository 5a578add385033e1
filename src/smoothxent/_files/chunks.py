"""Chunks of rows: the same rows of the logits, the labels and the other inputs."""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import cycle
from typing import NamedTuple, TypeVar

import numpy as np

from smoothxent._arguments.arrays import AnyArray
from smoothxent._evaluation.read_ahead import num_chunks_at_once, results_in_order
from smoothxent._files.sharded_array import ShardedArray, Stream
from smoothxent._kernel.threads import thread_count

Result = TypeVar("Result")

# Of the input with the longest rows. Chunks of half the size cost a sixth more CPU time, in Python.
# Chunks of twice the size save nothing, and most caches lose them between reading and computing.
CHUNK_BYTES = 8 << 20


class Chunk(NamedTuple):
    """The same rows of every input."""

    first_row: int
    arrays: tuple[AnyArray, ...]  # valid until the chunk's result is known

    @property
    def end(self) -> int:
        return self.first_row + len(self.arrays[0])


def chunk_results(
    compute: Callable[[Chunk], Result],
    given: Sequence[ShardedArray | None],
    num_threads: int | None,
) -> Generator[tuple[int, Result], None, None]:
    """Yield the end and the result of each chunk, in order; the inputs have the same length.

    The first result is that of no rows: its checks come before any data is read. `compute` is
    called in up to `num_threads` threads at once.
    """
    inputs = [each for each in given if each is not None]
    num_rows = inputs[0].num_rows
    num_threads = thread_count(num_threads, num_rows * math.prod(inputs[0].row_shape))
    nothing = (np.empty((0, *array.row_shape), array.dtype) for array in inputs)
    yield 0, compute(Chunk(0, tuple(nothing)))
    if not num_rows:
        return
    size = min(num_rows, max(1, CHUNK_BYTES // max(array.row_bytes for array in inputs)))
    count = -(-num_rows // size)
    num_threads = min(num_threads, count)
    sizes = [size * array.row_bytes for array in inputs]
    num_buffers = min(count, num_chunks_at_once(num_threads))
    try:
        buffers = [[np.empty(each, np.uint8) for each in sizes] for _ in range(num_buffers)]
    except MemoryError:
        widest = max(inputs, key=lambda array: array.row_bytes)
        raise MemoryError(
            f"{widest} must have rows that fit in memory, got {num_buffers} chunks of "
            f"{max(sizes)} bytes at a time; use fewer threads"
        ) from None
    with ExitStack() as stack:
        streams = [stack.enter_context(closing(Stream(array))) for array in inputs]

        def chunks() -> Iterator[Chunk]:
            firsts = range(0, num_rows, size)
            for first, chunk_buffers in zip(firsts, cycle(buffers), strict=False):
                length = min(size, num_rows - first)
                arrays = []
                for array, stream, buffer in zip(inputs, streams, chunk_buffers, strict=True):
                    part = buffer[: length * array.row_bytes]
                    stream.fill(part.data)
                    arrays.append(part.view(array.dtype).reshape(length, *array.row_shape))
                yield Chunk(first, tuple(arrays))

        # Closed before the streams, so that no thread computes a chunk whose memory is gone.
        results = results_in_order(chunks(), lambda chunk: (chunk.end, compute(chunk)), num_threads)
        yield from stack.enter_context(closing(results))
