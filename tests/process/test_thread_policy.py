"""The number of threads of a call: quotas of control groups, and the user's settings."""

import math
import os

import pytest

from smoothxent._kernel import builds, threads
from smoothxent._kernel.threads import default_num_threads, thread_count

QUOTAS = {
    "own group": ("0::/a/b\n", {"a/b/cpu.max": "250000 100000\n"}, 2.5),
    "a parent only": ("0::/a/b\n", {"a/cpu.max": "7 7", "a/b/cpu.max": "max 7"}, 1.0),
    "the least": ("0::/a/b\n", {"a/cpu.max": "3 1", "a/b/cpu.max": "2 1", "cpu.max": "9 1"}, 2.0),
    "the host's path": ("0::/system/x\n", {"cpu.max": "400000 100000"}, 4.0),
    "unlimited": ("0::/\n", {"cpu.max": "max 100000"}, math.inf),
    "no file": ("0::/\n", {}, math.inf),
    "nonsense": ("0::/\n", {"cpu.max": "many\n"}, math.inf),
    "version 1": (
        "5:memory:/m\n4:cpu,cpuacct:/a\n",
        {"cpu/a/cpu.cfs_quota_us": "150000\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
        1.5,
    ),
    "version 1, unlimited": (
        "4:cpu,cpuacct:/a\n",
        {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
        math.inf,
    ),
}


@pytest.mark.fault("thread-limits")
@pytest.mark.parametrize("case", QUOTAS)
def test_quotas_of_control_groups_are_found(case, tmp_path):
    groups, files, expected = QUOTAS[case]
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    texts = {root / name: text for name, text in files.items()}
    for path, text in {proc / "self/cgroup": groups, **texts}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert threads._cgroup_quota(proc, root) == expected


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert threads._cgroup_quota(tmp_path, tmp_path) == math.inf


@pytest.mark.fault("thread-limits")
@pytest.mark.parametrize("quota", [0.2, 1.0, 1.9])
def test_quota_below_two_cpus_leaves_one_thread(monkeypatch, quota):
    monkeypatch.setattr("smoothxent._kernel.threads._cgroup_quota", lambda: quota)
    assert threads._usable_cpus() == 1


@pytest.mark.parametrize(("counted", "expected"), [(5, 5), (None, 1)])
def test_system_without_affinity_has_the_cpus_that_python_counts(monkeypatch, counted, expected):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    monkeypatch.setattr("smoothxent._kernel.threads._cgroup_quota", lambda: math.inf)
    assert threads._usable_cpus() == expected


WORDS = [("3", True), (" 4,2", True), ("0", False), ("abc", False), ("\u00b2", False)]


@pytest.mark.slow
@pytest.mark.parametrize(("said", "is_set"), WORDS)
def test_only_a_positive_number_is_the_users_word(run_child, said, is_set):
    source = "from smoothxent._kernel import threads; print(threads._IS_SET_BY_USER)"
    assert run_child(source, OMP_NUM_THREADS=said) == f"{is_set}\n"


SET_LATE = """
import ctypes, os, sys
ctypes.CDLL(sys.argv[1])
os.environ["OMP_NUM_THREADS"] = sys.argv[2]
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import smoothxent
print(smoothxent.info()["num_threads"])
"""


@pytest.mark.fault("thread-limits")
@pytest.mark.skipif(
    "libgomp" not in builds.RUNTIME.path, reason="LLVM's runtime reads it at its first call"
)
def test_number_that_is_set_after_the_runtime_was_loaded_lifts_no_limit(run_child):
    assert run_child(SET_LATE, builds.RUNTIME.path, 50, OMP_NUM_THREADS="") == "1\n"


@pytest.mark.skipif(not builds.RUNTIME.path, reason="the kernels were built without OpenMP")
def test_number_that_another_packages_runtime_has_read_counts(run_child):
    assert run_child(SET_LATE, builds.RUNTIME.path, 3, OMP_NUM_THREADS="3") == "3\n"


def test_little_work_gets_one_thread():
    assert thread_count(8, 100) == 1
    assert thread_count(None, 100) == 1


@pytest.mark.parametrize(
    ("cpus", "asked_for", "expected"),
    [(1, 16, 16), (1, 17, 16), (15, 10**6, 16), (64, 17, 17), (64, 64, 64), (64, 10**6, 64)],
)
def test_threads_asked_for_are_at_most_16_or_one_a_cpu(monkeypatch, cpus, asked_for, expected):
    monkeypatch.setattr("smoothxent._kernel.threads._usable_cpus", lambda: cpus)
    assert thread_count(asked_for, 10**9) == expected


@pytest.mark.parametrize(("is_set", "expected"), [(False, 3), (True, 8)])
def test_quota_limits_the_default_unless_the_user_has_set_it(monkeypatch, is_set, expected):
    kernel = builds.kernel("float32")
    monkeypatch.setattr(kernel, "max_threads", lambda: 8)
    monkeypatch.setattr("smoothxent._kernel.threads._usable_cpus", lambda: 3)
    monkeypatch.setattr("smoothxent._kernel.threads._IS_SET_BY_USER", is_set)
    assert default_num_threads() == expected
