"""Run each library in processes of its own, so that a case can't disturb others."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Iterator

from bench import children

from .cases import Case, cases, joined

LIBRARIES = (
    "smoothxent",
    "PyTorch",
    "JAX",
    "TensorFlow",
    "ONNX Runtime",
    "scikit-learn",
    "SciPy",
    "NumPy",
)
PATIENCE = 60.0  # seconds, including a slow start


def answers(name: str, *, apart: bool = True) -> tuple[dict[str, str], dict[str, str]]:
    """Return the answers of a library by name of the case, and the library's details.

    Without `apart`, cases that may crash share a process with others, which is quicker.
    """
    all_cases = cases()
    details: dict[str, str] = {}
    lines_of: defaultdict[str, list[str]] = defaultdict(list)
    for group in _groups(all_cases, apart=apart):
        its_details, lines = _run(name, all_cases[group[0]].threads, group)
        details = details or its_details
        for index, line in zip(group, lines, strict=True):
            lines_of[all_cases[index].name].append(line)
    return {case: joined(lines) for case, lines in lines_of.items()}, details


def _groups(all_cases: list[Case], *, apart: bool) -> Iterator[list[int]]:
    """Yield indices of cases that share a process."""
    together: defaultdict[int, list[int]] = defaultdict(list)
    for index, case in enumerate(all_cases):
        if case.alone and apart:
            yield [index]
        else:
            together[case.threads].append(index)
    yield from together.values()


def _run(name: str, threads: int, indices: list[int]) -> tuple[dict[str, str], list[str]]:
    """Return the library's details, and an answer for each case; it may be a crash or a hang."""
    ended = children.run(
        "bench.promises.child",
        *(name, str(threads), *map(str, indices)),
        # NPROC is the number of XLA's threads; the default is the number of CPUs.
        environment=children.surroundings(NPROC=str(threads)),
        patience=PATIENCE,
    )
    ending = ""
    if ended.hung:
        ending = "hangs"
    elif ended.status < 0:
        ending = f"crash ({signal.Signals(-ended.status).name})"
    elif ended.status:
        ending = f"exit {ended.status}"
    details, *results = ended.lines() or [{}]
    return details, [*results, *[ending] * (len(indices) - len(results))]
