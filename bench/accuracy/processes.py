"""Run each library in a process of its own: some flush subnormals to zero, some crash."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

from bench.peers import OURS

from .libraries import details_of

Tasks = dict[str, Future[Any]]  # by library


class OursFailed(Exception):
    """smoothxent raised or crashed; there is nothing to report."""


class Processes(ExitStack):
    """One process for each library; a peer that fails gets no further tasks."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        spawn = multiprocessing.get_context("spawn")  # inherits only the environment
        self._pools = {
            name: self.enter_context(ProcessPoolExecutor(1, mp_context=spawn)) for name in names
        }
        self.failures: dict[str, str] = {}
        self.details: dict[str, dict[str, str]] = dict(self.outcomes(self.start(details_of)))

    def start(self, function: Callable[..., Any], *arguments: Any) -> Tasks:
        """Start all libraries on function(name, *arguments)."""
        return {
            name: pool.submit(function, name, *arguments)
            for name, pool in self._pools.items()
            if name not in self.failures
        }

    def outcomes(self, tasks: Tasks) -> Iterator[tuple[str, Any]]:
        """Yield what each library returns, when it is ready."""
        for name, task in tasks.items():
            try:
                yield name, task.result()
            except Exception as failure:
                if name == OURS:
                    raise OursFailed(f"{name}: {failure!r}") from failure
                self.failures[name] = repr(failure)
