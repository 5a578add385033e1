"""Check an installed wheel, with NumPy as the only other package: `python tools/wheel/check.py`.

A wheel that carries libraries, such as OpenMP's runtime, has a list of them (an SBOM).

With an OpenMP runtime that is too old, a forked child hangs if its parent has used threads. Here
the child has a time limit.
"""

import json
import math
import os
import signal
import sys
from importlib.metadata import files

import numpy as np

import smoothxent

SECONDS = 60  # for the forked child


def main() -> None:
    """Check a known loss, the list of libraries, and that a forked child computes the same bits."""
    logits = [[2.0, 1.0, 0.0]]  # whose mean is 1
    loss = math.log(math.exp(2) + math.exp(1) + 1) - 0.9 * 2 - 0.1 * 1
    computed = smoothxent.cross_entropy(logits, [0], label_smoothing=0.1)
    if not math.isclose(computed, loss, rel_tol=1e-14):
        sys.exit(f"the loss must be {loss}, got {computed}")
    check_libraries()
    if hasattr(os, "fork"):
        check_fork()
    print(f"smoothxent {smoothxent.__version__} computes, from {smoothxent.__file__}")


def check_libraries() -> None:
    """Check that the SBOM, which auditwheel writes, names the package of each library."""
    paths = files("smoothxent") or []
    libraries = {path.name.partition("-")[0] for path in paths if path.parts[0].endswith(".libs")}
    sboms = [json.loads(path.read_text()) for path in paths if "sboms" in path.parts]
    named = [part["name"] for sbom in sboms for part in sbom["components"]]
    for library in libraries:
        if not any(name.startswith(library) for name in named):
            sys.exit(f"the SBOM must name {library}, got {', '.join(named) or 'no SBOM'}")


def check_fork() -> None:
    """Compute on two threads in this process, then in a forked child."""
    logits = np.random.default_rng(0).normal(size=(4096, 1000))
    labels = np.arange(4096) % 1000
    loss = smoothxent.cross_entropy(logits, labels, num_threads=2)
    child = os.fork()
    if not child:
        signal.alarm(SECONDS)  # ends the child
        os._exit(smoothxent.cross_entropy(logits, labels, num_threads=2) != loss)
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(f"a forked child must compute the same loss, got status {status}")


if __name__ == "__main__":
    main()
