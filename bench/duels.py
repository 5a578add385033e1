"""Equivalent calls, each timed in a process of its own: for other libraries and the linear head."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from timeit import Timer
from typing import Any

from . import children, machine, saved
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
    call: Callable[..., Callable[[], Any]]  # (name, *case) -> the function to time

    def main(self) -> None:
        path = ROOT / "bench" / "results" / f"{self.module.removeprefix('bench.')}.json"
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description=self.about)
        parser.add_argument("--save", action="store_true", help=f"to {path.relative_to(ROOT)}")
        parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
        options = parser.parse_args()
        if options.child:
            title, name = options.child
            print(least_time(self.call(name, *self.cases[title])))
            return
        threads, begin = default_threads(), machine.now()
        figures = {title: self.timed(title, threads) for title in self.cases}
        busy = machine.others_busy(begin)
        print(f"other processes kept {busy} cores busy during the run")
        if options.save:
            saved.save(path, {"threads": threads, "others_busy": busy, "seconds": figures})

    def timed(self, title: str, threads: int) -> dict[str, float]:
        """Return the least time of each call, and print it."""
        count, least = str(threads), dict.fromkeys(self.names, float("inf"))
        environment = children.surroundings(OMP_NUM_THREADS=count, OPENBLAS_NUM_THREADS=count)
        for _ in range(PASSES):  # interleaved, so that a drift favours nobody
            for name in self.names:
                child = children.run(self.module, "--child", title, name, environment=environment)
                least[name] = min(least[name], child.checked())
        print(title)
        for name, value in least.items():
            ratio = value / least[self.names[0]]
            print(f"  {name:44} {seconds_text(value):>8}  {ratio:.2f}x", flush=True)
        return least


def least_time(function: Callable[[], Any]) -> float:
    """Return the least time of one call; short calls are timed in rounds of many calls."""
    timer = Timer(function)
    timer.timeit(1)
    once = timer.timeit(1)
    number = max(1, int(0.002 / once))
    return min(timer.repeat(max(1, int(SECONDS / (number * once))), number)) / number
