"""An array in a file: its header, checked against the size of the file before any allocation."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np


class Bytes(Protocol):
    """A stream of the bytes of an array."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read the next bytes into the buffer, and return how many: 0 only at the end."""

    def close(self) -> None: ...


class Location(NamedTuple):
    """The argument, file and member of an array, as error messages name them."""

    argument: str
    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        return f"{self.path}::{self.member}" if self.member else str(self.path)

    def __str__(self) -> str:
        return f"{self.argument} file {self.name}"

    @property
    def of_entries(self) -> str:
        """Return the text for an error about an entry of the array."""
        return f"{self.argument} in {self.name}"

    @contextmanager
    def named(self) -> Iterator[None]:
        """Add the file to an error of the system that names none, as one of a device."""
        try:
            yield
        except OSError as error:
            error.filename = error.filename or str(self.path)
            raise

    @contextmanager
    def corrupt_on(self, *kinds: type[Exception]) -> Iterator[None]:
        """Turn errors of these types into that for a corrupt file."""
        try:
            yield
        except kinds as error:
            raise self.corrupt(str(error) or type(error).__name__) from error

    def corrupt(self, reason: str) -> ValueError:
        """Return the error for a file that breaks the rules of its format."""
        return ValueError(f"{self} is corrupt: {reason}; copy or save it again")

    def of_member(self, names: Sequence[str]) -> "Location":
        """Return the location of the named member, or of the only member if none is named."""
        if self.member in names:
            return self
        if len(names) == 1 and not self.member:
            return self._replace(member=names[0])
        held = ", ".join(names) or "none"
        if self.member:
            file = self._replace(member="")
            raise ValueError(f"{file} must hold an array {self.member!r}, got {held}")
        remedy = f"; say which, as in {self.path}::{names[0]}" if names else ""
        raise ValueError(f"{self} must name one of the arrays in it, got {held}{remedy}")


@dataclass(frozen=True, slots=True)
class StoredArray(ABC):
    """An array in a file, of which only the header has been read."""

    location: Location
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    declared_dtype: str = field(default="", kw_only=True)  # of bare 2-byte words, if in the file

    read_errors: ClassVar[tuple[type[Exception], ...]] = ()  # in addition to OSError

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @abstractmethod
    def open(self) -> Bytes:
        """Return a stream at the first byte of the data, which is in C order."""

    def check_size(self, size: int) -> None:
        """Raise unless the file has as many bytes of data as its header declares."""
        if min(self.shape, default=0) < 0:
            raise ValueError(
                f"{self.location} must have a shape without negative numbers, got {self.shape}; "
                "save it again"
            )
        if size == self.num_bytes:
            return
        remedy = "it is cut short: copy or save it again"
        if size > self.num_bytes:
            remedy = "save the array again, in a file of its own"
        raise ValueError(
            f"{self.location} must hold {self.num_bytes} bytes of data, as its header declares, "
            f"got {size}; {remedy}"
        )


@dataclass(frozen=True, slots=True)
class PlainFile(StoredArray):
    """An array whose bytes are contiguous in a file, from `offset` on."""

    offset: int

    def open(self) -> Bytes:
        file = self.location.path.open("rb", buffering=0)
        file.seek(self.offset)
        return file
