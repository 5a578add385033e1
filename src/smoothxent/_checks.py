"""Every rule that inputs must obey, and every error message.

A check returns its argument in the form the kernel takes: a native, plain array or a Python number.
Messages read `<argument> must <rule>, got <found>; <remedy>`. Nothing here imports the kernel: what
only a read of the data can tell (label range, probability range) is found there and worded here.
"""

import operator
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

AnyArray: TypeAlias = NDArray[Any]
FloatArray: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Choice = TypeVar("Choice")

# A prior normalised in float32 misses 1 by about 2**-24 = 6e-8, or a few times that.
PRIOR_SUM_TOLERANCE = 1e-6

# Steps that NumPy may take to prove two strided arrays apart; beyond it they count as overlapping.
OVERLAP_WORK = 10_000


def plain(name: str, value: ArrayLike) -> AnyArray:
    """`value` as a base-class array; masked arrays are refused, as NumPy would drop the mask."""
    if type(value) is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must be a plain array, got a masked array; fill it with {name}.filled(value)"
        )
    return np.asarray(value)


def native(array: AnyArray) -> AnyArray:
    """`array` in this machine's byte order, copied only if it is in the other one."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def logits(value: ArrayLike) -> FloatArray:
    array = plain("logits", value)
    if array.dtype.char not in "fd":
        raise TypeError(
            f"logits must be float32 or float64, got {array.dtype}{_logits_remedy(array.dtype)}"
        )
    return native(array)


def _logits_remedy(dtype: np.dtype[Any]) -> str:
    if dtype.kind in "biuf" or dtype.name == "bfloat16":
        return "; convert with logits.astype(np.float32)"
    if dtype == np.dtype("V2"):  # what np.save and np.load make of bfloat16
        bfloat16 = "logits.view(ml_dtypes.bfloat16)"
        return f"; if these are bfloat16, convert with {bfloat16}.astype(np.float32)"
    return ""


def axis(value: int, ndim: int) -> int:
    """`value` counted from the front."""
    position = integer("axis", value)
    if not -ndim <= position < ndim:
        raise ValueError(f"axis must lie in [{-ndim}, {ndim}), got {position}")
    return position % ndim


def class_axis(name: str, value: int, shape: tuple[int, ...]) -> int:
    """`value` counted from the front, for an array that must have classes if it has rows."""
    if not shape:
        raise ValueError(f"{name} must have at least one axis, got shape ()")
    position = axis(value, len(shape))
    if not shape[position] and 0 not in shape[:position] + shape[position + 1 :]:
        raise ValueError(
            f"{name} must have at least one class on axis {position}, got shape {shape}"
        )
    return position


def labels(value: ArrayLike, shape: tuple[int, ...], row_shape: tuple[int, ...]) -> AnyArray:
    """Class indices of `row_shape`, or probabilities of `shape` as float32 or float64."""
    array = plain("labels", value)
    if array.shape == row_shape:
        return class_indices(array)
    if array.shape != shape:
        if array.ndim == len(row_shape):
            class_indices(array)  # a wrong kind is the more helpful complaint
        raise ValueError(
            f"labels must have shape {row_shape} (class indices) or {shape} (probabilities), "
            f"got {array.shape}"
        )
    return probabilities(array)


def class_indices(array: AnyArray) -> AnyArray:
    kind = array.dtype.kind
    if kind not in "iu":
        remedy = "; convert with labels.astype(np.int64)" if kind in "bf" else ""
        raise TypeError(
            f"labels must be integers where they are class indices, got {array.dtype}{remedy}"
        )
    return native(array)


def probabilities(array: AnyArray) -> AnyArray:
    if array.dtype.kind not in "iuf":
        remedy = "; convert with labels.astype(np.float32)" if array.dtype.kind == "b" else ""
        raise TypeError(
            f"labels must be real numbers where they are probabilities, got {array.dtype}{remedy}"
        )
    return native(array) if array.dtype.char in "fd" else array.astype(np.float64)


def indices_in_range(array: AnyArray, num_classes: int) -> AnyArray:
    """Class indices, all of which lie in [0, num_classes)."""
    indices = class_indices(array)
    bad = (indices < 0) | (indices >= num_classes)
    if bad.any():
        raise label_out_of_range(array, num_classes, int(bad.argmax()))
    return indices


def proper_probabilities(array: AnyArray, axis: int) -> AnyArray:
    """Probabilities, all of which are finite and not negative."""
    table = probabilities(array)
    bad = ~((table >= 0) & (table < np.inf))
    if bad.any():
        raise improper_probability(
            array, axis, *divmod(int(np.moveaxis(bad, axis, -1).argmax()), array.shape[axis])
        )
    return table


def label_out_of_range(array: AnyArray, num_classes: int, row: int) -> IndexError:
    """Word the error for the label of `row`, counted in C order over the labels."""
    index = np.unravel_index(row, array.shape)
    return IndexError(
        f"labels must lie in [0, {num_classes}), got {_entry('labels', array, index)}"
    )


def improper_probability(array: AnyArray, axis: int, row: int, class_index: int) -> ValueError:
    """Word the error for one class of `row`, counted in C order over the axes without `axis`."""
    position = list(np.unravel_index(row, array.shape[:axis] + array.shape[axis + 1 :]))
    position.insert(axis, np.intp(class_index))
    return ValueError(
        f"labels must be finite and not negative, got {_entry('labels', array, tuple(position))}"
    )


def _entry(name: str, array: AnyArray, index: tuple[Any, ...]) -> str:
    """`name[i, j] = value`, the value as its own dtype prints it."""
    place = f"[{', '.join(str(i) for i in index)}]" if index else ""
    return f"{name}{place} = {array[index]}"


def label_smoothing(value: float) -> float:
    if type(value) is not float and (
        isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating)
    ):
        raise TypeError(f"label_smoothing must be a real number, got {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"label_smoothing must lie in [0, 1], got {value}")
    return float(value)


def integer(name: str, value: int) -> int:
    """`value`, of any Python or NumPy integer type, as a Python integer."""
    if type(value) is int:
        return value
    if not isinstance(value, bool | np.bool_):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise TypeError(f"{name} must be an integer, got {value!r}")


def num_threads(value: int | None) -> int | None:
    return None if value is None else positive("num_threads", value)


def positive(name: str, value: int) -> int:
    number = integer(name, value)
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number


def ignore_index(value: int | None, labels: AnyArray, is_index: bool) -> int | None:
    """`value`, or None if no label of this dtype can equal it."""
    if value is None:
        return None
    number = integer("ignore_index", value)
    if not is_index:
        raise ValueError(
            f"ignore_index must be None where labels are probabilities, got {number}; "
            "give such rows a sample_weight of 0"
        )
    limits = np.iinfo(labels.dtype)
    return number if limits.min <= number <= limits.max else None


def weights(
    name: str, value: ArrayLike | None, shape: tuple[int, ...]
) -> NDArray[np.float64] | None:
    """Finite and non-negative numbers of this shape, flat, in float64."""
    if value is None:
        return None
    array = plain(name, value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    flat: NDArray[np.float64] = np.require(array, np.float64, ["C", "A"]).reshape(-1)
    if flat.size and not (flat.min() >= 0 and flat.max() < np.inf):
        first = np.flatnonzero(~((flat >= 0) & (flat < np.inf)))[0]
        index = np.unravel_index(first, shape)
        raise ValueError(
            f"{name} must be finite and not negative, got {_entry(name, array, index)}"
        )
    return flat


def prior(value: ArrayLike | None, num_classes: int) -> NDArray[np.float64] | None:
    flat = weights("prior", value, (num_classes,))
    if flat is None or not num_classes:
        return flat
    total = float(flat.sum())
    if not abs(total - 1) <= PRIOR_SUM_TOLERANCE:
        raise ValueError(f"prior must sum to 1, got a sum of {total}; divide it by its sum")
    return flat


def choice(name: str, value: object, table: Mapping[str, Choice]) -> Choice:
    """Look up what `value` names."""
    if not isinstance(value, str) or value not in table:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, table))}, got {value!r}")
    return table[value]


def destination(name: str, value: object, shape: tuple[int, ...], dtype: np.dtype[Any]) -> AnyArray:
    """`value`, an array to be written, without its subclass."""
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a plain NumPy array, got {type(value).__name__}")
    if value.dtype != dtype:
        raise TypeError(f"{name} must be {dtype}, got {value.dtype}")
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {value.shape}")
    if not value.flags.writeable:
        raise ValueError(f"{name} must be writeable, got a read-only array")
    return np.asarray(value)


def losses_out(
    value: object, reduction: str, row_shape: tuple[int, ...], dtype: np.dtype[Any]
) -> AnyArray:
    """`value`, an array for one loss per row."""
    if reduction != "none":
        raise ValueError(
            f"out must be None unless reduction is 'none', got an array for {reduction!r}"
        )
    return destination("out", value, row_shape, dtype)


def apart(name: str, array: AnyArray, **inputs: ArrayLike | None) -> None:
    """Refuse an `array` to be written that shares memory with one of the inputs."""
    for other, value in inputs.items():
        if value is not None and np.may_share_memory(array, value, max_work=OVERLAP_WORK):  # type: ignore[arg-type]
            raise ValueError(f"{name} must not overlap {other}, got arrays that share memory")


def in_place_or_apart(name: str, array: AnyArray, logits: AnyArray) -> None:
    """Refuse an `array`, shaped as the logits, that overlaps them but is not the same memory."""
    if array is logits or not np.may_share_memory(array, logits):
        return
    same_place = array.__array_interface__["data"] == logits.__array_interface__["data"]
    if not (same_place and array.strides == logits.strides):
        apart(name, array, logits=logits)
