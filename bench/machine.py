"""The machine: its CPU, and the CPU time of other processes: it makes all figures less reliable."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

STAT, CPU = Path("/proc/stat"), Path("/proc/cpuinfo")

# Busy cores above which a benchmark prints a warning. On an idle machine it is about 0.02.
DISTURBED = 0.1


def cpu() -> str:
    lines = CPU.read_text(encoding="utf-8").splitlines() if CPU.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def now() -> tuple[float, float, float] | None:
    """Return seconds: wall time, CPU time of all cores, of our processes; None outside Linux."""
    if not STAT.exists():
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = (
        int(word) for word in STAT.read_text().split(maxsplit=9)[1:9]
    )
    ticks = user + nice + system + irq + softirq + steal
    return time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), sum(os.times()[:4])


def others_busy(begin: tuple[float, float, float] | None) -> float | None:
    """Return how many cores other processes have kept busy since `begin`."""
    if not (begin and (end := now())):
        return None
    clock, busy, own = (after - before for before, after in zip(begin, end, strict=True))
    return round(max(0.0, (busy - own) / clock), 3)
