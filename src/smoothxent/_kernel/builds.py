"""Choice of the build of the kernel for this CPU."""

import os
import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from smoothxent._kernel import cpu, runtime
from smoothxent._kernel.protocol import Kernel

_ISAS = ("portable", "neon", "avx2", "avx512")  # slowest first


def available_isas() -> tuple[str, ...]:
    """Return the instruction sets that this CPU can run; the last one is the default.

    The environment variable ``SMOOTHXENT_ISA`` selects another one. It is read when the package is
    imported. Results have the same bits with each of them, except for the sign of a nan.

    Returns
    -------
    tuple of str
        Names out of "portable", "avx2" and "avx512" (x86-64), "neon" (aarch64).

    Examples
    --------
    >>> import smoothxent
    >>> "portable" in smoothxent.available_isas()
    True
    """
    return tuple(isa for isa in _ISAS if cpu.supports(isa))


def _chosen_isa() -> str:
    name = os.environ.get("SMOOTHXENT_ISA", "")
    available = available_isas()
    if name and name not in available:
        # With the package's name, `python -m smoothxent` prints one line instead of a traceback.
        rule = f"SMOOTHXENT_ISA must be one of {', '.join(available)}"
        raise ImportError(f"{rule}, got {name}", name="smoothxent")
    return name or available[-1]


def _module(dtype: str) -> str:
    return f"{__package__}.{ISA}_{dtype}"


ISA = _chosen_isa()
# The OpenMP runtime is loaded through the file of a kernel, before any kernel is imported.
_SPEC = find_spec(_module("float32"))
RUNTIME = runtime.load((_SPEC and _SPEC.origin) or "")


@cache
def kernel(dtype: str) -> Kernel:
    """Return the build of the kernel for logits of this dtype."""
    return cast(Kernel, import_module(_module(dtype)))


def loaded_kernels() -> list[Kernel]:
    """Return the builds that are loaded."""
    start = _module("")
    names = [name for name in sys.modules if name.startswith(start)]
    return [cast(Kernel, sys.modules[name]) for name in names]
