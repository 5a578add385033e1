"""What a command says, in one line, where a file is not what it should be."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REMEDIES = {
    errno.ENOENT: "check the path",
    errno.EACCES: "change its permissions or choose another",
    errno.EISDIR: "give a file",
}


class Refusal(Exception):
    """Data that a command can't work with: the file and the remedy, in one line."""


@contextmanager
def naming(*files: str | Path) -> Iterator[None]:
    """Turn what the library says of the content of these files into a refusal that names them."""
    try:
        yield
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise Refusal(f"{', '.join(map(str, files))}: {error}") from error


def of(error: OSError) -> str:
    """Return what the system refused, and the remedy where there is one."""
    if error.filename is None:
        return str(error)
    remedy = REMEDIES.get(error.errno or 0)
    return f"{error.filename}: {error.strerror}{f'; {remedy}' if remedy else ''}"
