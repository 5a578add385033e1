"""Groups of rows: the caller's ids, one integer or string for each row, encoded as 0, 1, ..."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent._arguments.arrays import AnyArray, in_native_order, plain_array
from smoothxent._arguments.labels import reshape_remedy

# Ids in a range at most this many times as long as the rows are encoded by a table, without a sort.
MOST_IDS_EACH = 4

TO_INTEGERS = "; convert with groups.astype(np.int64)"
REMEDIES = dict.fromkeys("bfO", TO_INTEGERS) | {"S": "; decode them with np.char.decode(groups)"}


class Groups(NamedTuple):
    """The different ids in ascending order, int64 or str, and the position of each row's id."""

    ids: AnyArray
    of_rows: NDArray[np.int64]


def check_groups(value: ArrayLike, row_shape: tuple[int, ...]) -> AnyArray:
    """Return the ids of the rows, of any shape, as a flat array of int64 or str."""
    array = plain_array("groups", value)
    if array.shape != row_shape:
        remedy = reshape_remedy("use", "groups", array.shape, row_shape)
        raise ValueError(f"groups must have shape {row_shape}, got {array.shape}{remedy}")
    return check_ids(array).reshape(-1)


def check_ids(array: AnyArray) -> AnyArray:
    """Return ids as int64 or str, in native byte order."""
    kind = array.dtype.kind
    if kind == "U":
        return in_native_order(array)
    if kind in "OT":  # T: StringDType
        values = array.reshape(-1).tolist()
        if all(isinstance(each, str) for each in values):
            return np.array(values, np.str_).reshape(array.shape)
    if kind not in "iu":
        raise TypeError(
            f"groups must be integers or strings, got {array.dtype}{REMEDIES.get(kind, '')}"
        )
    if kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"groups must be below 2**63, got {array.max()}")
    return array.astype(np.int64)


def encoded(ids: AnyArray) -> Groups:
    """Return the different ids and where the id of each row is among them."""
    if ids.dtype.kind == "i" and len(ids):
        least, most = int(ids.min()), int(ids.max())
        if most - least < MOST_IDS_EACH * len(ids):
            places = ids - least
            is_used = np.zeros(most - least + 1, np.bool_)
            is_used[places] = True
            numbers = np.cumsum(is_used) - 1
            return Groups(np.flatnonzero(is_used) + least, numbers[places])
    different, of_rows = np.unique(ids, return_inverse=True)
    return Groups(different, of_rows.astype(np.int64, copy=False))


def merged_ids(parts: Sequence[AnyArray]) -> tuple[AnyArray, list[NDArray[np.int64]]]:
    """Return the different ids of all parts, and where those of each part are among them."""
    given = [part for part in parts if len(part)] or parts[:1]
    if len({part.dtype.kind for part in given}) > 1:
        raise ValueError("groups must be all integers or all strings, got some of each")
    ids, places = encoded(np.concatenate(given))
    return ids, np.split(places, np.cumsum([len(part) for part in parts])[:-1])


def chosen(groups: Groups, rows: NDArray[np.bool_] | slice) -> Groups:
    """Return the groups of some rows only, which may be fewer groups."""
    used, of_rows = encoded(groups.of_rows[rows])
    return Groups(groups.ids[used], of_rows)
