"""The saved result: medians and minima, the machine and the versions; no raw rounds."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from bench import machine, saved
from bench.peers import OURS
from bench.peers.peer import GROUPS

from .cases import CASES, Case


@dataclass(frozen=True)
class Record:
    """One contender on one case; the median is the median of the medians of all passes."""

    group: str
    case: str
    contender: str
    threads: int
    median_s: float
    min_s: float
    rounds: int
    loss_error: float  # relative
    gradient_error: float | None  # of sampled rows, in units of 1 / N


@dataclass(frozen=True)
class Run:
    """All results of one run of `python -m bench`."""

    day: str
    cpu: str
    cores: int
    system: str
    python: str
    threads: int
    instruction_set: str
    versions: dict[str, str]
    passes: int
    others_busy: float | None  # cores that other processes kept busy meanwhile
    records: list[Record]

    def find(self, group: str, case: Case, contender: str) -> Record | None:
        key = (group, case.id, contender)
        found = (r for r in self.records if (r.group, r.case, r.contender) == key)
        return next(found, None)

    def cases(self, group: str) -> list[Case]:
        """Return the measured cases, in the order of CASES."""
        measured = {record.case for record in self.records if record.group == group}
        return [case for case in CASES if case.id in measured]

    def groups(self) -> list[str]:
        return [group for group in GROUPS if self.cases(group)]

    def contenders(self, group: str) -> list[str]:
        """Return the measured contenders, in the order of their runs."""
        return list(dict.fromkeys(r.contender for r in self.records if r.group == group))

    def peers(self, group: str) -> list[str]:
        """Return the measured contenders that are other libraries."""
        return [name for name in self.contenders(group) if not name.startswith(OURS)]

    def ratio(self, group: str, case: Case, contender: str) -> float | None:
        """Return the time of the contender relative to smoothxent."""
        ours, theirs = (self.find(group, case, name) for name in (OURS, contender))
        return theirs.median_s / ours.median_s if ours and theirs else None

    def fastest_peer(self, group: str, case: Case) -> Record | None:
        found = (self.find(group, case, name) for name in self.peers(group))
        return min(filter(None, found), key=lambda record: record.median_s, default=None)

    def heading(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return (
            f"{self.cpu}, {threads} of {self.cores} cores, {self.instruction_set}; "
            f"{versions}, Python {self.python}; {self.day}"
        )

    def save(self, path: Path) -> None:
        saved.save(path, asdict(self))


def load(path: Path) -> Run:
    whole = saved.load(path)
    return Run(**whole | {"records": [Record(**record) for record in whole["records"]]})


def merge(
    measured: Iterable[dict[str, Any]], *, threads: int, passes: int, others_busy: float | None
) -> Run:
    """Return one run, from the pytest-benchmark JSON of all processes of all passes."""
    by_key = defaultdict(list)
    versions: dict[str, str] = {}
    instruction_set = "unknown"
    for process in measured:
        for entry in process["benchmarks"]:
            info = entry["extra_info"]
            by_key[info["contender"], info["group"], info["case"]].append(entry)
            versions.setdefault(info["product"], info["version"])
            instruction_set = info.get("instruction_set", instruction_set)
    return Run(
        day=date.today().isoformat(),
        cpu=machine.cpu(),
        cores=os.cpu_count() or 0,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        threads=threads,
        instruction_set=instruction_set,
        versions=versions,
        passes=passes,
        others_busy=others_busy,
        records=[_record(entries) for entries in by_key.values()],
    )


def _record(entries: list[dict[str, Any]]) -> Record:
    info = entries[0]["extra_info"]
    return Record(
        group=info["group"],
        case=info["case"],
        contender=info["contender"],
        threads=info["threads"],
        median_s=median(entry["stats"]["median"] for entry in entries),
        min_s=min(entry["stats"]["min"] for entry in entries),
        rounds=sum(entry["stats"]["rounds"] for entry in entries),
        loss_error=info["loss_error"],
        gradient_error=info.get("gradient_error"),
    )
