"""Arrays in .safetensors files: a length, a header in JSON, and the data of each array in a piece.

The package of that name maps the whole file into memory and knows no bfloat16 without a framework;
what is needed of the format is the header, whose rules are checked here.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from smoothxent._stored_array import Place, PlainFile, StoredArray

MOST_HEADER = 100_000_000  # bytes: the format's own limit
LENGTH_BYTES = 8

BFLOAT16 = "BF16"
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    BFLOAT16: "V2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
}


@dataclass(frozen=True, slots=True)
class SafeTensor(PlainFile):
    @property
    def words_of(self) -> str:
        return "bfloat16" if self.dtype.kind == "V" else ""


def stored(place: Place) -> StoredArray:
    """Return an array of a file."""
    with place.path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if length > min(MOST_HEADER, size - LENGTH_BYTES):
            raise place.damaged(f"a header of {length} bytes in a file of {size}")
        text = file.read(length)
    start = LENGTH_BYTES + length
    try:
        arrays = json.loads(text).items()
        entries = {name: _entry(**entry) for name, entry in arrays if name != "__metadata__"}
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise place.damaged(error) from error
    place = place.of_member(list(entries))
    code, shape, first, end = entries[place.member]
    if code not in DTYPES:
        raise TypeError(f"{place} must be one of {', '.join(DTYPES)}, got {code}")
    array = SafeTensor(place, shape, np.dtype(DTYPES[code]), start + first)
    array.check_size(end - first)
    array.check_size(min(end, size - start) - first)
    return array


def _entry(
    dtype: object, shape: list[int], data_offsets: list[int], **_: Any
) -> tuple[str, tuple[int, ...], int, int]:
    """Return what the header says of an array, if it is of the right kinds."""
    first, end = data_offsets
    numbers = [*shape, first, end]
    if not isinstance(dtype, str) or any(type(n) is not int or n < 0 for n in numbers):
        raise ValueError(f"dtype {dtype}, shape {shape}, data_offsets {data_offsets}")
    return dtype, tuple(shape), first, end
