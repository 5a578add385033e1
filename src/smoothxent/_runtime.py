"""The OpenMP runtime of the kernels: who loaded it, and how long its idle threads spin.

A thread that waits for work spins before it sleeps. That saves waking it where work comes soon, and
takes a CPU from others where it does not. GCC's runtime spins for milliseconds, unless it is told
otherwise when it is loaded: long enough to hold up the matrix product before a loss, and the loss
after it. Here it spins for as long as waking a thread takes. A policy that the user has set counts
instead, and a runtime that is loaded already keeps its own.
"""

import os
from typing import NamedTuple

from smoothxent import _openmp

_SPIN = 5e-5  # seconds: about what waking a thread takes
_LLVM_SLEEPS = b"KMP_BLOCKTIME=0"  # whose runtime knows whole milliseconds only
_POLICIES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


class Runtime(NamedTuple):
    path: str  # "" where the kernels were built without OpenMP
    is_ours: bool  # whether nobody had loaded it before us
    wait_policy: str


def load(kernel: str) -> Runtime:
    """Load this file of a kernel, and with it the runtime, unless that is loaded already."""
    policies = [f"{name}={os.environ[name]}" for name in _POLICIES if os.environ.get(name)]
    before = _openmp.libraries()
    settings = [] if policies else [b"GOMP_SPINCOUNT=%d" % _openmp.turns_in(_SPIN), _LLVM_SLEEPS]
    path = _openmp.load(os.fsencode(kernel), settings)
    is_ours = path not in before
    if policies:
        policy = f"{', '.join(policies)}, set by the user"
    elif is_ours and "libgomp" in path:
        policy = f"spin for {_SPIN * 1e6:.0f} microseconds, then sleep"
    elif is_ours:
        policy = "sleep at once"
    else:
        policy = "the runtime's own"
    return Runtime(path, is_ours, policy if path else "")
