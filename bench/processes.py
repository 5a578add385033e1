"""Runs `pytest bench` for one contender in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cases import selected
from .contenders import Contender

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Plan:
    """What every process of one run is told."""

    threads: int
    quick: bool
    folder: Path  # scratch: the float64 truth, shared by all processes, and their JSON files

    def measurements(self, contender: type[Contender]) -> int:
        return sum(contender.takes(group, case) for group, case in selected(quick=self.quick))


class ContenderFailed(Exception):
    """smoothxent gave a wrong result or crashed; the text is the end of pytest's report."""


def run_contender(
    contender: type[Contender], plan: Plan, advance: Callable[[], None]
) -> tuple[dict[str, Any] | None, str]:
    """Return pytest-benchmark's JSON, if any, and the end of pytest's report, if a test failed.

    `advance` is called after each measurement.
    """
    output = plan.folder / "measured.json"
    output.unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(ROOT / "bench"),
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
    ]
    lines = []
    # What one pass of torch.compile has compiled serves the next.
    environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(plan.folder / "inductor")}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line)
            if " PASSED" in line or " FAILED" in line:
                advance()
    measured = json.loads(output.read_text()) if output.exists() else None
    return measured, "".join(lines[-40:]) if child.returncode else ""
