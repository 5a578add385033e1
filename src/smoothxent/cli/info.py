"""Show the version, instruction set, threads and dtypes that calls use on this machine."""

import argparse
import json
import platform

import numpy as np

import smoothxent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the option of `smoothxent info`."""
    parser.add_argument("--json", action="store_true", help="print JSON, for other programs")


def run(arguments: argparse.Namespace) -> None:
    """Print one fact a line, name first."""
    facts = {
        "smoothxent": smoothxent.__version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "numpy": np.__version__,
    }
    info = smoothxent.info()
    if arguments.json:
        print(json.dumps(facts | info, indent=1))
        return
    facts |= {
        "instruction sets": ", ".join(info["available_isas"]),
        "in use": info["isa"],
        "threads": str(info["num_threads"]),
        "dtypes": ", ".join(info["dtypes"]),
        "OpenMP": "no",
    }
    if info["openmp"]:
        facts["OpenMP"] = f"{info['openmp_runtime']}, loaded by {info['openmp_loaded_by']}"
        facts["idle threads"] = info["wait_policy"]
    for name, value in facts.items():
        print(f"{name + ':':<18}{value}")
