"""Memory layouts of arrays of any shape, drawn by Hypothesis."""

import numpy as np
from hypothesis import strategies as st


@st.composite
def placed(draw, array, names=None):
    """Draw the memory layout of an array; only the last layout of READ_ONLY changes its values."""
    names = list(names or [*MEMORY, *READ_ONLY])
    if array.dtype.kind == "V":  # a dtype of another library has no fields and no byte order
        names = [name for name in names if name not in {"byte-swapped", "a field of records"}]
    name = draw(st.sampled_from([None, *names]))
    if name is None or not array.ndim:
        return array
    return (MEMORY | READ_ONLY)[name](array)


def stepped(array, step):
    """Return the same numbers as a view with this step along every axis of a larger array."""
    where = tuple(slice(None, None, step) for _ in array.shape)
    whole = np.ones([abs(step) * size for size in array.shape], array.dtype)
    whole[where] = array
    return whole[where]


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


MEMORY = {
    "Fortran order": np.asfortranarray,
    "axes the other way round": lambda a: np.ascontiguousarray(a.T).T,
    "first axis last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 0, -1)), -1, 0),
    "every other": lambda a: stepped(a, 2),
    "reversed": lambda a: stepped(a, -1),
    "every third, reversed": lambda a: stepped(a, -3),
    "part of a larger array": lambda a: np.pad(a, 3)[(slice(3, -3),) * a.ndim],
    "unaligned": unaligned,
    "unaligned columns": lambda a: unaligned(a.T).T,
    "a field of records": record_field,
    "a subclass": lambda a: a.view(Subclass),
}
READ_ONLY = {
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "one row for all": lambda a: np.broadcast_to(a[:1], a.shape),
}
