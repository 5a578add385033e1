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
from pathlib import Path
from typing import NamedTuple

# GCC's runtime counts turns of a loop, 3,000 of which take 20 to 140 microseconds; LLVM's counts
# milliseconds.
_SPINS = "3000"
_WAITING = (("GOMP_SPINCOUNT", _SPINS), ("KMP_BLOCKTIME", "0"))
_LOADED = Path("/proc/self/maps")  # names the loaded libraries, on Linux


class Runtime(NamedTuple):
    path: str  # "" where the kernels were built without OpenMP
    is_ours: bool  # whether smoothxent was the first to load it
    wait_policy: str


def load(kernel: str) -> Runtime:
    """Load the file of a kernel, and with it the runtime, unless the runtime is already loaded."""
    before = _LOADED.read_text(errors="replace") if _LOADED.exists() else ""
    environment = os.environ
    ours = {name: value for name, value in _WAITING if not _policies(name)}
    theirs = {name: environment[name] for name in ours if name in environment}
    environment.update(ours)
    try:
        path = _runtime_of(kernel)
    finally:
        for name in ours:
            del environment[name]
        environment.update(theirs)
    is_ours, is_gnu = path not in before, "libgomp" in path
    if policies := _policies("GOMP_SPINCOUNT" if is_gnu else "KMP_BLOCKTIME"):
        policy = f"{', '.join(policies)}, set by the user"
    elif not is_ours:
        policy = "the runtime's own"
    elif is_gnu:
        policy = f"spin for {_SPINS} turns, then sleep"
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
    return os.path.realpath(os.fsdecode(place.path))  # as in _LOADED; a wheel's has ../.. in it


def _policies(variable: str) -> list[str]:
    """Return the user's settings of OMP_WAIT_POLICY and of this variable, as NAME=VALUE."""
    settings = {name: os.environ.get(name, "").strip() for name in ("OMP_WAIT_POLICY", variable)}
    if settings["OMP_WAIT_POLICY"].lower() not in {"active", "passive"}:
        del settings["OMP_WAIT_POLICY"]  # the runtime ignores it
    return [f"{name}={value}" for name, value in settings.items() if value]
