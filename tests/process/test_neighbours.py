"""Other libraries in the same process, with OpenMP runtimes or threads of their own, still work."""

import importlib.util
import os
from pathlib import Path

import pytest

TASKS = Path("/proc/self/task")

# Each library runs in its own threads, and returns results that must not change.
LIBRARIES = {
    "sklearn": """
import numpy as np
from sklearn.metrics import pairwise_distances_argmin
points = np.random.default_rng(1).normal(size=(3000, 5))
def work():
    return pairwise_distances_argmin(points, points[::-1]).tobytes()
""",
    "numpy": """
import numpy as np
matrix = np.random.default_rng(1).integers(0, 9, (300, 300)).astype(float)
def work():
    return (matrix @ matrix).tobytes()
""",
    "torch": """
import torch
torch.set_num_threads(2)
values = torch.arange(3_000_000) % 7
def work():
    return values.sum().item(), torch.get_num_threads()
""",
    "jax": """
import jax
total = jax.jit(lambda n: (jax.numpy.arange(3_000_000) % n).sum())
def work():
    return total(7).item()
""",
    "numba": """
import numba, numpy as np
numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
values = np.arange(100_000) % 7
@numba.njit(parallel=True)
def total():
    found = 0
    for i in numba.prange(values.size):
        found += values[i]
    return found
def work():
    return total(), numba.get_num_threads()
""",
}
OURS = """
import battery
def compute():
    return battery.digests([3, 70000])
"""
TOGETHER = """
import json
from concurrent.futures import ThreadPoolExecutor
theirs = work()
alone = compute()
with ThreadPoolExecutor(1) as pool:
    again = pool.submit(lambda: [work() for _ in range(3)])
    for _ in range(3):
        assert compute() == alone
    assert again.result() == [theirs] * 3
assert work() == theirs
print(json.dumps(alone))
"""
# Ignore warnings of these libraries when they are imported together.
QUIET = "import warnings\nwarnings.simplefilter('ignore')\n"


@pytest.fixture(scope="module")
def alone(run_child):
    """Return the results of a process without the other library."""
    return run_child(OURS + "import json\nprint(json.dumps(compute()))", OMP_NUM_THREADS="2")


@pytest.mark.fault("neighbours")
@pytest.mark.slow
@pytest.mark.parametrize("first", ["ours", "theirs"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_library_before_or_after_us_in_a_process_changes_no_bit(run_child, alone, library, first):
    if not importlib.util.find_spec(library):
        pytest.skip(f"{library} is not installed")
    imports = [OURS, LIBRARIES[library]]
    source = QUIET + "".join(imports if first == "ours" else imports[::-1])
    if first == "ours":  # and a team of threads before theirs
        source = source.replace(LIBRARIES[library], "compute()\n" + LIBRARIES[library])
    assert run_child(source + TOGETHER, OMP_NUM_THREADS="2") == alone


@pytest.mark.fault("neighbours")
@pytest.mark.slow
@pytest.mark.parametrize("library", ["sklearn", "torch"])
def test_threads_of_other_libraries_stay_as_they_were(run_child, library):
    if not importlib.util.find_spec(library):
        pytest.skip(f"{library} is not installed")
    pytest.importorskip("threadpoolctl")
    source = """
import threadpoolctl
def libraries():  # in an order of their own
    return sorted(threadpoolctl.threadpool_info(), key=lambda library: library["filepath"])
work()
before = libraries()
compute()
assert libraries() == before
print(len(before) > 0)
"""
    source = QUIET + OURS + LIBRARIES[library] + source
    assert run_child(source, OMP_NUM_THREADS="3") == "True\n"


LIMITED = """
import os, time
import numpy as np, threadpoolctl
import smoothxent
from quick import PATIENCE
others = len(os.listdir("/proc/self/task")) - 1

logits, labels = np.zeros((1000, 1000), np.float32), np.zeros(1000, int)
def threads():
    said, deadline = smoothxent.info()["num_threads"], time.monotonic() + PATIENCE
    while True:  # a thread stays listed for a while after its end; a late team has to be paid off
        smoothxent.cross_entropy(logits, labels)
        seen = len(os.listdir("/proc/self/task")) - others
        if seen == said or time.monotonic() > deadline:
            return said, seen
found = []
for limit in (1, 3, 2):
    with threadpoolctl.threadpool_limits(limit, user_api="openmp"):
        found.append(threads())
print(*found, threads())
"""


@pytest.mark.fault("thread-limits")
@pytest.mark.skipif(not TASKS.is_dir(), reason="no list of the threads of a process")
def test_limits_of_threadpoolctl_are_honoured(run_child):
    pytest.importorskip("threadpoolctl")
    found = run_child(LIMITED, OMP_NUM_THREADS="4", OPENBLAS_NUM_THREADS="1")
    assert found == "(1, 1) (3, 3) (2, 2) (4, 4)\n"


SETTINGS = [
    *({"OMP_NUM_THREADS": text} for text in ("1", "2", "64", "abc", "", "0", "-3", "2,1")),
    {"OMP_DYNAMIC": "true"},
    {"OMP_THREAD_LIMIT": "1"},
    {"OMP_THREAD_LIMIT": "2"},
    {"OMP_WAIT_POLICY": "active"},
    {"OMP_PROC_BIND": "true"},
    {"OMP_SCHEDULE": "static,1"},
    {"OMP_MAX_ACTIVE_LEVELS": "0"},
    {"OMP_STACKSIZE": "1M"},
    {"OMP_CANCELLATION": "true", "OMP_NESTED": "true"},
]


@pytest.mark.fault("thread-limits")
@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_settings_of_openmp_change_no_bit(run_child, alone, settings):
    source = OURS + "import json\nprint(json.dumps(compute()))"
    assert run_child(source, **{"OMP_NUM_THREADS": "3"} | settings) == alone


@pytest.mark.fault("thread-limits")
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity mask")
def test_threads_are_as_many_as_the_affinity_mask_allows(run_child):
    cpus = sorted(os.sched_getaffinity(0))
    source = """
import os, sys
os.sched_setaffinity(0, map(int, sys.argv[1:]))
import smoothxent
print(smoothxent.info()["num_threads"])
"""
    most = int(run_child(source, *cpus, OMP_NUM_THREADS=""))  # a quota may allow fewer than CPUs
    for count in {1, len(cpus) // 2, len(cpus)} - {0}:
        found = int(run_child(source, *cpus[:count], OMP_NUM_THREADS=""))
        assert found == min(count, most)
    assert 1 <= most <= len(cpus)
