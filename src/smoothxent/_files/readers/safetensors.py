"""Arrays in .safetensors files: a length, a JSON header, and the contiguous data of each array.

The package safetensors is not used: it maps the whole file into memory, and it reads bfloat16 only
with a framework. This module reads the header and checks the rules of the format.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from smoothxent._files.stored_array import Location, PlainFile, StoredArray

MOST_HEADER = 100_000_000  # bytes: the format's own limit
LENGTH_BYTES = 8

BFLOAT16 = "BF16"
DTYPES = {f"F{8 * size}": f"<f{size}" for size in (8, 4, 2)} | {BFLOAT16: "V2"}
DTYPES |= {f"I{8 * size}": f"<i{size}" for size in (8, 4, 2, 1)}
DTYPES |= {f"U{8 * size}": f"<u{size}" for size in (8, 4, 2, 1)}


class Entry(NamedTuple):
    """The entry of an array in the header."""

    dtype: str
    shape: tuple[int, ...]
    first: int  # of its bytes, counted from the end of the header
    end: int


def stored(location: Location) -> StoredArray:
    """Return an array of a file."""
    with location.path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if length > min(MOST_HEADER, size - LENGTH_BYTES):
            raise location.corrupt(f"its header has {length} bytes and the file {size}")
        text = file.read(length)
    start = LENGTH_BYTES + length
    with location.corrupt_on(AttributeError, RecursionError, TypeError, ValueError):
        arrays = json.loads(text.decode(), object_pairs_hook=_unrepeated)
        if not isinstance(arrays, dict):
            raise TypeError("its header is not an object")
        entries = {n: _entry(**entry) for n, entry in arrays.items() if n != "__metadata__"}
    location = location.of_member(list(entries))
    code, shape, first, end = entries[location.member]
    if code not in DTYPES:
        raise TypeError(f"{location} must be one of {', '.join(DTYPES)}, got {code}")
    words = "bfloat16" if code == BFLOAT16 else ""
    dtype = np.dtype(DTYPES[code])
    array = PlainFile(location, shape, dtype, start + first, declared_dtype=words)
    array.check_size(end - first)
    array.check_size(min(end, size - start) - first)
    _check_layout(location, entries, size - start)
    return array


def _check_layout(location: Location, entries: Mapping[str, Entry], size: int) -> None:
    """Raise unless each byte of the data belongs to exactly one array."""
    done, before = 0, ""
    for first, end, name in sorted((each.first, each.end, name) for name, each in entries.items()):
        if first < done:
            raise location.corrupt(f"its arrays {before} and {name} overlap")
        if first > done:
            raise location.corrupt(f"bytes {done} to {first} of its data are in no array")
        done, before = end, name
    if done != size:
        raise location.corrupt(f"its arrays take {done} bytes of {size}")


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict; a repeated key raises."""
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a key of its header is there twice")
    return names


def _entry(dtype: object, shape: list[int], data_offsets: list[int], **_: Any) -> Entry:
    """Return the entry of an array if its fields have the right types, else raise."""
    first, end = data_offsets
    numbers = [*shape, first, end]
    if not isinstance(dtype, str) or any(type(n) is not int or n < 0 for n in numbers):
        fields = f"dtype {dtype}, shape {shape}, data_offsets {data_offsets}"
        raise ValueError(f"its header has {fields}")
    return Entry(dtype, tuple(shape), first, end)
