"""Labels in text files, one integer a line."""

from codecs import BOM_UTF8
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np

from smoothxent._files.stored_array import Bytes, Location, StoredArray

INT64 = np.dtype(np.int64)
BLOCK_BYTES = 1 << 20
MOST_LINES = 1 << 16  # at a time, as Python objects
AS_UTF8 = "save it as UTF-8"


@dataclass(frozen=True, slots=True)
class TextFile(StoredArray):
    def open(self) -> Bytes:
        return Numbers(self.location)


class Numbers:
    """The numbers of a text file as a stream of int64."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._lines = location.path.open("rb")
        if self._lines.read(len(BOM_UTF8)) != BOM_UTF8:
            self._lines.seek(0)
        self._done = 0

    def readinto(self, buffer: memoryview, /) -> int:
        """Read the next numbers into the buffer, at most MOST_LINES."""
        numbers = np.frombuffer(buffer, INT64)[:MOST_LINES]
        lines = list(islice(self._lines, len(numbers)))
        for row, line in enumerate(lines):
            try:
                if b"_" in line:  # int() allows it between digits
                    raise ValueError
                numbers[row] = int(line)
            except (OverflowError, ValueError):
                raise ValueError(
                    f"{self._location} must be one 64-bit integer a line, "
                    f"got {line[:40]!r} in line {self._done + row + 1}; "
                    "save them with np.savetxt(..., labels, fmt='%d')"
                ) from None
        self._done += len(lines)
        return len(lines) * INT64.itemsize

    def close(self) -> None:
        self._lines.close()


def lines(location: Location) -> list[str]:
    """Return all lines of a file, empty ones too."""
    try:
        with location.named():
            text = location.path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{location} must be UTF-8 text, got other bytes; {AS_UTF8}") from error
    if "\0" in text:
        raise ValueError(f"{location} must be UTF-8 text, got zero bytes, as in UTF-16; {AS_UTF8}")
    return text.removesuffix("\n").split("\n") if text else []


def stored(location: Location) -> StoredArray:
    """Return the numbers of a file, one a line; blank lines at the end do not count."""
    num_lines = num_ends = 0
    with location.path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):  # lines may be of any length
            if b"\0" in block:
                raise ValueError(
                    f"{location} must be ASCII or UTF-8 text, got zero bytes, as in UTF-16; "
                    f"{AS_UTF8}"
                )
            if text := block.rstrip():
                num_lines = num_ends + text.count(b"\n") + 1
            num_ends += block.count(b"\n")
    array = TextFile(location, (num_lines,), INT64)
    if num_lines:  # the first line may be a heading, or hold all numbers
        with closing(array.open()) as numbers:
            numbers.readinto(memoryview(bytearray(INT64.itemsize)))
    return array
