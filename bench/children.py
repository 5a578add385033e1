"""Child processes: run a module from the repository's root; return its output and exit status."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Event, Timer

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

    def checked(self) -> str:
        """Return the output if the child succeeded, otherwise raise ChildFailed."""
        if self.status:
            raise ChildFailed(f"{self.output}{self.errors}\nexit status {self.status}")
        return self.output


def run(
    module: str,
    *arguments: str,
    under: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    patience: float | None = None,
    each_line: Callable[[str], None] = lambda line: None,
) -> Ended:
    """Run `python -m module arguments` and wait for its end.

    `under` is a command that runs this one, for example valgrind. `environment` replaces that of
    `surroundings`. After `patience` seconds the child is killed. `each_line` is called with each
    line of output as soon as it is there.
    """
    hung, lines = Event(), []
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        Popen(
            [*under, sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=surroundings() if environment is None else environment,
            encoding="utf-8",
            errors="replace",
            stdout=PIPE,
            stderr=errors,
            start_new_session=True,
        ) as child,
    ):

        def end() -> None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # its own children may hang too

        def give_up() -> None:
            hung.set()
            end()

        timer = Timer(patience or 0, give_up)
        try:
            if patience:
                timer.start()
            assert child.stdout is not None
            for line in child.stdout:
                lines.append(line)
                each_line(line)
            child.wait()
        except BaseException:
            end()
            raise
        finally:
            timer.cancel()
        errors.seek(0)
        return Ended("".join(lines), errors.read(), child.returncode, hung.is_set())


def surroundings(**more: str) -> dict[str, str]:
    """Return the environment for a child: this process's, without REMOVED, and with `more`."""
    return {name: value for name, value in os.environ.items() if name not in REMOVED} | more
