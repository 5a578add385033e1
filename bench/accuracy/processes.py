"""Run each library in a process of its own: some flush subnormals to zero, some crash."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

from bench.peers import OURS

from .comparison import Results
from .libraries import details_of, results_of
from .problems import Problem


class OursFailed(Exception):
    """smoothxent raised or crashed; there is nothing to report."""


class Processes:
    """One process for each library; a peer that fails gets no further problems."""

    def __init__(self, names: list[str]) -> None:
        self._stack = ExitStack()
        spawn = multiprocessing.get_context("spawn")  # inherits only the environment
        self._pools = {
            name: self._stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn))
            for name in names
        }
        self.failures: dict[str, str] = {}
        self.details: dict[str, dict[str, str]] = dict(self._each(details_of))

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def results(self, problem: Problem) -> Iterator[tuple[str, Results]]:
        """Start all libraries on a problem, then yield the results of each when it is ready."""
        return self._each(results_of, problem)

    def _each(self, function: Callable[..., Any], *arguments: Any) -> Iterator[tuple[str, Any]]:
        return self._outcomes(
            {
                name: pool.submit(function, name, *arguments)
                for name, pool in self._pools.items()
                if name not in self.failures
            }
        )

    def _outcomes(self, tasks: dict[str, Future[Any]]) -> Iterator[tuple[str, Any]]:
        for name, task in tasks.items():
            try:
                yield name, task.result()
            except Exception as failure:
                if name == OURS:
                    raise OursFailed(f"{name}: {failure!r}") from failure
                self.failures[name] = repr(failure)
