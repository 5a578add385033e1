"""Child processes: run a module from the repository's root; return its output and exit status."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

# These variables make OpenBLAS use the code of another CPU, which is slower.
REMOVED = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}


class ChildFailed(Exception):
    """A child process crashed or ended with a status other than 0; the text is its output."""


@dataclass(frozen=True)
class Ended:
    """The output of a child process and its exit status; a negative status is a signal."""

    output: str
    errors: str
    status: int
    hung: bool = False  # it was killed because it took too long

    def lines(self) -> list[Any]:
        """Return the values of the lines of output, which are JSON."""
        return [json.loads(line) for line in self.output.splitlines()]

    def checked(self) -> Any:
        """Return the value of the last line if the child succeeded, otherwise raise ChildFailed."""
        if self.status:
            raise ChildFailed(f"{self.output}{self.errors}\nexit status {self.status}")
        return self.lines()[-1]


def run(
    module: str,
    *arguments: str,
    under: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
    patience: float | None = None,
) -> Ended:
    """Run `python -m module arguments` and wait for its end.

    `under` is a command that runs this one, for example valgrind. `environment` replaces that of
    `surroundings`. After `patience` seconds the child is killed.
    """
    hung = False
    with Popen(
        [*under, sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=surroundings() if environment is None else environment,
        encoding="utf-8",
        errors="replace",
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    ) as child:
        try:
            output, errors = child.communicate(timeout=patience)
        except BaseException as failure:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # its own children may hang too
            if not isinstance(failure, TimeoutExpired):
                raise
            hung, (output, errors) = True, child.communicate()
    return Ended(output, errors, child.returncode, hung)


def surroundings(**more: str) -> dict[str, str]:
    """Return the environment for a child: this process's, without REMOVED, and with `more`."""
    return {name: value for name, value in os.environ.items() if name not in REMOVED} | more
