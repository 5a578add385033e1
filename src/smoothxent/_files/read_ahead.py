"""Chunks read ahead in one thread and computed by several, their results in order.

A team of OpenMP waits for its last thread, for milliseconds where the reader or another program has
that thread's CPU. Threads that each compute a chunk of their own wait for nobody.
"""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


def num_rooms(num_threads: int) -> int:
    """Return how many chunks there are at a time: one being read while all threads compute."""
    return num_threads + 1


def results_in_order(
    read: Callable[[int], Chunk], compute: Callable[[Chunk], Result], count: int, num_threads: int
) -> Generator[Result, None, None]:
    """Yield compute(read(number)) for each number below `count`, in order.

    Chunks are read in order too, chunk n not before chunk n - num_rooms is computed, whose memory
    it may use. An error ends it where the result would come, and all threads end with it.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(num_threads) as team:

        def start(number: int) -> None:
            chunk = reader.submit(read, number)
            pending.append(team.submit(lambda: compute(chunk.result())))

        try:
            ahead = num_rooms(num_threads)
            for number in range(min(ahead, count)):
                start(number)
            for number in range(count):
                result = pending.popleft().result()
                if number + ahead < count:
                    start(number + ahead)
                yield result
        finally:
            for pool in (reader, team):
                pool.shutdown(wait=False, cancel_futures=True)
