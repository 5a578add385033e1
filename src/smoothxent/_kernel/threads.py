"""The number of threads of a call, and the handling of threads at fork()."""

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
_MOST_ASKED_FOR = 16  # on fewer CPUs; OpenMP ends the process if it can't create a thread


def _is_set_by_user() -> bool:
    """Whether the OpenMP runtime has its number of threads from OMP_NUM_THREADS.

    The runtime reads the variable once, when it is loaded, and ignores anything but a positive
    number. If another package loaded the runtime, the variable may have changed since then.
    """
    number = re.match(r"\s*0*([1-9][0-9]*)\s*(,|$)", os.environ.get("OMP_NUM_THREADS", ""))
    in_use = str(builds.kernel("float32").max_threads())
    return number is not None and (builds.RUNTIME.is_ours or number[1] == in_use)


_IS_SET_BY_USER = _is_set_by_user()


def thread_count(num_threads: int | None, num_logits: int) -> int:
    """Return the number of threads: the default for None, never more than is safe to create."""
    if num_threads is not None and (type(num_threads) is not int or num_threads < 1):
        num_threads = check_positive("num_threads", num_threads)
    if num_logits < _LEAST_PARALLEL:  # the kernel would use only one
        return 1
    if num_threads is None:
        return default_num_threads()
    return min(num_threads, _most())


def team_size(num_threads: int | None, num_logits: int, kernel: Kernel) -> int:
    """Return `thread_count` for an OpenMP team: one thread by default if teams came late."""
    if num_threads is None and num_logits < _LEAST_PARALLEL:  # saves a call for a few rows
        return 1
    threads = thread_count(num_threads, num_logits)
    if num_threads is None and threads > 1 and kernel.is_in_debt():
        return 1
    return threads


def default_num_threads() -> int:
    """Return the default number of threads of a large call."""
    # OpenMP's number respects OMP_NUM_THREADS and threadpoolctl's limits, but not CPU quotas.
    limit = builds.kernel("float32").max_threads()
    return min(limit, _most() if _IS_SET_BY_USER else _usable_cpus())


def _most() -> int:
    return max(_usable_cpus(), _MOST_ASKED_FOR)


def _usable_cpus() -> int:
    """Return the number of CPUs that affinity and the control group's quota allow this thread.

    The affinity is read at each call: a worker may be forked first and pinned afterwards.
    """
    if hasattr(os, "sched_getaffinity"):
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    return max(1, int(min(cpus, _cgroup_quota())))


@cache
def _cgroup_quota(proc: Path = Path("/proc"), root: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the CPU quota of this process's control groups and their parents, in CPUs.

    In a container the path may be that of the host, whose folders do not exist there. Only folders
    that exist count, including the root.
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
    # A forked child has no threads of its parent, but libgomp's pool would still wait for them.
    os.register_at_fork(before=_pause_before_fork)
