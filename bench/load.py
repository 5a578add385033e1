"""CPU time that other processes use during a benchmark; it makes all figures less reliable."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")

# Busy cores above which a benchmark prints a warning. On an idle machine it is about 0.02.
DISTURBED = 0.1


@dataclass(frozen=True)
class Moment:
    """Seconds at one moment: wall time, CPU time of all cores, CPU time of our own processes."""

    clock: float
    busy: float
    own: float


def now() -> Moment | None:
    """Return the current times, None on systems other than Linux."""
    if not STAT.exists():
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = (
        int(word) for word in STAT.read_text().split(maxsplit=9)[1:9]
    )
    ticks = user + nice + system + irq + softirq + steal
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    return Moment(time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), own)


def others_busy(begin: Moment | None, end: Moment | None) -> float | None:
    """Return how many cores other processes kept busy between two moments."""
    if begin is None or end is None:
        return None
    theirs = (end.busy - begin.busy) - (end.own - begin.own)
    return round(max(0.0, theirs / (end.clock - begin.clock)), 3)
