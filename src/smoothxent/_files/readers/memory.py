"""The caller's arrays, read like files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smoothxent._arguments.arrays import AnyArray
from smoothxent._files.sharded_array import ShardedArray
from smoothxent._files.stored_array import Bytes, Location, StoredArray


class Argument(Location):
    """An argument that is an array, as error messages name it."""

    __slots__ = ()

    def __str__(self) -> str:
        return self.argument

    @property
    def of_entries(self) -> str:
        return self.argument


@dataclass(frozen=True, slots=True)
class ArrayInMemory(StoredArray):
    array: AnyArray  # contiguous

    def open(self) -> Bytes:
        return Memory(self.array)


class Memory:
    """The bytes of an array as a stream."""

    def __init__(self, array: AnyArray) -> None:
        self._left = array.reshape(-1).view(np.uint8).data

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the buffer; the caller asks for no more bytes than the array has."""
        size = len(buffer)
        buffer[:], self._left = self._left[:size], self._left[size:]
        return size

    def close(self) -> None:
        self._left.release()


def in_memory(argument: str, array: AnyArray) -> ShardedArray:
    """Return an array, which has one number for each row, as if it were in a file."""
    location = Argument(argument, Path())
    stored = ArrayInMemory(location, array.shape, array.dtype, np.ascontiguousarray(array))
    return ShardedArray.of([stored], array.shape[1:], ())
