"""How many threads a call uses, and what happens to them at fork()."""

import math
import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

from smoothxent._arguments.options import check_positive
from smoothxent._kernel import builds
from smoothxent._kernel.protocol import Kernel

_LEAST_PARALLEL = builds.kernel("float32").LEAST_PARALLEL
_MOST_ASKED_FOR = 16  # on fewer CPUs; a thread that can't be created ends the process, uncatchably


def _is_set_by_user() -> bool:
    """Whether OpenMP's runtime has taken a number of threads from OMP_NUM_THREADS.

    It reads the variable once, when it is loaded, and passes over what is no positive number. One
    that another package loaded may not have seen what the variable holds now.
    """
    number = re.match(r"\s*0*([1-9][0-9]*)\s*(,|$)", os.environ.get("OMP_NUM_THREADS", ""))
    taken = str(builds.kernel("float32").max_threads())
    return number is not None and (builds.RUNTIME.is_ours or number[1] == taken)


_IS_SET_BY_USER = _is_set_by_user()


def thread_count(num_threads: int | None, num_logits: int) -> int:
    """Return how many threads: the default for None, never more than is safe to create."""
    if num_threads is not None and (type(num_threads) is not int or num_threads < 1):
        num_threads = check_positive("num_threads", num_threads)
    if num_logits < _LEAST_PARALLEL:  # the kernel would leave the others idle
        return 1
    if num_threads is None:
        return default_num_threads()
    return min(num_threads, _most())


def team_size(num_threads: int | None, num_logits: int, kernel: Kernel) -> int:
    """Return the same for a team of OpenMP's: by default one thread where teams came late."""
    if num_threads is None and num_logits < _LEAST_PARALLEL:  # as often for a few rows
        return 1
    threads = thread_count(num_threads, num_logits)
    if num_threads is None and threads > 1 and kernel.is_in_debt():
        return 1
    return threads


def default_num_threads() -> int:
    """Return how many threads a call uses that has work for them."""
    # What OpenMP would use holds OMP_NUM_THREADS and threadpoolctl's limits, but not CPU quotas.
    limit = builds.kernel("float32").max_threads()
    return min(limit, _most() if _IS_SET_BY_USER else _usable_cpus())


def _most() -> int:
    return max(_usable_cpus(), _MOST_ASKED_FOR)


def _usable_cpus() -> int:
    """CPUs that the calling thread may run on, by affinity and by the quota of its control group.

    Affinity is asked for each time: a worker may be forked first and pinned afterwards.
    """
    if hasattr(os, "sched_getaffinity"):
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    return max(1, int(min(cpus, _cgroup_quota())))


@cache
def _cgroup_quota(proc: Path = Path("/proc"), root: Path = Path("/sys/fs/cgroup")) -> float:
    """CPUs' worth of time that this process's control groups and their parents grant.

    A container may see the host's path, of which it has no folders: those that exist count, the
    root among them.
    """
    quotas = [math.inf]
    with suppress(OSError):
        for line in (proc / "self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            top = root / "cpu" if controllers else root  # version 1, or 2
            group = Path("/", path)
            quotas += [_quota_of(top / str(folder)[1:]) for folder in (group, *group.parents)]
    return min(quotas)


def _quota_of(group: Path) -> float:
    for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        with suppress(OSError, ValueError):
            quota, period = " ".join((group / name).read_text() for name in names).split()
            return math.inf if quota in {"max", "-1"} else int(quota) / int(period)
    return math.inf


def _pause_before_fork() -> None:
    for kernel in builds.loaded_kernels():
        kernel.pause_threads()


if hasattr(os, "register_at_fork"):
    # A forked child has none of its parent's threads, but libgomp's pool would still wait for them.
    os.register_at_fork(before=_pause_before_fork)
