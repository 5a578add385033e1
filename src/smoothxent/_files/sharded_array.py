"""The shards of an array as one stream of rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smoothxent._arguments.arrays import AnyArray
from smoothxent._arguments.half import TypedArray
from smoothxent._files.stored_array import Bytes, StoredArray


@dataclass(frozen=True, slots=True)
class ShardedArray:
    """Rows of one dtype and shape in one or more files; only the headers have been read."""

    shards: tuple[StoredArray, ...]
    shape: tuple[int, ...]  # of the rows: (N,) or more axes
    row_shape: tuple[int, ...]  # (C,) of logits, () of labels
    dtype: np.dtype[Any]
    dtype_of_words: str | None = None  # the dtype of bare 2-byte words

    @classmethod
    def of(
        cls, shards: Sequence[StoredArray], axes: tuple[int, ...], row_shape: tuple[int, ...]
    ) -> "ShardedArray":
        """Return the rows of all shards, which may differ only in their number of rows."""
        first = shards[0]
        for shard in shards[1:]:
            if (shard.dtype, shard.shape[1:]) != (first.dtype, first.shape[1:]):
                remedy = "; save all with the same dtype" if shard.dtype != first.dtype else ""
                raise ValueError(
                    f"{shard.location} must match {first.location.name} except on the first axis, "
                    f"{first.dtype} {first.shape}, got {shard.dtype} {shard.shape}{remedy}"
                )
        length = sum(shard.shape[0] for shard in shards)
        return cls(tuple(shards), (length, *axes), row_shape, first.dtype)

    def typed(self, rows: AnyArray) -> AnyArray | TypedArray:
        """Return rows that were read, with the dtype of their bits if they are bits."""
        return rows if self.dtype_of_words is None else TypedArray(rows, self.dtype_of_words)

    @property
    def num_rows(self) -> int:
        return math.prod(self.shape)

    @property
    def row_bytes(self) -> int:
        return math.prod(self.row_shape) * self.dtype.itemsize

    def __str__(self) -> str:
        first, last = self.shards[0].location, self.shards[-1].location
        if len(self.shards) == 1:
            return str(first)
        return f"{first.argument} files {first.name} to {last.name}"

    def entry(self, row: int, value: object) -> tuple[str, str]:
        """Return where a row is, and the text `labels[3] = 9` for an error about it."""
        index = ", ".join(map(str, np.unravel_index(row, self.shape)))
        for shard in self.shards:
            num_rows = shard.num_bytes // self.row_bytes
            if row < num_rows:
                break
            row -= num_rows
        text = f"{shard.location.argument}[{index}] = {value}"
        if len(self.shards) > 1:
            text = f"{text}, row {row} of it"
        return shard.location.of_entries, text


class Stream:
    """The bytes of the rows; a shard is opened when the shard before it has been read."""

    def __init__(self, array: ShardedArray) -> None:
        self._shards = iter(array.shards)
        self._shard = array.shards[0]
        self._file: Bytes | None = None
        self._left = 0  # bytes of the shard that have not been read

    def fill(self, buffer: memoryview) -> None:
        """Fill the buffer with the next bytes."""
        while len(buffer):
            if self._file is None or not self._left:
                self.close()
                self._shard = next(self._shards)
                self._file, self._left = self._shard.open(), self._shard.num_bytes
                continue
            location = self._shard.location
            with location.corrupt_on(*self._shard.read_errors), location.named():
                count = self._file.readinto(buffer[: self._left])
            if not count:
                raise location.corrupt(f"the last {self._left} bytes are missing")
            self._left -= count
            buffer = buffer[count:]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
