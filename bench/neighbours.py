"""`python -m bench.neighbours`: the loss in use, on one thread and on the default number.

A benchmark calls the loss back to back on an idle machine. A user calls it right after the matrix
product that made the logits, or from time to time, on a machine with other processes. Each
situation is timed in a process with `num_threads=1` and in one with the default, in turns. The
neighbour is timed too: the matrix product, or a loop of the busy process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from importlib.util import find_spec
from itertools import product
from multiprocessing import Process, Value
from statistics import median, quantiles
from textwrap import fill
from typing import Any

import numpy as np

from . import children, figures, machine, saved
from .children import ROOT
from .figures import replaced

SAVED = ROOT / "bench" / "results" / "neighbours.json"
PAGE = ROOT / "docs" / "threads.md"
SHAPES = ((64, 512, 1000), (512, 512, 1000), (8192, 64, 100), (64, 512, 32000), (100_000, 8, 3))
IDLE = 0.02  # seconds
SETTLED = 0.3  # OpenBLAS's threads spin for 0.1 s after the product of the logits
MODES = {"1": 1, "default": None}  # num_threads by name
PASSES = 3
PLACE = "python -m bench.neighbours"  # on the page

Times = dict[str, list[float]]  # keys: "loss" and, if there is one, "neighbour"


class Problem:
    """Hidden features, a weight, their product (the logits), and the loss of the logits."""

    def __init__(self, num_rows: int, num_features: int, num_classes: int, mode: str) -> None:
        rng = np.random.default_rng(0)
        self.hidden = rng.standard_normal((num_rows, num_features), np.float32)
        self.weight = rng.standard_normal((num_features, num_classes), np.float32)
        self.weight *= np.float32(3 / num_features**0.5)
        self.labels = rng.integers(0, num_classes, num_rows)
        self.logits = self.hidden @ self.weight
        time.sleep(SETTLED)
        self.calls = 40 if num_rows * num_classes > 1_000_000 else 100
        self._num_threads = MODES[mode]

    def loss(self) -> float:
        from smoothxent import cross_entropy

        return cross_entropy(
            self.logits, self.labels, label_smoothing=0.1, num_threads=self._num_threads
        )


def in_turns(*functions: Callable[[], Any], calls: int) -> list[list[float]]:
    """Call the functions in turns; return the times of each function."""
    times: list[list[float]] = [[] for _ in functions]
    for number in range(calls + 3):
        for function, its_times in zip(functions, times, strict=True):
            begin = time.perf_counter()
            function()
            if number >= 3:
                its_times.append(time.perf_counter() - begin)
    return times


def back_to_back(problem: Problem) -> Times:
    return {"loss": in_turns(problem.loss, calls=problem.calls)[0]}


def after_idleness(problem: Problem) -> Times:
    return {"loss": in_turns(lambda: time.sleep(IDLE), problem.loss, calls=30)[1]}


def after_numpy(problem: Problem) -> Times:
    def multiply() -> None:
        np.matmul(problem.hidden, problem.weight, out=problem.logits)

    neighbour, loss = in_turns(multiply, problem.loss, calls=problem.calls)
    return {"loss": loss, "neighbour": neighbour}


def after_torch(problem: Problem) -> Times:
    import torch

    hidden, weight, logits = map(torch.from_numpy, (problem.hidden, problem.weight, problem.logits))
    with torch.inference_mode():
        multiply = lambda: torch.matmul(hidden, weight, out=logits)  # noqa: E731
        neighbour, loss = in_turns(multiply, problem.loss, calls=problem.calls)
    return {"loss": loss, "neighbour": neighbour}


def next_to_a_busy_process(problem: Problem) -> Times:
    """Time the loss and, as the neighbour, a thousand turns of the loop of a busy process."""
    with busy_process() as turns:
        begin, before = time.perf_counter(), turns.value
        (loss,) = in_turns(problem.loss, calls=4 * problem.calls)
        each = (time.perf_counter() - begin) / max(1, turns.value - before)
    return {"loss": loss, "neighbour": [each, each]}


@contextmanager
def busy_process() -> Iterator[Any]:
    turns = Value("q", 0, lock=False)
    process = Process(target=_count, args=(turns,), daemon=True)
    process.start()
    while turns.value == 0:
        time.sleep(0.001)
    try:
        yield turns
    finally:
        process.kill()
        process.join()


def _count(turns: Any) -> None:
    while True:
        for _ in range(1000):
            pass
        turns.value += 1


def four_threads_at_once(problem: Problem) -> Times:
    times: list[float] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        times.extend(in_turns(problem.loss, calls=problem.calls)[0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"loss": times}


# title -> modules to import, in this order, and the function that measures the times.
SITUATIONS: dict[str, tuple[tuple[str, ...], Callable[[Problem], Times]]] = {
    "back to back": (("smoothxent",), back_to_back),
    "after 20 ms of idleness": (("smoothxent",), after_idleness),
    "after np.matmul": (("smoothxent",), after_numpy),
    "after torch.matmul": (("smoothxent", "torch"), after_torch),
    "after torch.matmul, torch imported first": (("torch", "smoothxent"), after_torch),
    "next to a busy process": (("smoothxent",), next_to_a_busy_process),
    "four Python threads at once": (("smoothxent",), four_threads_at_once),
}


def timed_here(title: str, mode: str) -> dict[str, dict[str, list[float]]]:
    """Measure in this process; return the median and 90th percentile of each time, by shape."""
    modules, situation = SITUATIONS[title]
    for module in modules:
        __import__(module)
    figures_by_shape = {}
    for shape in SHAPES:
        times = situation(Problem(*shape, mode))
        figures_by_shape[shape_text(shape)] = {
            name: [median(values), quantiles(values, n=10)[-1]] for name, values in times.items()
        }
    return figures_by_shape


def shape_text(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]:,} x {shape[2]:,}"


def measure(passes: int) -> dict[str, Any]:
    """Return the record of a run; each figure is the median of the passes."""
    titles = [title for title in SITUATIONS if find_spec("torch") or "torch" not in title]
    begin = machine.now()
    runs: dict[tuple[str, str], list[Any]] = {turn: [] for turn in product(titles, MODES)}
    for number in range(passes):
        for turn in list(runs)[:: -1 if number % 2 else 1]:
            runs[turn].append(children.run("bench.neighbours", "--child", *turn).checked())
    busy = machine.others_busy(begin)
    records = []
    for title, shape in product(titles, map(shape_text, SHAPES)):
        seconds = {}
        for mode in MODES:
            of_mode = [run[shape] for run in runs[title, mode]]
            for name in of_mode[0]:
                pairs = zip(*(run[name] for run in of_mode), strict=True)
                seconds[f"{name}, {mode}"] = [median(values) for values in pairs]
        records.append({"situation": title, "shape": shape, "seconds": seconds})
    return {"heading": heading(passes, busy), "records": records}


def heading(passes: int, busy: float | None) -> str:
    import smoothxent

    info = smoothxent.info()
    return (
        f"{machine.cpu()}, {info['isa']}, {os.cpu_count()} cores, "
        f"{info['num_threads']} threads by default; smoothxent {smoothxent.__version__}, "
        f"NumPy {np.__version__}, Python {platform.python_version()}; {passes} passes, other "
        f"processes kept {busy} cores busy; {date.today().isoformat()}"
    )


def ratio(seconds: dict[str, list[float]], name: str, percentile: int) -> float:
    """Return default / one thread, of medians or, with 1, of 90th percentiles."""
    one, default = (seconds[f"{name}, {mode}"][percentile] for mode in MODES)
    return default / one


def section(record: dict[str, Any]) -> str:
    """Return a line of docs/ for each situation, with the least and the largest ratio."""
    rows = []
    for title in dict.fromkeys(entry["situation"] for entry in record["records"]):
        every = [e["seconds"] for e in record["records"] if e["situation"] == title]
        cells = [title]
        for name, percentile in (("loss", 0), ("loss", 1), ("neighbour", 0)):
            ratios = [ratio(each, name, percentile) for each in every if f"{name}, 1" in each]
            cells.append(f"{min(ratios):.2f} to {max(ratios):.2f}" if ratios else "-")
        rows.append(cells)
    header = ["situation", "loss, median", "loss, 90th percentile", "neighbour, median"]
    return f"{figures.markdown(header, rows)}\n\n{fill(record['heading'] + '.', 120)}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.neighbours", description=__doc__)
    parser.add_argument("--passes", type=int, default=PASSES, metavar="P")
    parser.add_argument(
        "--save", action="store_true", help=f"to {SAVED.relative_to(ROOT)} and docs/{PAGE.name}"
    )
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(timed_here(*options.child)))
        return 0
    record = measure(options.passes)
    print(section(record))
    if options.save:
        saved.save(SAVED, record)
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replaced(text, PLACE, section(record)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
