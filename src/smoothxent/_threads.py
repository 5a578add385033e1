"""How many threads a call uses, and what happens to them at fork()."""

import os
from functools import cache
from pathlib import Path

import numpy as np

from smoothxent import _dispatch

_LEAST_PARALLEL = _dispatch.kernel(np.dtype(np.float32)).LEAST_PARALLEL
# OpenMP reads it once, too, and passes over what is no number.
_IS_SET_BY_USER = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip().isdigit()
_MOST_ASKED_FOR = 16  # on fewer CPUs; a thread that can't be created ends the process, uncatchably


def resolve(num_threads: int | None, num_logits: int) -> int:
    """Return the size of the team: the default for None, never more than is safe to create."""
    if num_logits < _LEAST_PARALLEL:  # the kernel would leave the others idle
        return 1
    if num_threads is None:
        return default()
    return min(num_threads, _most())


def default() -> int:
    """Return how many threads a call uses that has work for them."""
    # What OpenMP would use holds OMP_NUM_THREADS and threadpoolctl's limits, but not CPU quotas.
    limit = _dispatch.kernel(np.dtype(np.float32)).max_threads()
    return min(limit, _most() if _IS_SET_BY_USER else _usable_cpus())


def _most() -> int:
    return max(_usable_cpus(), _MOST_ASKED_FOR)


@cache
def _usable_cpus() -> int:
    """CPUs that this process may run on, by affinity and by the quota of its control group."""
    if hasattr(os, "sched_getaffinity"):
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    quota = _cgroup_quota()
    return cpus if quota is None else max(1, min(cpus, int(quota)))


def _cgroup_quota() -> float | None:
    """CPUs' worth of time that a control group (version 2, then 1) grants; None if unlimited."""
    root = Path("/sys/fs/cgroup")
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return None if quota in {"max", "-1"} else int(quota) / int(period)


def _pause_before_fork() -> None:
    _dispatch.kernel(np.dtype(np.float32)).pause_threads()


if hasattr(os, "register_at_fork"):
    # A forked child has none of its parent's threads, but libgomp's pool would still wait for them.
    os.register_at_fork(before=_pause_before_fork)
