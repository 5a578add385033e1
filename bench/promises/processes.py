"""Each library in processes of its own: what a case does to one, no other case can feel."""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from collections.abc import Iterator

from bench import children

from .cases import Case, cases, joined

PATIENCE = 60.0  # seconds; slow starts included


def answers(name: str, *, apart: bool = True) -> tuple[dict[str, str], dict[str, str]]:
    """Return what a library said, by the case's name, and its details.

    Unless `apart`, cases share a process that may be brought down, which is quicker.
    """
    asked = cases()
    details: dict[str, str] = {}
    said: defaultdict[str, list[str]] = defaultdict(list)
    for group in _groups(asked, apart=apart):
        found, lines = _run(name, asked[group[0]].threads, group)
        details = details or found
        for index, line in zip(group, lines, strict=True):
            said[asked[index].name].append(line)
    return {case: joined(found) for case, found in said.items()}, details


def _groups(asked: list[Case], *, apart: bool) -> Iterator[list[int]]:
    """Yield indices of cases that share a process."""
    together: defaultdict[int, list[int]] = defaultdict(list)
    for index, case in enumerate(asked):
        if case.alone and apart:
            yield [index]
        else:
            together[case.threads].append(index)
    yield from together.values()


def _run(name: str, threads: int, indices: list[int]) -> tuple[dict[str, str], list[str]]:
    """Return the library's details, and an answer for each; of those that a crash left out, why."""
    ended = children.run(
        "bench.promises.child",
        *(name, str(threads), *map(str, indices)),
        # NPROC: XLA's threads, which else are as many as the process has CPUs.
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
    lines = [json.loads(line) for line in ended.output.splitlines()]
    details, found = (lines or [{}])[0], lines[1:]
    return details, [*found, *[ending] * (len(indices) - len(found))]
