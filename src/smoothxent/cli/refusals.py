"""What a command says, in one line, where a file is not what it should be."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REMEDIES = {
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.ELOOP: "check the path",
    errno.EACCES: "change its permissions or choose another",
    errno.EISDIR: "give a file",
    errno.ENOSPC: "make room or choose another",
}
NEGATIVE_LABEL = re.compile(r"must lie in \[0, \d+\), got labels\[.*\] = (-\d+)")
WEIGHTS_OF_ANOTHER_SHAPE = re.compile(r"(class_weight|prior) must have shape ")


class Refusal(Exception):
    """Data that a command can't work with: the file and the remedy, in one line."""


@contextmanager
def naming(file: Path | None = None, **files: str | None) -> Iterator[None]:
    """Turn what the library says of the data into a refusal.

    It names `file`, or else that of `files` which holds the argument that the library names.
    """
    try:
        yield
    except (IndexError, MemoryError, TypeError, ValueError) as error:
        message = str(error).partition("\n")[0] or "out of memory"  # which alone has no text
        place = file or files.get(message.partition(" ")[0])
        raise Refusal(f"{f'{place}: ' if place else ''}{message}{_remedy(message)}") from error


@contextmanager
def naming_file(file: Path) -> Iterator[None]:
    """Let the system's refusal to write name the file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error


def of(error: OSError) -> str:
    """Return what the system refused, and the remedy where there is one."""
    if error.filename is None:
        return error.strerror or str(error)
    remedy = REMEDIES.get(error.errno or 0)
    return f"{error.filename}: {error.strerror}{f'; {remedy}' if remedy else ''}"


def _remedy(message: str) -> str:
    """Return what would do about a label that stands for none, weights or bare words."""
    if found := NEGATIVE_LABEL.search(message):
        return f"; --ignore-index {found[1]} drops such rows"
    if WEIGHTS_OF_ANOTHER_SHAPE.match(message):
        return "; save one number for each class"
    return ": --dtype bfloat16, --dtype float16" if message.endswith("say so with dtype") else ""
