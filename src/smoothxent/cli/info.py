"""Say which version, instruction set, threads and dtypes a call would use here."""

import argparse
import platform

import numpy as np

import smoothxent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command has no options of its own."""


def run(arguments: argparse.Namespace) -> None:
    """Print one fact a line, name first."""
    del arguments
    info = smoothxent.info()
    facts = {
        "smoothxent": smoothxent.__version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "numpy": np.__version__,
        "instruction sets": ", ".join(info["available_isas"]),
        "in use": info["isa"],
        "threads": info["num_threads"],
        "OpenMP": "yes" if info["openmp"] else "no",
        "dtypes": ", ".join(info["dtypes"]),
    }
    for name, value in facts.items():
        print(f"{name + ':':<18}{value}")
