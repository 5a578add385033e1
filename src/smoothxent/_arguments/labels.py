"""Labels: class indices or probabilities, and all errors about them.

The kernel finds labels that are out of range while it reads them; this module makes the error.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import AnyArray, dtype_name, entry, in_native_order, plain_array
from smoothxent._arguments.half import HALVES
from smoothxent._arguments.options import is_improper

# The dtypes that the kernel accepts without a conversion: in native byte order.
INTEGERS = frozenset(map(np.dtype, "bBhHiIlLqQ"))
TEXT = "SUT"  # the kinds of bytes, str and StringDType


def check_labels(
    value: ArrayLike | None, shape: tuple[int, ...], row_shape: tuple[int, ...]
) -> AnyArray:
    """Return class indices of `row_shape`, or probabilities of `shape` as float32 or float64."""
    array = value if type(value) is np.ndarray else labels_array(value)
    if array.shape == row_shape:
        return array if array.dtype in INTEGERS else check_integers(array)
    if array.shape != shape:
        if array.ndim == len(row_shape):
            check_integers(array)  # an error about the dtype is more helpful
        rule = f"labels must have shape {row_shape} (class indices) or {shape} (probabilities)"
        remedy = reshape_remedy("use", "labels", array.shape, row_shape)
        raise ValueError(f"{rule}, got {array.shape}{remedy}")
    return _probabilities(array)


def labels_array(value: ArrayLike | None) -> AnyArray:
    """Return labels as an array, of integers for an empty list, which NumPy takes for floats."""
    if value is None:
        raise TypeError("labels must be given, got None; pass the class index of each row")
    array = plain_array("labels", value)
    is_empty = isinstance(value, list | tuple) and not array.size
    return array.astype(np.int64) if is_empty else array


def check_integers(array: AnyArray, argument: str = "labels") -> AnyArray:
    if array.dtype.kind not in "iu":
        rule = f"{argument} must be integers if they are class indices"
        raise TypeError(f"{rule}, got {array.dtype}{_remedy(array)}")
    return in_native_order(array)


def _remedy(array: AnyArray) -> str:
    """Return the remedy for class indices that are not integers, or ""."""
    kind, first = array.dtype.kind, array.flat[0] if array.size else None
    if kind in "bf" or isinstance(first, int):  # a column of pandas may hold objects
        return "; convert with labels.astype(np.int64)"
    if kind in TEXT or isinstance(first, str):
        return (
            "; convert names with np.searchsorted(classes, labels), "
            "where classes are all names, sorted, as classifier.classes_"
        )
    return ""


def _probabilities(array: AnyArray) -> AnyArray:
    if dtype_name(array.dtype) in HALVES:
        return array.astype(np.float32)
    if array.dtype.kind not in "iuf":
        rule = "labels must be real numbers if they are probabilities"
        remedy = "; convert with labels.astype(np.float32)" if array.dtype.kind == "b" else ""
        raise TypeError(f"{rule}, got {array.dtype}{remedy}")
    return in_native_order(array) if array.dtype.char in "fd" else array.astype(np.float64)


def check_class_indices(
    value: ArrayLike | None, shape: tuple[int, ...], row_shape: tuple[int, ...]
) -> AnyArray:
    """Return class indices of `row_shape`; raise for probabilities of `shape`."""
    array = labels_array(value)
    if array.shape == shape:
        if array.ndim == 1:  # N scores for two classes with N labels, or one row with probabilities
            rule = "labels must be one class index if logits have one axis"
            logits = "np.stack([np.zeros_like(s), s], axis=-1) for logits"
            remedy = f"if these are scores s of a binary decision_function, use {logits}"
            raise ValueError(f"{rule}, got shape {shape}; {remedy}")
        found = f"probabilities of shape {shape}; take their argmax over the class axis"
        raise ValueError(f"labels must be class indices here, got {found}")
    indices = check_integers(array)
    if array.shape != row_shape:
        remedy = reshape_remedy("use", "labels", array.shape, row_shape)
        raise ValueError(f"labels must have shape {row_shape}, got {array.shape}{remedy}")
    return indices


def reshape_remedy(
    do: str, argument: str, shape: tuple[int, ...], row_shape: tuple[int, ...]
) -> str:
    """Return the remedy if there are no numbers, or one for each row in another shape, else ""."""
    if not math.prod(shape):
        return f"; {do} one for each row"
    if math.prod(shape) != math.prod(row_shape):
        return ""
    return f"; {do} {argument}.reshape({row_shape})"


def check_not_indices(array: AnyArray) -> None:
    """Raise for integers on one axis: they are more likely class indices than probabilities."""
    if array.ndim == 1 and array.dtype.kind in "iu":
        rule = "num_classes must be given if labels are integers on one axis"
        remedy = "one row of probabilities is labels.astype(np.float64)"
        raise ValueError(f"{rule}, got None; {remedy}")


def check_indices_in_range(array: AnyArray, num_classes: int) -> AnyArray:
    """Return class indices; raise if one lies outside [0, num_classes)."""
    indices = check_integers(array)
    bad = (indices < 0) | (indices >= num_classes)
    if bad.any():
        found = entry("labels", array, np.unravel_index(int(bad.argmax()), array.shape))
        raise IndexError(f"labels must lie in [0, {num_classes}), got {found}")
    return indices


def check_probabilities(array: AnyArray, axis: int) -> AnyArray:
    """Return probabilities; raise if one is negative or not finite."""
    table = _probabilities(array)
    bad = is_improper(table)
    if bad.any():
        row = int(np.moveaxis(bad, axis, -1).argmax()) // array.shape[axis]
        raise improper_probability(array, axis, row)
    return table


def label_out_of_range(array: AnyArray, num_classes: int, row: int) -> IndexError:
    """Return the error for the label of `row`, counted in C order over the labels."""
    index = np.unravel_index(row, array.shape)
    found = f"{entry('labels', array, index)}{ignore_remedy(array[index])}"
    return IndexError(f"labels must lie in [0, {num_classes}), got {found}")


def ignore_remedy(label: int) -> str:
    """Return the remedy for a label out of range if it may mark rows that do not count, else ""."""
    return f"; pass ignore_index={label} to leave such rows out" if label < 0 else ""


def improper_probability(array: AnyArray, axis: int, row: int) -> ValueError:
    """Return the error for the first bad class of `row`, counted in C order over the other axes."""
    index: list[Any] = [*np.unravel_index(row, array.shape[:axis] + array.shape[axis + 1 :])]
    index.insert(axis, slice(None))
    table = _probabilities(array[tuple(index)])
    index[axis] = is_improper(table).argmax()
    value = entry("labels", array, tuple(index))
    return ValueError(f"labels must be finite and not negative, got {value}")


def bad_label(
    value: ArrayLike, shape: tuple[int, ...], axis: int, row: int
) -> IndexError | ValueError:
    """Return the error for the bad labels of `row`, for logits of this shape."""
    array = plain_array("labels", value)
    if array.ndim < len(shape):
        return label_out_of_range(array, shape[axis], row)
    return improper_probability(array, axis, row)
