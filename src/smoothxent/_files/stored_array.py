"""An array in a file: what its header declares, checked against the file before room is made."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np


class Bytes(Protocol):
    """A stream of the bytes of an array."""

    def readinto(self, room: memoryview, /) -> int | None:
        """Read the next bytes into the room, and return how many: 0 at the end alone."""

    def close(self) -> None: ...


class Place(NamedTuple):
    """Where an array is stored, and as which argument: what an error says of it."""

    argument: str
    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        return f"{self.path}::{self.member}" if self.member else str(self.path)

    def __str__(self) -> str:
        return f"{self.argument} file {self.name}"

    def corrupt(self, found: object) -> ValueError:
        """Return the error for a file that breaks the rules of its format."""
        if isinstance(found, Exception):
            found = str(found) or type(found).__name__
        return ValueError(f"{self} is corrupt: {found}; copy or save it again")

    def of_member(self, names: Sequence[str]) -> "Place":
        """Return the place of the member that is asked for, which may go unnamed if it is alone."""
        if self.member in names:
            return self
        if len(names) == 1 and not self.member:
            return self._replace(member=names[0])
        remedy = f"; say which, as in {self.path}::{names[0]}" if names else ""
        raise ValueError(
            f"{self} must name one of the arrays in it, got {', '.join(names) or 'none'}{remedy}"
        )


@dataclass(frozen=True, slots=True)
class StoredArray(ABC):
    """An array of which nothing but the header has been read."""

    place: Place
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    damage: ClassVar[tuple[type[Exception], ...]] = ()  # what reading may raise beside OSError

    @property
    def words_of(self) -> str:
        """Return the dtype of bare 2-byte words, where the file names it."""
        return ""

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @abstractmethod
    def open(self) -> Bytes:
        """Return a stream that stands at the first of its bytes, which are in C order."""

    def check_size(self, found: int) -> None:
        """Raise unless the file holds as many bytes of data as the header declares."""
        if min(self.shape, default=0) < 0:
            raise ValueError(
                f"{self.place} must have a shape without negative numbers, got {self.shape}; "
                "save it again"
            )
        if found == self.num_bytes:
            return
        remedy = "it is cut short: copy or save it again"
        if found > self.num_bytes:
            remedy = "save the array again, in a file of its own"
        raise ValueError(
            f"{self.place} must hold {self.num_bytes} bytes of data, as its header declares, "
            f"got {found}; {remedy}"
        )


@dataclass(frozen=True, slots=True)
class PlainFile(StoredArray):
    """An array whose bytes lie side by side in a file, from `offset` on."""

    offset: int

    def open(self) -> Bytes:
        file = self.place.path.open("rb", buffering=0)
        file.seek(self.offset)
        return file
