"""Errors of commands: one line that names the file and the remedy."""

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
    errno.EISDIR: "give a file, or a quoted pattern such as 'FOLDER/*.npy'",
    errno.ENOSPC: "make room or choose another",
}
# The remedies of commands, for those of the library's errors.
REMEDIES_OF_COMMANDS = {
    r"pass ignore_index=(-\d+)": r"pass --ignore-index \1",
    r"a label that is ignore_index$": "the label of --ignore-index",
    r"say so with dtype$": r"\g<0>: --dtype bfloat16, --dtype float16",
    r"text that is not JSON$": r"\g<0>; give a file that `smoothxent evaluate --json` or "
    "`compare --json` saved",
    r"are logits and labels swapped": "are LOGITS and LABELS swapped",
    r"^num_(bins|threads) must": r"--\1 must",
    r"use rename$": r"\g<0>: --names NAME_A NAME_B",
    r"^(class_weight|prior) must have shape .*": r"\g<0>; save one number for each class",
}


class CommandError(Exception):
    """An error in the data; its text is one line that names the file and the remedy."""


@contextmanager
def as_command_errors(file: Path | None = None, **files: str | None) -> Iterator[None]:
    """Turn the library's errors about the data into command errors.

    The error names `file` or, without it, the one of `files` that the library's error is about.
    """
    try:
        yield
    except (IndexError, MemoryError, TypeError, ValueError) as error:
        message = str(error).partition("\n")[0] or "out of memory"  # only MemoryError has no text
        name = file or files.get(message.partition(" must ")[0])
        for library, command in REMEDIES_OF_COMMANDS.items():
            message = re.sub(library, command, message)
        raise CommandError(f"{name}: {message}" if name else message) from error


@contextmanager
def name_file(file: Path) -> Iterator[None]:
    """Add the name of the file to an OSError."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error


def message_of(error: OSError) -> str:
    """Return the text of an error of the system, with its remedy if there is one."""
    if error.filename is None:
        return error.strerror or str(error)
    remedy = REMEDIES.get(error.errno or 0)
    return f"{error.filename}: {error.strerror}{f'; {remedy}' if remedy else ''}"
