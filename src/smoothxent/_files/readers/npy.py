"""Arrays in .npy files. NumPy reads the header; pickles are never loaded."""

import os
from collections.abc import Callable
from typing import IO, Any, TypeVar

import numpy as np
from numpy.lib import format as npy

from smoothxent._files.stored_array import Location, PlainFile, StoredArray

MAGIC = npy.MAGIC_PREFIX
HEADERS = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
    # as 2.0, but with UTF-8 names of fields, which arrays of numbers do not have
    (3, 0): npy.read_array_header_2_0,
}

Part = TypeVar("Part")


def stored(location: Location) -> StoredArray:
    """Return the array of a file."""
    with location.path.open("rb") as file:
        shape, dtype = header(location, file)
        array = PlainFile(location, shape, dtype, file.tell())
        array.check_size(os.fstat(file.fileno()).st_size - array.offset)
    return array


def header(location: Location, file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read the header of a stream, and return the shape and dtype that it declares."""
    version = _read(location, file, npy.read_magic)
    if version not in HEADERS:
        raise location.corrupt("version {}.{} of the .npy format is unknown".format(*version))
    shape, is_fortran, dtype = _read(location, file, HEADERS[version])
    if dtype.hasobject:
        rule, remedy = "numbers", "an array of numbers"
        if location.argument == "groups":
            rule, remedy = "integers or strings", "ids.astype(str)"
        raise ValueError(
            f"{location} must hold {rule}, got pickled objects, which are never loaded; "
            f"save {remedy}"
        )
    if is_fortran and sum(size != 1 for size in shape) > 1:
        raise ValueError(
            f"{location} must be in C order, got Fortran order; save np.ascontiguousarray(array)"
        )
    return shape, dtype


def _read(location: Location, file: IO[bytes], read: Callable[[IO[bytes]], Part]) -> Part:
    try:
        return read(file)
    except Exception as error:  # of any type: literal_eval and tokenize read arbitrary text
        raise location.corrupt(f"NumPy can't read its header ({type(error).__name__})") from error
