"""The OpenMP runtime: its idle threads sleep soon, the user's policy counts."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

import smoothxent
from smoothxent._kernel import runtime

RUNTIME = smoothxent.info()["openmp_runtime"]
IS_GNU = "libgomp" in RUNTIME
POLICIES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
UNSET = dict.fromkeys(POLICIES, "")

pytestmark = pytest.mark.skipif(not RUNTIME, reason="the kernels were built without OpenMP")
of_gnu = pytest.mark.skipif(not IS_GNU, reason="libgomp alone shows its settings this way")


@pytest.fixture
def import_settings():
    """Import the package in a child; return the settings that libgomp prints."""

    def settings(**environment):
        clean = {name: value for name, value in os.environ.items() if name not in POLICIES}
        done = subprocess.run(
            [sys.executable, "-c", "import smoothxent"],
            env=clean | {"OMP_DISPLAY_ENV": "verbose"} | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(re.findall(r"(\w+) = '(.*)'", done.stderr))

    return settings


@pytest.mark.fault("openmp-runtime")
@of_gnu
def test_idle_threads_spin_for_about_as_long_as_waking_one_takes(import_settings):
    assert import_settings()["GOMP_SPINCOUNT"] == "3000"  # libgomp's own default: 300,000


@pytest.mark.fault("openmp-runtime")
@pytest.mark.parametrize(
    ("user", "given", "policy"),
    [
        ({}, True, "sleep at once"),
        ({"KMP_BLOCKTIME": "3"}, False, "KMP_BLOCKTIME=3, set by the user"),
        ({"GOMP_SPINCOUNT": "3"}, True, "sleep at once"),  # LLVM's runtime passes over it
    ],
)
def test_idle_threads_of_llvms_runtime_sleep_at_once(monkeypatch, user, given, policy):
    def runtime_of(kernel):
        assert kernel == "kernel.so"
        assert (os.environ.get("KMP_BLOCKTIME") == "0") == given
        return "/nowhere/libomp.so"

    for name in POLICIES:
        monkeypatch.delenv(name, raising=False)
    for name, value in user.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(runtime, "_runtime_of", runtime_of)
    found = runtime.load("kernel.so")
    assert found == runtime.Runtime("/nowhere/libomp.so", is_ours=True, wait_policy=policy)


@pytest.mark.fault("openmp-runtime")
@pytest.mark.slow
@of_gnu
@pytest.mark.parametrize(
    "name, value, shown",
    [
        ("OMP_WAIT_POLICY", "active", {"OMP_WAIT_POLICY": "ACTIVE"}),
        ("OMP_WAIT_POLICY", "passive", {"GOMP_SPINCOUNT": "0"}),
        ("GOMP_SPINCOUNT", "12345678", {"GOMP_SPINCOUNT": "12345678"}),
    ],
)
def test_policy_of_the_user_counts(import_settings, run_child, name, value, shown):
    settings = import_settings(**{name: value})
    assert {key: settings[key] for key in shown} == shown
    source = "import smoothxent; print(smoothxent.info()['wait_policy'])"
    assert run_child(source, **UNSET | {name: value}) == f"{name}={value}, set by the user\n"


@pytest.mark.slow
@of_gnu
@pytest.mark.parametrize("name, value", [("OMP_WAIT_POLICY", "abc"), ("KMP_BLOCKTIME", "3")])
def test_variable_that_the_runtime_passes_over_is_no_policy(import_settings, name, value):
    assert int(import_settings(**{name: value})["GOMP_SPINCOUNT"]) == 3000


ENVIRONMENT = """
import os, subprocess, sys, threading
def environment():
    child = subprocess.run([sys.executable, "-c", "import os; print(dict(os.environ))"],
                           capture_output=True, text=True, check=True)
    return child.stdout, dict(os.environ)
before = environment()
"""


@pytest.mark.fault("openmp-runtime")
def test_import_leaves_no_trace_in_the_environment(run_child):
    source = """
threads = [threading.Thread(target=__import__, args=("smoothxent",)) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
import smoothxent
assert smoothxent.info()["openmp_loaded_by"] == "smoothxent"
print(environment() == before)
"""
    assert run_child(ENVIRONMENT + source) == "True\n"


@pytest.mark.fault("openmp-runtime")
@pytest.mark.skipif("SMOOTHXENT_SANITIZE" in os.environ, reason="sanitizers must be preloaded")
def test_package_can_be_imported_where_the_environment_is_empty():
    source = "import smoothxent; print(smoothxent.info()['openmp_loaded_by'])"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {source}"],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "smoothxent\n"


@pytest.mark.fault("openmp-runtime")
def test_runtime_that_another_package_loaded_is_named(run_child):
    source = """
import ctypes, sys
ctypes.CDLL(sys.argv[1])
import smoothxent
info = smoothxent.info()
assert info["openmp_runtime"] == sys.argv[1]
print(info["openmp_loaded_by"], info["wait_policy"], sep="; ")
"""
    found = run_child(source, RUNTIME, **UNSET)
    assert found == "another package; the runtime's own\n"


# Its start-up code sees the environment of `load`, and changes a variable as another thread might.
SEEN = """
#include <stdlib.h>
#include <string.h>
static char seen[100];
__attribute__((constructor)) static void look(void) {
    const char *value = getenv("GOMP_SPINCOUNT");
    strncpy(seen, value ? value : "nothing", sizeof seen - 1);
    if (getenv("SET_ANOTHER")) setenv("ANOTHER", "1", 1);
    if (getenv("CHANGE")) setenv("CHANGE", "done", 1);
    if (getenv("REMOVE")) unsetenv("REMOVE");
}
const char *what_was_seen(void) { return seen; }
"""


@pytest.mark.fault("openmp-runtime")
@pytest.mark.slow
@pytest.mark.parametrize(
    "given, expected",
    [
        ({"GOMP_SPINCOUNT": "55"}, ["GOMP_SPINCOUNT=55"]),
        (UNSET | {"SET_ANOTHER": "1"}, ["ANOTHER=1", "GOMP_SPINCOUNT=", "SET_ANOTHER=1"]),
        (UNSET | {"CHANGE": "it"}, ["CHANGE=done", "GOMP_SPINCOUNT="]),
        (UNSET | {"REMOVE": "it"}, ["GOMP_SPINCOUNT="]),
        (
            UNSET | {"CHANGE": "", "SET_ANOTHER": ""},
            ["ANOTHER=1", "CHANGE=done", "GOMP_SPINCOUNT=", "SET_ANOTHER="],
        ),
    ],
    ids=["nothing", "sets another", "changes one", "removes one", "changes one and sets another"],
)
def test_loading_gives_variables_back_whatever_another_thread_does_meanwhile(
    run_child, tmp_path, given, expected
):
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if not shutil.which(compiler[0]):
        pytest.skip("needs a C compiler")
    library = tmp_path / "seen.so"
    (tmp_path / "seen.c").write_text(SEEN)
    build = [*compiler, "-shared", "-fPIC", str(tmp_path / "seen.c"), "-o", str(library)]
    subprocess.run(build, check=True)
    source = """
import ctypes, os, subprocess, sys
from smoothxent._kernel import runtime
runtime.load(sys.argv[1])
seen = ctypes.CDLL(sys.argv[1])
seen.what_was_seen.restype = ctypes.c_char_p
child = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout.splitlines()
names = ("ANOTHER", "SET_ANOTHER", "CHANGE", "REMOVE", "GOMP_SPINCOUNT")
print(seen.what_was_seen().decode(), sorted(v for v in child if v.partition("=")[0] in names))
"""
    assert (
        run_child(source, library, **given) == f"{given.get('GOMP_SPINCOUNT') or 3000} {expected}\n"
    )
