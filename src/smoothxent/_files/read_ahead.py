"""Chunks that one thread reads ahead and several threads compute, with results in order.

An OpenMP team waits for its last thread. The wait takes milliseconds if the reader or another
program has that thread's CPU. Threads that each compute their own chunk do not wait for each other.
"""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


def num_chunks_at_once(num_threads: int) -> int:
    """Return how many chunks are in memory: one for each thread, and one that is being read."""
    return num_threads + 1


def results_in_order(
    read: Callable[[int], Chunk], compute: Callable[[Chunk], Result], count: int, num_threads: int
) -> Generator[Result, None, None]:
    """Yield compute(read(number)) for each number below `count`, in order.

    Chunks are read in order too. Chunk n is read after chunk n - num_chunks_at_once is computed, so
    both may use the same memory. An error is raised in place of its result, and ends all threads.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(num_threads) as team:

        def start(number: int) -> None:
            chunk = reader.submit(read, number)
            pending.append(team.submit(lambda: compute(chunk.result())))

        try:
            ahead = num_chunks_at_once(num_threads)
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
