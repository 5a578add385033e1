"""Equivalent calls, each timed in a process of its own: for other libraries and the linear head."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import children, load, saved
from .children import ROOT
from .figures import seconds_text
from .peers.peer import default_threads

PASSES = 3
SECONDS = 0.5  # for each measurement


@dataclass(frozen=True)
class Duel:
    """Calls with `names`; all times are relative to the first call."""

    module: str  # bench.NAME, run as a child process for each call
    about: str
    names: list[str]
    cases: dict[str, tuple[Any, ...]]  # title -> further arguments of `call`
    call: Callable[..., Callable[[], Any]]  # (name, threads, *case) -> the function to time

    def main(self) -> None:
        path = ROOT / "bench" / "results" / f"{self.module.removeprefix('bench.')}.json"
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description=self.about)
        parser.add_argument("--threads", type=int, default=default_threads())
        parser.add_argument(
            "--cpu",
            action="store_true",
            help="one thread, and CPU time instead of wall time: other processes matter less",
        )
        parser.add_argument("--save", action="store_true", help=f"to {path.relative_to(ROOT)}")
        parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
        options = parser.parse_args()
        threads = 1 if options.cpu else options.threads
        if options.child:
            title, name = options.child
            clock = time.process_time if options.cpu else time.perf_counter
            print(least_time(self.call(name, threads, *self.cases[title]), clock))
            return
        begin = load.now()
        figures = {title: self.timed(title, threads, options.cpu) for title in self.cases}
        busy = load.others_busy(begin, load.now())
        print(f"other processes kept {busy} cores busy during the run")
        if options.save:
            run = {"threads": threads, "clock": "cpu" if options.cpu else "wall"}
            saved.save(path, run | {"others_busy": busy, "seconds": figures})

    def timed(self, title: str, threads: int, cpu: bool) -> dict[str, float]:
        """Return the least time of each call, and print it."""
        least = dict.fromkeys(self.names, float("inf"))
        for _ in range(PASSES):  # interleaved, so that a drift favours nobody
            for name in self.names:
                least[name] = min(least[name], self.in_a_process(title, name, threads, cpu))
        print(title)
        for name, value in least.items():
            ratio = value / least[self.names[0]]
            print(f"  {name:44} {seconds_text(value):>8}  {ratio:.2f}x", flush=True)
        return least

    def in_a_process(self, title: str, name: str, threads: int, cpu: bool) -> float:
        count = str(threads)
        return float(
            children.run(
                self.module,
                *("--child", title, name, "--threads", count, *["--cpu"] * cpu),
                environment=children.surroundings(
                    OMP_NUM_THREADS=count, OPENBLAS_NUM_THREADS=count
                ),
            ).checked()
        )


def least_time(function: Callable[[], Any], clock: Callable[[], float]) -> float:
    """Return the least time of one call; short calls are timed in rounds of many calls."""
    function()
    begin = time.perf_counter()
    function()
    repeats = max(1, int(0.002 / (time.perf_counter() - begin)))
    least, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = clock()
        for _ in range(repeats):
            function()
        least = min(least, (clock() - start) / repeats)
    return least
