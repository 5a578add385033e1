"""Say which version, instruction set, threads and dtypes a call would use here."""

import argparse
import pkgutil
import platform

import numpy as np

import smoothxent
from smoothxent import _dispatch, _threads


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has no options of its own."""


def run(arguments: argparse.Namespace) -> None:
    """Print one fact a line, name first."""
    del arguments
    facts = {
        "smoothxent": smoothxent.__version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "numpy": np.__version__,
        "instruction sets": ", ".join(smoothxent.available_isas()),
        "in use": _dispatch.ISA,
        "threads": _threads.resolve(None),
        "OpenMP": "yes" if _dispatch.kernel(np.dtype(np.float32)).OPENMP else "no",
        "dtypes": ", ".join(_dtypes()),
    }
    for name, value in facts.items():
        print(f"{name + ':':<18}{value}")


def _dtypes() -> list[str]:
    """Return the dtypes that the instruction set in use was built for."""
    start = f"_kernel_{_dispatch.ISA}_"
    names = (module.name for module in pkgutil.iter_modules(smoothxent.__path__))
    return sorted(name.removeprefix(start) for name in names if name.startswith(start))
