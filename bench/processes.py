"""Runs `pytest bench` for one contender in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cases import GROUPS, selected
from .contenders import Contender

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Plan:
    """What every process of one run is told."""

    threads: int
    quick: bool
    folder: Path  # scratch: the float64 truth, shared by all processes, and their JSON files

    def measurements(self, contender: type[Contender]) -> int:
        groups = contender.groups
        return sum(group in groups for group, _ in selected(quick=self.quick) if group in GROUPS)


class ContenderFailed(Exception):
    """A contender gave a wrong result or crashed; the text is the end of pytest's report."""


def run_contender(
    contender: type[Contender], plan: Plan, advance: Callable[[], None]
) -> dict[str, Any]:
    """Return pytest-benchmark's JSON; `advance` is called after each measurement."""
    output = plan.folder / "measured.json"
    output.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "pytest", str(ROOT / "bench"),
        "--verbose", "--no-header", "--tb=short",
        "-W", "ignore::pytest_benchmark.logger.PytestBenchmarkWarning",
        "--override-ini=addopts=", "-p", "no:cacheprovider",
        "--contender", contender.name,
        "--bench-threads", str(plan.threads),
        "--bench-truth", str(plan.folder),
        "--benchmark-quiet", "--benchmark-disable-gc",
        "--benchmark-storage", str(plan.folder / "storage"),
        "--benchmark-json", str(output),
        *(["--bench-quick"] if plan.quick else []),
    ]
    lines = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line)
            if " PASSED" in line:
                advance()
    if child.returncode or not output.exists():
        raise ContenderFailed("".join(lines[-40:]))
    measured: dict[str, Any] = json.loads(output.read_text())
    return measured
