"""Rows of logits and what stands beside them in other files, chunk by chunk, in step."""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from typing import NamedTuple, TypeVar

import numpy as np

from smoothxent import _read_ahead
from smoothxent._checks import AnyArray
from smoothxent._run import Run, Stream

Result = TypeVar("Result")

# Of the widest run. Half as much costs a sixth more CPU, in Python; twice as much saves nothing and
# falls out of most caches between reading and computing.
CHUNK_BYTES = 8 << 20


class Chunk(NamedTuple):
    """The same rows of every run."""

    first_row: int
    arrays: tuple[AnyArray, ...]  # valid until the chunk's result is known

    @property
    def end(self) -> int:
        return self.first_row + len(self.arrays[0])


def results(
    compute: Callable[[Chunk], Result], runs: Sequence[Run], num_threads: int
) -> Generator[tuple[int, Result], None, None]:
    """Yield for each chunk of runs of equal length, in order, its end and what is computed of it.

    `compute` is called in up to `num_threads` threads at once.
    """
    num_rows = runs[0].num_rows
    if not num_rows:
        return
    size = min(num_rows, max(1, CHUNK_BYTES // max(run.row_bytes for run in runs)))
    count = -(-num_rows // size)
    num_threads = min(num_threads, count)
    num_rooms = min(count, _read_ahead.num_rooms(num_threads))
    try:
        rooms = [
            [np.empty(size * run.row_bytes, np.uint8) for run in runs] for _ in range(num_rooms)
        ]
    except MemoryError:
        widest = max(runs, key=lambda run: run.row_bytes)
        raise MemoryError(
            f"{widest} must have rows that fit in memory, got {num_rooms} chunks of "
            f"{size * widest.row_bytes} bytes at a time; use fewer threads"
        ) from None
    with ExitStack() as stack:
        streams = [stack.enter_context(closing(Stream(run))) for run in runs]

        def read(number: int) -> Chunk:
            first = number * size
            length = min(size, num_rows - first)
            arrays = []
            for run, stream, room in zip(runs, streams, rooms[number % len(rooms)], strict=True):
                part = room[: length * run.row_bytes]
                stream.fill(part.data)
                arrays.append(part.view(run.dtype).reshape(length, *run.row_shape))
            return Chunk(first, tuple(arrays))

        def compute_with_end(chunk: Chunk) -> tuple[int, Result]:
            return chunk.end, compute(chunk)

        # Closed before the streams are: no thread reads any more.
        chunks = _read_ahead.results(read, compute_with_end, count, num_threads)
        yield from stack.enter_context(closing(chunks))
