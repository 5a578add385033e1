"""The saved result: the worst error of each library, by function, dtype and regime or setting.

Of smoothxent also by number of classes, and with the case that came closest to its bar.
"""

from __future__ import annotations

import math
import platform
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, field
from datetime import date
from pathlib import Path

from bench import saved
from bench.peers import OURS

from .judge import Verdict, Worst
from .problems import Problem

REGIME, SETTING, CLASSES = "regime", "setting", "classes"


@dataclass(frozen=True)
class Record:
    """`by` says of what the worst is taken: of a regime, a setting or a number of classes."""

    library: str
    function: str
    dtype: str
    by: str
    name: str
    ulps: float | None  # None stands for infinity: nan or inf where the exact value is finite
    fraction: float | None  # of the bar
    zero: bool
    case: str  # of smoothxent: what came closest to its bar, or exceeded it most


@dataclass
class Campaign:
    """All of one `python -m bench.accuracy`."""

    day: str
    cpu: str
    system: str
    python: str
    instruction_set: str
    versions: dict[str, str]
    judged: int  # results of smoothxent, each an array
    records: list[Record]
    failures: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._found = {(r.library, r.function, r.dtype, r.by, r.name): r for r in self.records}

    def find(self, library: str, function: str, dtype: str, by: str, name: str) -> Record | None:
        return self._found.get((library, function, dtype, by, name))

    def names(self, by: str) -> list[str]:
        return list(dict.fromkeys(r.name for r in self.records if r.by == by))

    def broken(self, library: str) -> list[Record]:
        """Return the library's records of regimes that are beyond their bar, the worst first."""
        beyond = [
            r
            for r in self.records
            if (r.library, r.by) == (library, REGIME) and (r.fraction is None or r.fraction > 1)
        ]
        return sorted(beyond, key=lambda r: -_number(r.fraction))

    def save(self, path: Path) -> None:
        """Write of the records, which come last, only the values: short."""
        whole = {key: value for key, value in asdict(self).items() if key != "records"}
        saved.save(path, whole | {"records": [astuple(record) for record in self.records]})


def load(path: Path) -> Campaign:
    whole = saved.load(path)
    return Campaign(**whole | {"records": [Record(*record) for record in whole["records"]]})


class Tally:
    """Takes verdicts, keeps the worst."""

    def __init__(self) -> None:
        self._worst: defaultdict[tuple[str, str, str, str, str], Worst] = defaultdict(Worst)

    def add(self, library: str, problem: Problem, verdicts: Iterable[Verdict]) -> int:
        """Return how many verdicts there were."""
        count = 0
        for verdict in verdicts:
            count += 1
            names = {REGIME: problem.regime, SETTING: verdict.setting}
            if library == OURS:
                names[CLASSES] = f"{problem.num_classes:,}"
            for by, name in names.items():
                if name:
                    key = (library, verdict.function, problem.dtype, by, name)
                    self._worst[key] = self._worst[key].joined(verdict.worst)
        return count

    def records(self) -> list[Record]:
        return [
            Record(
                *key,
                _finite(worst.ulps),
                _raised(worst.fraction),
                worst.zero,
                worst.case * (key[0] == OURS),
            )
            for key, worst in self._worst.items()
        ]


def campaign(
    tally: Tally, judged: int, details: dict[str, dict[str, str]], failures: dict[str, str]
) -> Campaign:
    """Put the machine and the versions to the figures."""
    isa = next(
        (found["instruction_set"] for found in details.values() if "instruction_set" in found),
        "unknown",
    )
    return Campaign(
        day=date.today().isoformat(),
        cpu=_cpu(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        instruction_set=isa,
        versions={name: found["version"] for name, found in details.items()},
        judged=judged,
        records=tally.records(),
        failures=failures,
    )


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown CPU"


def _finite(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _raised(fraction: float) -> float | None:
    """Round up: what exceeds its bar shows it."""
    return math.ceil(fraction * 1e4) / 1e4 if math.isfinite(fraction) else None


def _number(value: float | None) -> float:
    return math.inf if value is None else value
