"""Threads that share the parts of a job, and sleep while they wait.

Idle threads of OpenMP and of a BLAS spin for milliseconds. If both have as many threads as there
are CPUs, each waits for CPUs on which the other spins.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Self


class Workers:
    """A context manager that ends its threads on exit. The calling thread also works."""

    def __init__(self, num_threads: int) -> None:
        self._others = num_threads - 1
        self._pool = ThreadPoolExecutor(max(1, self._others))  # starts threads only when needed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def each(self, work: Callable[..., None], parts: Iterable[tuple[Any, ...]]) -> None:
        """Call work(*part) for each part, in any order."""
        left = deque(parts)

        def take() -> None:
            while True:
                try:
                    part = left.popleft()
                except IndexError:
                    return
                work(*part)

        helpers = []
        with suppress(RuntimeError):  # no new threads: at a limit, or at the end of the interpreter
            for _ in range(min(self._others, len(left) - 1)):
                helpers.append(self._pool.submit(take))  # noqa: PERF401 (those begun are kept)
        take()
        for helper in helpers:
            if not helper.cancel():  # it has begun
                helper.result()
