"""One way to run a child process: from the root, with its output, its errors and how it ended."""

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

# They set OpenBLAS to another CPU than this is, for other purposes, and slow it.
STRANGE = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}


class ChildFailed(Exception):
    """A child process crashed or ended with a status other than 0; the text is what it wrote."""


@dataclass(frozen=True)
class Ended:
    """What a child process wrote, and how it ended: a negative status is that of a signal."""

    output: str
    errors: str
    status: int
    hung: bool = False  # it was ended when the patience was

    def checked(self) -> str:
        """Return the output of a child that succeeded."""
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

    `under` is a command that runs another, `environment` replaces that of `surroundings`,
    `patience` is in seconds, and `each_line` is called with each line of output as it comes.
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
                os.killpg(child.pid, signal.SIGKILL)  # what it forked hangs with it

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
    """Return this process's environment for a child, without what is strange, and with more."""
    return {name: value for name, value in os.environ.items() if name not in STRANGE} | more
