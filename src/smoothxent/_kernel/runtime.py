"""The OpenMP runtime of the kernels: who loaded it, and how long its idle threads spin.

An idle thread spins before it sleeps. If work comes soon, spinning saves the cost of waking the
thread; otherwise it takes a CPU from other work. By default GCC's runtime spins for milliseconds.
That delays a matrix product before a loss, and the loss after it. This module sets the spin time to
about the time that waking a thread takes. A runtime reads that time once, from the environment: a
runtime that is already loaded keeps its own policy. A policy that the user has set takes
precedence.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

# GCC's runtime counts turns of a loop, 3,000 of which take 20 to 140 microseconds; LLVM's counts
# milliseconds.
_WAITING = {"GOMP_SPINCOUNT": "3000", "KMP_BLOCKTIME": "0"}
_LOADED = Path("/proc/self/maps")  # names the loaded libraries, on Linux


class Runtime(NamedTuple):
    path: str  # "" where the kernels were built without OpenMP
    is_ours: bool  # whether smoothxent was the first to load it
    wait_policy: str


def load(kernel: str) -> Runtime:
    """Load the file of a kernel, and with it the runtime, unless the runtime is already loaded."""
    before = _LOADED.read_text(errors="replace") if _LOADED.exists() else ""
    with _environment({name: each for name, each in _WAITING.items() if not _policies(name)}):
        path = _runtime_of(kernel)
    is_ours, is_gnu = path not in before, "libgomp" in path
    if policies := _policies("GOMP_SPINCOUNT" if is_gnu else "KMP_BLOCKTIME"):
        policy = f"{', '.join(policies)}, set by the user"
    elif not is_ours:
        policy = "the runtime's own"
    elif is_gnu:
        policy = f"spin for {_WAITING['GOMP_SPINCOUNT']} turns, then sleep"
    else:
        policy = "sleep at once"
    return Runtime(path, is_ours, policy if path else "")


class _Place(ctypes.Structure):
    """Dl_info of dladdr."""

    _fields_ = (
        ("path", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def _runtime_of(kernel: str) -> str:
    """Load the file of a kernel; return the path of the runtime that it uses, "" if none."""
    process, place = ctypes.CDLL(None), _Place()
    try:
        library = ctypes.CDLL(kernel)
        # Found as the kernel finds it: in the whole process, else in what the kernel depends on.
        function = getattr(process, "omp_get_max_threads", None) or library.omp_get_max_threads
    except (OSError, AttributeError):
        return ""
    function()  # LLVM's runtime reads the environment at its first call
    process.dladdr(function, ctypes.byref(place))
    return os.fsdecode(place.path)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set the variables, and later give them back the values that they had."""
    had = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in had.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _policies(variable: str) -> list[str]:
    """Return the user's settings of OMP_WAIT_POLICY and of this variable, as NAME=VALUE."""
    settings = {name: os.environ.get(name, "").strip() for name in ("OMP_WAIT_POLICY", variable)}
    if settings["OMP_WAIT_POLICY"].lower() not in {"active", "passive"}:
        del settings["OMP_WAIT_POLICY"]  # the runtime ignores it
    return [f"{name}={value}" for name, value in settings.items() if value]
