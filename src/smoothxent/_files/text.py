"""Labels as text, one integer a line."""

from codecs import BOM_UTF8
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np

from smoothxent._files.stored_array import Bytes, Place, StoredArray

INT64 = np.dtype(np.int64)
BLOCK_BYTES = 1 << 20
MOST_LINES = 1 << 16  # at a time, as objects of Python


@dataclass(frozen=True, slots=True)
class TextFile(StoredArray):
    def open(self) -> Bytes:
        return Numbers(self.place)


class Numbers:
    """The numbers of a file as a stream of int64."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lines = place.path.open("rb")
        if self._lines.read(len(BOM_UTF8)) != BOM_UTF8:
            self._lines.seek(0)
        self._done = 0

    def readinto(self, room: memoryview, /) -> int:
        """Read the next numbers into the room, as many as there are or MOST_LINES of them."""
        numbers = np.frombuffer(room, INT64)[:MOST_LINES]
        lines = list(islice(self._lines, len(numbers)))
        for row, line in enumerate(lines):
            try:
                if b"_" in line:  # which int takes between digits
                    raise ValueError
                numbers[row] = int(line)
            except (OverflowError, ValueError):
                raise ValueError(
                    f"{self._place} must be one 64-bit integer a line, "
                    f"got {line[:40]!r} in line {self._done + row + 1}; "
                    "save them with np.savetxt(..., labels, fmt='%d')"
                ) from None
        self._done += len(lines)
        return len(lines) * INT64.itemsize

    def close(self) -> None:
        self._lines.close()


def stored(place: Place) -> StoredArray:
    """Return the numbers of a file, one for each line up to the last that is not blank."""
    num_lines = num_ends = 0
    with place.path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):  # lines may be of any length
            if b"\0" in block:
                raise ValueError(
                    f"{place} must be ASCII or UTF-8 text, got zero bytes, as UTF-16 has them; "
                    "save it as UTF-8"
                )
            if text := block.rstrip():
                num_lines = num_ends + text.count(b"\n") + 1
            num_ends += block.count(b"\n")
    array = TextFile(place, (num_lines,), INT64)
    if num_lines:  # the first may be a heading, or hold all numbers
        with closing(array.open()) as numbers:
            numbers.readinto(memoryview(bytearray(INT64.itemsize)))
    return array
