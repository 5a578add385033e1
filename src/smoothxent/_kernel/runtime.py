"""The OpenMP runtime of the kernels: who loaded it, and how long its idle threads spin.

An idle thread spins before it sleeps. If work comes soon, spinning saves the cost of waking the
thread; otherwise it takes a CPU from other work. By default GCC's runtime spins for milliseconds.
That delays a matrix product before a loss, and the loss after it. This module sets the spin time to
about the time that waking a thread takes. It can do so only when it loads the runtime: a runtime
that is already loaded keeps its own policy. A policy that the user has set takes precedence.
"""

import os
from typing import NamedTuple

from smoothxent._kernel import openmp

_SPIN = 5e-5  # seconds; about the time to wake a thread


class Runtime(NamedTuple):
    path: str  # "" where the kernels were built without OpenMP
    is_ours: bool  # whether smoothxent was the first to load it
    wait_policy: str


def load(kernel: str) -> Runtime:
    """Load the file of a kernel, and with it the runtime, unless the runtime is already loaded."""
    before = openmp.libraries()
    settings = []
    if not _policies("GOMP_SPINCOUNT"):
        settings.append(b"GOMP_SPINCOUNT=%d" % openmp.turns_in(_SPIN))
    if not _policies("KMP_BLOCKTIME"):
        settings.append(b"KMP_BLOCKTIME=0")  # LLVM's runtime counts in milliseconds
    path = openmp.load(os.fsencode(kernel), settings)
    is_ours, is_gnu = path not in before, "libgomp" in path
    if policies := _policies("GOMP_SPINCOUNT" if is_gnu else "KMP_BLOCKTIME"):
        policy = f"{', '.join(policies)}, set by the user"
    elif not is_ours:
        policy = "the runtime's own"
    elif is_gnu:
        policy = f"spin for {_SPIN * 1e6:.0f} microseconds, then sleep"
    else:
        policy = "sleep at once"
    return Runtime(path, is_ours, policy if path else "")


def _policies(variable: str) -> list[str]:
    """Return the user's settings of OMP_WAIT_POLICY and of this variable, as NAME=VALUE."""
    settings = {name: os.environ.get(name, "").strip() for name in ("OMP_WAIT_POLICY", variable)}
    if settings["OMP_WAIT_POLICY"].lower() not in {"active", "passive"}:
        del settings["OMP_WAIT_POLICY"]  # the runtime ignores it
    return [f"{name}={value}" for name, value in settings.items() if value]
