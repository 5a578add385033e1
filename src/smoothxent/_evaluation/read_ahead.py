"""Chunks that several threads compute while the caller's thread reads more, with results in order.

An OpenMP team waits for its last thread. The wait takes milliseconds if another program has that
thread's CPU. Threads that each compute their own chunk do not wait for each other.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


def num_chunks_at_once(num_threads: int) -> int:
    """Return how many chunks are in memory: one for each thread, and one that is being read."""
    return num_threads + 1


def results_in_order(
    chunks: Iterable[Chunk], compute: Callable[[Chunk], Result], num_threads: int
) -> Generator[Result, None, None]:
    """Yield the result of each chunk, in order.

    Chunk n is read after chunk n - num_chunks_at_once is computed, so both may use the same memory.
    An error, also of `chunks`, is raised in place of its result, and ends all threads.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(num_threads) as team:

        def begun() -> Iterator[Future[Result]]:
            try:
                for chunk in chunks:
                    yield team.submit(compute, chunk)
            except Exception as error:
                failed: Future[Result] = Future()
                failed.set_exception(error)
                yield failed

        try:
            for future in begun():
                pending.append(future)
                if len(pending) == num_chunks_at_once(num_threads):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            team.shutdown(wait=False, cancel_futures=True)
