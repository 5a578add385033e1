"""The OpenMP runtime of the kernels: who loaded it, and how long its idle threads spin.

A thread that waits for work spins before it sleeps. That saves waking it where work comes soon, and
takes a CPU from others where it does not. GCC's runtime spins for milliseconds, unless it is told
otherwise when it is loaded: long enough to hold up the matrix product before a loss, and the loss
after it. Here it spins for as long as waking a thread takes. A policy that the user has set counts
instead, and a runtime that is loaded already keeps its own.
"""

import os
from typing import NamedTuple

from smoothxent._kernel import openmp

_SPIN = 5e-5  # seconds: about what waking a thread takes


class Runtime(NamedTuple):
    path: str  # "" where the kernels were built without OpenMP
    is_ours: bool  # whether nobody had loaded it before us
    wait_policy: str


def load(kernel: str) -> Runtime:
    """Load this file of a kernel, and with it the runtime, unless that is loaded already."""
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


def _policies(of_runtime: str) -> list[str]:
    """What the user has set of OpenMP's variable and the runtime's own, as NAME=VALUE."""
    said = {name: os.environ.get(name, "").strip() for name in ("OMP_WAIT_POLICY", of_runtime)}
    if said["OMP_WAIT_POLICY"].lower() not in {"active", "passive"}:
        del said["OMP_WAIT_POLICY"]  # the runtime passes over it
    return [f"{name}={value}" for name, value in said.items() if value]
