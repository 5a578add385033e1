"""The shards of an array: files from a pattern or a list, in order."""

import errno
import itertools
import os
import re
import warnings
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import TypeAlias

from numpy.typing import ArrayLike

Paths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class Shards(tuple[str, ...]):
    """The paths of the shards of an array, without patterns."""

    __slots__ = ()


# One number or id for each row, in files or in an array.
OfRows: TypeAlias = Shards | ArrayLike


def shards_or_array(argument: str, value: ArrayLike | Paths | None) -> OfRows | None:
    """Return the shards at paths as `shards_of` does, but an array as it is.

    A list of str holds ids if these are groups; elsewhere it can only hold paths.
    """
    first = value[0] if isinstance(value, list | tuple) and value else None
    is_path = isinstance(value, str | os.PathLike) or isinstance(first, os.PathLike)
    if is_path or (isinstance(first, str) and argument != "groups"):
        return shards_of(argument, value, stacklevel=4)
    return value  # type: ignore[return-value]


def shards_of(argument: str, paths: object, stacklevel: int = 3) -> Shards:
    """Return the path or the paths of a sequence, with each pattern replaced by its matches.

    Only public functions call this: the warning names the line of their caller.
    """
    if isinstance(paths, bytes) or not isinstance(paths, str | os.PathLike | Sequence):
        kind = type(paths).__name__
        remedy = "decode it with os.fsdecode" if kind == "bytes" else "evaluate takes arrays"
        raise TypeError(f"{argument} must be a path or a sequence of paths, got {kind}; {remedy}")
    listed = [paths] if isinstance(paths, str | os.PathLike) else paths
    if not listed:
        raise ValueError(f"{argument} must be at least one path, got none")
    for path in listed:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"{argument} must be paths, got {path!r}")
        if path == "":
            raise ValueError(f"{argument} must be paths, got ''")
    shards = [shard for path in listed for shard in _matching(os.fspath(path))]
    if misplaced := _misplaced(shards):
        first, second = misplaced
        warnings.warn(
            f"{argument} must be in the order of their rows, got {first} before {second}; "
            "a pattern instead of the list sorts them by number",
            stacklevel=stacklevel,
        )
    return Shards(shards)


def split_member(path: str) -> tuple[str, str]:
    """Return a path and the name of a member after its last `::`, or "" without one."""
    file, colons, member = path.rpartition("::")
    return (file, member) if colons and not Path(path).exists() else (path, "")


def _matching(path: str) -> list[str]:
    """Return the path or, if it is a pattern and not a file, its matches in order of number."""
    pattern, member = split_member(path)
    if not has_magic(pattern) or Path(pattern).exists():
        return [path]
    matches = sorted(glob(pattern, recursive=True), key=_numbers_by_size)  # noqa: PTH207
    if not matches:
        raise FileNotFoundError(errno.ENOENT, "No file matches", path)
    return [f"{each}::{member}" if member else each for each in matches]


def _misplaced(shards: list[str]) -> tuple[str, str] | None:
    """Return the first two neighbours that differ only in numbers, with the larger number first.

    Return None for a list that is not in the order of text: its caller has chosen the order.
    """
    if shards == sorted(shards):
        for first, second in itertools.pairwise(shards):
            alike = re.sub(r"\d+", "0", first) == re.sub(r"\d+", "0", second)
            if alike and _numbers_by_size(first) > _numbers_by_size(second):
                return first, second
    return None


def _numbers_by_size(path: str) -> list[tuple[int, str]]:
    # part-2 before part-10; every second piece is a number, so numbers are compared with numbers.
    pieces = re.split(r"(\d+)", path)
    return [(int(piece) if piece.isdecimal() else 0, piece) for piece in pieces]
