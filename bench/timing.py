"""The least time of a call, and how it is shown, for the benchmarks of the bridges and the head."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SECONDS = 0.5  # for each measurement


def seconds(function: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    """The least time of one call: of rounds of many calls where one is short."""
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


def show(value: float) -> str:
    if value < 1e-3:
        return f"{value * 1e6:.3g} µs"
    return f"{value * 1e3:.3g} ms" if value < 0.9995 else f"{value:.3g} s"
