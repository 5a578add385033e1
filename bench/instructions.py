"""`python -m bench.instructions`: count instructions with callgrind, compare with saved counts.

Counts repeat to 0.1 % or better; times do not. One more instruction in an inner loop is visible on
a busy machine too. Calls use one thread, and AVX2, because valgrind does not support AVX-512. The
exit status is 1 if a call needs over 3 % more instructions than saved, 2 if nothing could be
compared. Another compiler, Python, NumPy or Cython changes counts by itself: the table is then only
information, and the exit status is 0.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from . import children
from . import saved as results
from .children import ROOT
from .counted import COUNTED
from .figures import aligned

SAVED = ROOT / "bench" / "results" / "instructions.json"
TOLERANCE = 0.03
INSTRUCTION_SETS = {"x86_64": "avx2", "aarch64": "neon"}


@dataclass(frozen=True)
class Figures:
    """Instruction counts by name of the call, and the versions on which they depend."""

    versions: dict[str, str]
    instructions: dict[str, int]

    def save(self, path: Path) -> None:
        results.save(path, asdict(self))


def load(path: Path) -> Figures:
    return Figures(**results.load(path))


class CountingFailed(Exception):
    """valgrind is missing, or the run under it failed; the text says what to do."""


def count() -> Figures:
    """Run bench.counted under callgrind: its 2nd, 4th, ... dumps hold one call each."""
    if not shutil.which("valgrind"):
        raise CountingFailed("counting instructions needs valgrind: apt install valgrind")
    with tempfile.TemporaryDirectory(prefix="smoothxent-count-") as folder:
        dump = f"{folder}/dump"
        valgrind = ("valgrind", "--tool=callgrind", "--dump-before=getppid")
        ended = children.run(
            "bench.counted",
            under=(*valgrind, f"--callgrind-out-file={dump}"),
            environment=_environment(),
        )
        if ended.status:
            raise CountingFailed(f"{ended.errors}\nthe run under valgrind failed")
        counts = [_total(Path(f"{dump}.{2 * n + 2}")) for n in range(len(COUNTED))]
    instructions = {c.name: round(n / c.times) for c, n in zip(COUNTED, counts, strict=True)}
    return Figures(json.loads(ended.output), instructions)


def _environment() -> dict[str, str]:
    """Return an environment with few variables: others would change hashes and addresses."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
        if name in os.environ
    }
    isa = INSTRUCTION_SETS.get(platform.machine(), "portable")
    return kept | {
        "SMOOTHXENT_ISA": isa,
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _total(dump: Path) -> int:
    found = re.search(r"^totals: (\d+)", dump.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise CountingFailed(f"{dump.name} has no totals")
    return int(found[1])


def changes(saved: Figures, now: Figures) -> dict[str, float]:
    """Return the relative change of each call that has both counts."""
    return {
        name: count / saved.instructions[name] - 1
        for name, count in now.instructions.items()
        if name in saved.instructions
    }


def costlier(saved: Figures, now: Figures) -> list[str]:
    return [
        name
        for name in changes(saved, now)
        if now.instructions[name] > (1 + TOLERANCE) * saved.instructions[name]
    ]


def differing(saved: Figures, now: Figures) -> list[str]:
    """Return a text for each version that differs: `Python 3.11.7, saved with 3.13.5`."""
    return [
        f"{name} {now.versions.get(name)}, saved with {saved.versions.get(name)}"
        for name in sorted({*saved.versions, *now.versions})
        if saved.versions.get(name) != now.versions.get(name)
    ]


def table(saved: Figures, now: Figures) -> str:
    changed = changes(saved, now)
    cases = {counted.name: counted.case for counted in COUNTED}
    rows = [["call", "saved", "now", "change", "per row", "per logit"]]
    for name, counted in now.instructions.items():
        row = [name, f"{saved.instructions[name]:,}" if name in changed else "-", f"{counted:,}"]
        row += [f"{100 * changed[name]:+.2f} %" if name in changed else "new"]
        row += [f"{counted / cases[name].num_rows:,.0f}", f"{counted / cases[name].size:,.2f}"]
        rows.append(row)
    return aligned(rows)


def conclusion(saved: Figures, now: Figures) -> tuple[str, int]:
    """Return the last line of the output, and the exit status."""
    if differences := differing(saved, now):
        text = f"Nothing was checked, because versions differ: {'; '.join(differences)}. To check"
        return f"{text}, save the counts of the previous commit: --save --figures FILE.", 0
    if names := costlier(saved, now):
        text = f"Over {TOLERANCE:.0%} more instructions: {'; '.join(names)}."
        return f"{text} Explain them in the commit message, and save the new counts: --save.", 1
    return f"No call needs over {TOLERANCE:.0%} more instructions than saved.", 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.instructions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--save", action="store_true", help="save the counts as the new figures")
    parser.add_argument(
        "--figures",
        type=Path,
        default=SAVED,
        metavar="FILE",
        help=f"the saved figures (default {SAVED.relative_to(ROOT)})",
    )
    options = parser.parse_args(arguments)
    if not (options.save or options.figures.exists()):
        print(f"{options.figures} does not exist; write it with --save", file=sys.stderr)
        return 2
    saved = load(options.figures) if options.figures.exists() else Figures({}, {})
    try:
        now = count()
    except CountingFailed as failure:
        print(failure, file=sys.stderr)
        return 2
    print(table(saved, now))
    if options.save:
        now.save(options.figures)
        return 0
    text, status = conclusion(saved, now)
    print(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
