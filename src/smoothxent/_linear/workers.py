"""Parts of a job over threads that sleep while they wait.

OpenMP's threads spin, for milliseconds, and so do those of a BLAS: where both have as many threads
as there are CPUs, each waits for CPUs on which the other spins.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, Self


class Workers:
    """A context: the threads end with it. The calling thread is one of them."""

    def __init__(self, num_threads: int) -> None:
        self._others = num_threads - 1
        self._pool = ThreadPoolExecutor(max(1, self._others))  # starts no thread before it must

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def each(self, work: Callable[..., None], parts: Iterable[tuple[Any, ...]]) -> None:
        """Call work(*part) for each part, in whatever order threads get to them."""
        left = deque(parts)

        def take() -> None:
            while True:
                try:
                    part = left.popleft()
                except IndexError:
                    return
                work(*part)

        helpers = []
        with suppress(RuntimeError):  # no more threads: a limit, or the interpreter is ending
            for _ in range(min(self._others, len(left) - 1)):
                helpers.append(self._pool.submit(take))  # noqa: PERF401 (those begun are kept)
        take()
        for helper in helpers:
            if not helper.cancel():  # it has begun
                helper.result()
