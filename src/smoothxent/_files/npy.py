"""Arrays in .npy files: the header is NumPy's to read, and never a pickle."""

import os
from collections.abc import Callable
from typing import IO, Any, TypeVar

import numpy as np
from numpy.lib import format as npy

from smoothxent._files.stored_array import Place, PlainFile, StoredArray

MAGIC = npy.MAGIC_PREFIX
HEADERS = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
    # 2.0 with names of fields beyond Latin, which no array of numbers has
    (3, 0): npy.read_array_header_2_0,
}

Part = TypeVar("Part")


def stored(place: Place) -> StoredArray:
    """Return the array of a file."""
    with place.path.open("rb") as file:
        shape, dtype = header(place, file)
        array = PlainFile(place, shape, dtype, file.tell())
        array.check_size(os.fstat(file.fileno()).st_size - array.offset)
    return array


def header(place: Place, file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and the dtype that a stream declares, and leave it at the data."""
    version = _read(place, file, npy.read_magic)
    if version not in HEADERS:
        raise place.corrupt("version {}.{} of the .npy format is unknown".format(*version))
    shape, is_fortran, dtype = _read(place, file, HEADERS[version])
    if dtype.hasobject:
        raise ValueError(
            f"{place} must hold numbers, got pickled objects, which are never loaded; "
            "save an array of numbers"
        )
    if is_fortran and sum(size != 1 for size in shape) > 1:
        raise ValueError(
            f"{place} must be in C order, got Fortran order; save np.ascontiguousarray(array)"
        )
    return shape, dtype


def _read(place: Place, file: IO[bytes], read: Callable[[IO[bytes]], Part]) -> Part:
    try:
        return read(file)
    except Exception as error:  # of any kind: literal_eval and tokenize meet whatever stands there
        raise place.corrupt(f"NumPy can't read its header ({type(error).__name__})") from error
