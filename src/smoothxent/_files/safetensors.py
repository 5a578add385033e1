"""Arrays in .safetensors files: a length, a header in JSON, and the data of each array in a piece.

The package of that name maps the whole file into memory and knows no bfloat16 without a framework;
what is needed of the format is the header, whose rules are checked here.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from smoothxent._files.stored_array import Place, PlainFile, StoredArray

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


class Entry(NamedTuple):
    """What the header says of an array."""

    dtype: str
    shape: tuple[int, ...]
    first: int  # of its bytes, counted from the end of the header
    end: int


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
            raise place.corrupt(f"its header has {length} bytes and the file {size}")
        text = file.read(length)
    start = LENGTH_BYTES + length
    try:
        arrays = json.loads(text.decode(), object_pairs_hook=_unrepeated).items()
        entries = {name: _entry(**entry) for name, entry in arrays if name != "__metadata__"}
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise place.corrupt(error) from error
    place = place.of_member(list(entries))
    code, shape, first, end = entries[place.member]
    if code not in DTYPES:
        raise TypeError(f"{place} must be one of {', '.join(DTYPES)}, got {code}")
    array = SafeTensor(place, shape, np.dtype(DTYPES[code]), start + first)
    array.check_size(end - first)
    array.check_size(min(end, size - start) - first)
    _check_layout(place, entries, size - start)
    return array


def _check_layout(place: Place, entries: Mapping[str, Entry], size: int) -> None:
    """Raise unless the arrays fill the data from end to end, each byte in one of them."""
    done, before = 0, ""
    for first, end, name in sorted((each.first, each.end, name) for name, each in entries.items()):
        if first < done:
            raise place.corrupt(f"its arrays {before} and {name} overlap")
        if first > done:
            raise place.corrupt(f"bytes {done} to {first} of its data are in no array")
        done, before = end, name
    if done != size:
        raise place.corrupt(f"its arrays take {done} bytes of {size}")


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of JSON, each of whose keys must be there once."""
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a key of its header is there twice")
    return names


def _entry(dtype: object, shape: list[int], data_offsets: list[int], **_: Any) -> Entry:
    """Return what the header says of an array, if it is of the right kinds."""
    first, end = data_offsets
    numbers = [*shape, first, end]
    if not isinstance(dtype, str) or any(type(n) is not int or n < 0 for n in numbers):
        found = f"dtype {dtype}, shape {shape}, data_offsets {data_offsets}"
        raise ValueError(f"its header has {found}")
    return Entry(dtype, tuple(shape), first, end)
