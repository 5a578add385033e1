"""An array in a file: what its header declares, checked against the file before room is made."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np


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


@dataclass(frozen=True, slots=True)
class StoredArray(ABC):
    """An array of which nothing but the header has been read."""

    place: Place
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @abstractmethod
    def open(self) -> BinaryIO:
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
            remedy = "save one array in a file"
        raise ValueError(
            f"{self.place} must hold {self.num_bytes} bytes of data, as its header declares, "
            f"got {found}; {remedy}"
        )
