"""Run `pytest bench/speed` for one contender in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import children
from bench.children import ROOT
from bench.peers import Peer

from .cases import selected
from .contenders import takes


@dataclass(frozen=True)
class Plan:
    """Options that are the same for all processes of a run."""

    threads: int
    quick: bool
    folder: Path  # temporary: the float64 results, shared by all processes, and their JSON files

    def measurements(self, contender: type[Peer]) -> int:
        return sum(takes(contender, group, case) for group, case in selected(quick=self.quick))


class ContenderFailed(Exception):
    """smoothxent returned a wrong result or crashed; the text is the end of pytest's report."""


def run_contender(
    contender: type[Peer], plan: Plan, advance: Callable[[], None]
) -> tuple[dict[str, Any] | None, str]:
    """Return pytest-benchmark's JSON, if any, and the end of pytest's report, if a test failed.

    `advance` is called after each measurement.
    """
    output = plan.folder / "measured.json"
    output.unlink(missing_ok=True)

    def each_line(line: str) -> None:
        if " PASSED" in line or " FAILED" in line:
            advance()

    ended = children.run(
        "pytest",
        str(ROOT / "bench" / "speed"),
        "--verbose",
        "--no-header",
        "--tb=short",
        "--override-ini=addopts=",
        "-p",
        "no:cacheprovider",
        "--contender",
        contender.name,
        "--bench-threads",
        str(plan.threads),
        "--bench-truth",
        str(plan.folder),
        "--benchmark-quiet",
        "--benchmark-disable-gc",
        "--benchmark-storage",
        str(plan.folder / "storage"),
        "--benchmark-json",
        str(output),
        *(["--bench-quick"] if plan.quick else []),
        # Later passes reuse the code that torch.compile has compiled.
        environment=children.surroundings(TORCHINDUCTOR_CACHE_DIR=str(plan.folder / "inductor")),
        each_line=each_line,
    )
    measured = json.loads(output.read_text()) if output.exists() else None
    lines = f"{ended.output}{ended.errors}".splitlines(keepends=True)
    return measured, "".join(lines[-40:]) if ended.status else ""
