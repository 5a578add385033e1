"""The saved result: the worst error of each library, by function, dtype and regime or setting.

For smoothxent there are also errors by number of classes, and the case closest to its bound.
"""

from __future__ import annotations

import math
import platform
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, field
from datetime import date
from pathlib import Path

from bench import machine, saved
from bench.peers import OURS

from .comparison import Comparison, Worst
from .problems import Problem

REGIME, SETTING, CLASSES = "regime", "setting", "classes"


@dataclass(frozen=True)
class Record:
    """The worst error in one group; `by` is the kind of group: regime, setting or classes."""

    library: str
    function: str
    dtype: str
    by: str
    name: str
    ulps: float | None  # None stands for infinity: nan or inf where the exact value is finite
    fraction: float | None  # of the bound
    zero: bool
    case: str  # for smoothxent: the case with the largest fraction


@dataclass
class Campaign:
    """All results of one run of `python -m bench.accuracy`."""

    day: str
    cpu: str
    system: str
    python: str
    instruction_set: str
    versions: dict[str, str]
    compared: int  # result arrays of smoothxent
    records: list[Record]
    failures: dict[str, str] = field(default_factory=dict)

    def select(self, *key: str) -> list[Record]:
        """Return the records of a library, function, dtype and kind of group."""
        return [r for r in self.records if (r.library, r.function, r.dtype, r.by) == key]

    def names(self, by: str) -> list[str]:
        return list(dict.fromkeys(r.name for r in self.records if r.by == by))

    def exceeded(self, library: str) -> list[Record]:
        """Return the library's records of regimes that exceed their bound, the worst first."""
        exceeded = [
            r
            for r in self.records
            if (r.library, r.by) == (library, REGIME) and (r.fraction is None or r.fraction > 1)
        ]
        return sorted(exceeded, key=lambda r: -_number(r.fraction))

    def save(self, path: Path) -> None:
        """Write the run; of the records, which come last, write only the values, to be short."""
        whole = {key: value for key, value in asdict(self).items() if key != "records"}
        saved.save(path, whole | {"records": [astuple(record) for record in self.records]})


def load(path: Path) -> Campaign:
    whole = saved.load(path)
    return Campaign(**whole | {"records": [Record(*record) for record in whole["records"]]})


class Tally:
    """Collects comparisons and keeps the worst."""

    def __init__(self) -> None:
        self._worst: defaultdict[tuple[str, str, str, str, str], Worst] = defaultdict(Worst)

    def add(self, library: str, problem: Problem, comparisons: Iterable[Comparison]) -> int:
        """Add comparisons; return their number."""
        count = 0
        for comparison in comparisons:
            count += 1
            names = {REGIME: problem.regime, SETTING: comparison.setting}
            if library == OURS:
                names[CLASSES] = f"{problem.num_classes:,}"
            for by, name in names.items():
                if name:
                    key = (library, comparison.function, problem.dtype, by, name)
                    self._worst[key] = self._worst[key].joined(comparison.worst)
        return count

    def records(self) -> list[Record]:
        return [
            Record(
                *key,
                _finite(worst.ulps),
                _rounded_up(worst.fraction),
                worst.zero,
                worst.case * (key[0] == OURS),
            )
            for key, worst in self._worst.items()
        ]


def campaign(
    tally: Tally, compared: int, details: dict[str, dict[str, str]], failures: dict[str, str]
) -> Campaign:
    """Return the figures together with the machine and the versions."""
    isa = next(
        (each["instruction_set"] for each in details.values() if "instruction_set" in each),
        "unknown",
    )
    return Campaign(
        day=date.today().isoformat(),
        cpu=machine.cpu(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        instruction_set=isa,
        versions={name: each["version"] for name, each in details.items()},
        compared=compared,
        records=tally.records(),
        failures=failures,
    )


def _finite(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _rounded_up(fraction: float) -> float | None:
    """Round up, so that a fraction above 1 stays above 1."""
    return math.ceil(fraction * 1e4) / 1e4 if math.isfinite(fraction) else None


def _number(value: float | None) -> float:
    return math.inf if value is None else value
