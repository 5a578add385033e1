"""Unusual memory layouts of arrays with the same values."""

import numpy as np


def unaligned(array):
    """Return the same values at an address that is one byte off any alignment."""
    raw = np.zeros(array.nbytes + 1, np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def record_field(array):
    """Return the same values as a field of packed records, whose strides are odd."""
    records = np.zeros(array.shape, [("flag", "i1"), ("value", array.dtype), ("more", "i2")])
    records["value"] = array
    return records["value"]


class Subclass(np.ndarray):
    """A subclass of NumPy's arrays."""
