"""Unusual memory layouts of arrays with the same values."""

import numpy as np


def unaligned(array):
    """Return the same values at an address that is one byte off any alignment."""
    raw = np.zeros(array.nbytes + 1, np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def inside(array, whole_shape, where):
    """Return the same values as a view of a larger array, which is nan elsewhere."""
    whole = np.full(whole_shape, np.nan, array.dtype)
    whole[where] = array
    return whole[where]


def record_field(array):
    """Return the same values as a field of packed records, whose strides are odd."""
    records = np.zeros(array.shape, [("flag", "i1"), ("value", array.dtype), ("more", "i2")])
    records["value"] = array
    return records["value"]


class Subclass(np.ndarray):
    """A subclass of NumPy's arrays."""


# For arrays of shape (12, 37).
LAYOUTS = {
    "C order": lambda a: a,
    "Fortran order": np.asfortranarray,
    "transposed": lambda a: a.T.copy().T,
    "rows reversed": lambda a: a[::-1].copy()[::-1],
    "classes reversed": lambda a: a[:, ::-1].copy()[:, ::-1],
    "every other class": lambda a: inside(a, (12, 74), np.s_[:, ::2]),
    "every other row": lambda a: inside(a, (24, 37), np.s_[::2]),
    "rows of a padded array": lambda a: inside(a, (12, 64), np.s_[:, :37]),
    "rows of an odd stride": lambda a: inside(a, (12, 39), np.s_[:, 1:38]),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "byte-swapped columns": lambda a: np.asfortranarray(a.astype(a.dtype.newbyteorder())),
    "unaligned by one byte": unaligned,
    "unaligned columns": lambda a: unaligned(a.T).T,
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "a subclass": lambda a: a.view(Subclass),
    "a field of records": record_field,
}
