"""Groups of rows: the caller's ids, one integer or string for each row, encoded as 0, 1, ..."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent._arguments.arrays import AnyArray, plain_array
from smoothxent._arguments.labels import reshape_remedy

# Ids in a range at most this many times as long as the rows are encoded by a table, without a sort.
MOST_IDS_EACH = 4

RULE = "groups must be integers or strings"
TO_INTEGERS = "; convert with groups.astype(np.int64)"
REMEDIES = {
    "b": TO_INTEGERS,
    "f": TO_INTEGERS,
    "S": "; decode them with np.char.decode(groups)",
    "M": "; convert with groups.astype(str)",
}


class Groups(NamedTuple):
    """The different ids in ascending order, and the position of each row's id."""

    ids: AnyArray  # int64, or objects of type str: one long id takes no space in the others
    of_rows: NDArray[np.int64]


def check_groups(value: ArrayLike, row_shape: tuple[int, ...]) -> AnyArray:
    """Return the ids of the rows, of any shape, as a flat array of int64 or of objects."""
    array = _array_of(value)
    if array.shape != row_shape:
        remedy = reshape_remedy("use", "groups", array.shape, row_shape)
        remedy = remedy or _repeat_remedy(array.shape, row_shape)
        raise ValueError(f"groups must have shape {row_shape}, got {array.shape}{remedy}")
    return check_ids(array)


def _array_of(value: Any) -> AnyArray:
    first = value
    while isinstance(first, list | tuple) and first:
        first = first[0]
    if isinstance(value, list | tuple) and isinstance(first, str):
        return np.array(value, object)
    array = plain_array("groups", value)
    if isinstance(value, list | tuple) and array.dtype.kind in "UfO":
        given = np.array(value, object if array.size else np.int64)
        if not array.size or array.dtype.kind == "U":  # [1, "1"] are no two strings
            return given
        if all(isinstance(each, int) for each in given.flat):  # NumPy makes them floats or objects
            raise ValueError(f"groups must lie in [-2**63, 2**63), got {max(given.flat, key=abs)}")
    return array


def _repeat_remedy(shape: tuple[int, ...], row_shape: tuple[int, ...]) -> str:
    """Return the remedy if there is one id for each sequence of rows, else ""."""
    missing = len(row_shape) - len(shape)
    sizes = zip(shape, row_shape, strict=False)
    if not shape or missing < 0 or not all(size in (1, whole) for size, whole in sizes):
        return ""
    axes = f"[...{', np.newaxis' * missing}]" if missing else ""
    return f"; repeat the id of each sequence, np.broadcast_to(groups{axes}, {row_shape})"


def check_ids(array: AnyArray) -> AnyArray:
    """Return ids as a flat array of int64 or of objects of type str."""
    kind, flat = array.dtype.kind, array.reshape(-1)
    if not flat.size and kind in "iuUOT":
        return np.zeros(0, np.int64)
    if kind in "UOT":  # T: StringDType
        names = flat.astype(object)
        for each in names.tolist():
            if not isinstance(each, str):
                remedy = TO_INTEGERS if isinstance(each, int) else ""
                if remedy and any(isinstance(other, str) for other in names.tolist()):
                    remedy = "; write all ids as strings"
                raise TypeError(f"{RULE}, got {each!r} in an array of objects{remedy}")
        return names
    if kind not in "iu":
        raise TypeError(f"{RULE}, got {array.dtype}{REMEDIES.get(kind, '')}")
    if kind == "u" and flat.max() > np.iinfo(np.int64).max:
        raise ValueError(f"groups must lie in [-2**63, 2**63), got {flat.max()}")
    return flat.astype(np.int64)


def encoded(ids: AnyArray) -> Groups:
    """Return the different ids and where the id of each row is among them."""
    if ids.dtype == object:
        names = ids.tolist()
        different = sorted(set(names))
        places = {name: place for place, name in enumerate(different)}
        of_rows = np.fromiter(map(places.__getitem__, names), np.int64, len(names))
        return Groups(np.array(different, object), of_rows)
    if len(ids):
        least, most = int(ids.min()), int(ids.max())
        if most - least < MOST_IDS_EACH * len(ids):
            is_used = np.zeros(most - least + 1, np.bool_)
            is_used[ids - least] = True
            numbers = np.cumsum(is_used) - 1
            return Groups(np.flatnonzero(is_used) + least, numbers[ids - least])
    unique, inverse = np.unique(ids, return_inverse=True)
    return Groups(unique, inverse.astype(np.int64, copy=False))


def chosen(groups: Groups, rows: NDArray[np.bool_] | slice) -> Groups:
    """Return the groups of some rows only, which may be fewer groups."""
    used, of_rows = encoded(groups.of_rows[rows])
    return Groups(groups.ids[used], of_rows)
