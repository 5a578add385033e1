"""Which build of the kernel this CPU runs."""

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
    """Return the instruction sets that this CPU can run, the one in use by default last.

    The environment variable ``SMOOTHXENT_ISA``, read when the package is imported, chooses another
    one of them. Results have the same bits with each, but for the sign of a nan.

    Returns
    -------
    tuple of str
        Of "portable", "avx2" and "avx512" (x86-64), "neon" (aarch64).

    Examples
    --------
    >>> import smoothxent
    >>> "portable" in smoothxent.available_isas()
    True
    """
    return tuple(isa for isa in _ISAS if cpu.supports(isa))


def _chosen_isa() -> str:
    wish = os.environ.get("SMOOTHXENT_ISA", "")
    available = available_isas()
    if wish and wish not in available:
        # With the package's name `python -m smoothxent` prints one line in place of a traceback.
        rule = f"SMOOTHXENT_ISA must be one of {', '.join(available)}"
        raise ImportError(f"{rule}, got {wish}", name="smoothxent")
    return wish or available[-1]


def _module(dtype: str) -> str:
    return f"{__package__}.{ISA}_{dtype}"


def _loaded_runtime() -> runtime.Runtime:
    """Load OpenMP's runtime with the first kernel, whose import then finds it."""
    spec = find_spec(_module("float32"))
    return runtime.load((spec and spec.origin) or "")


ISA = _chosen_isa()
RUNTIME = _loaded_runtime()


@cache
def kernel(dtype: str) -> Kernel:
    """Return the build of the kernel for logits of the dtype of this name."""
    return cast(Kernel, import_module(_module(dtype)))


def loaded_kernels() -> list[Kernel]:
    """Return the builds that are loaded."""
    start = _module("")
    names = [name for name in sys.modules if name.startswith(start)]
    return [cast(Kernel, sys.modules[name]) for name in names]
