"""The rules of logits, weights and options, and every error message about them.

A check returns its argument in the form the kernel takes: a native, plain array or a Python number.
Messages read `<argument> must <rule>, got <found>; <remedy>`. Nothing here imports the kernel: what
only a read of the data can tell is found there and worded here. What can't become an array at all
is refused, in the same words, by `_arrays`.
"""

import operator
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent import _arrays, _halves

AnyArray: TypeAlias = NDArray[Any]
# float32 or float64; bfloat16 is a dtype of ml_dtypes, or uint16 bits
FloatArray: TypeAlias = NDArray[Any]
Transforms: TypeAlias = tuple[float, float, float]  # softcap or 0, temperature, z_loss
DType: TypeAlias = str | np.dtype[Any] | type[Any]
Choice = TypeVar("Choice")

# In native byte order: what the kernel takes as it is. Their names, which NumPy makes up anew each
# time that it is asked.
FLOATS = {np.dtype(np.float32): "float32", np.dtype(np.float64): "float64"}
HALVES = ("float16", "bfloat16")  # by name: bfloat16 is not NumPy's own
LOGITS = "float32, float64, float16 or bfloat16"
FLOAT32 = np.dtype(np.float32)

# A prior normalised in float32 misses 1 by about 2**-24 = 6e-8, or a few times that.
PRIOR_SUM_TOLERANCE = 1e-6

# What is normal in float32, as its reciprocal is.
LEAST_SCALE, MOST_SCALE = 1e-37, 1e37

# No axis has more classes; so many bins are 3 GB of totals for each thread.
MOST_K, MOST_BINS = 2**63 - 1, 2**20


def plain(name: str, value: ArrayLike) -> AnyArray:
    """`value` as a base-class array; masked arrays are refused, as NumPy would drop the mask."""
    if type(value) is np.ndarray:
        return value
    array, is_bfloat16 = _arrays.lent(name, value)
    return _halves.widened(array, "bfloat16") if is_bfloat16 else array


def native(array: AnyArray) -> AnyArray:
    """`array` in this machine's byte order, copied only if it is in the other one."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def logits(
    value: ArrayLike, dtype: DType | None, argument: str = "logits"
) -> tuple[FloatArray, str]:
    """`value` as the kernel takes it, and the name of the dtype whose build of the kernel it is."""
    array, is_bfloat16 = value, False
    if type(array) is not np.ndarray:
        array, is_bfloat16 = _arrays.lent(argument, value)
    if dtype is None and array.dtype in FLOATS:
        return array, FLOATS[array.dtype]
    own = "bfloat16" if is_bfloat16 else dtype_name(array.dtype)
    name = own if dtype is None else _logits_name(dtype)
    if own == "uint16" and name in HALVES:  # the bits of such numbers
        return native(array), name
    if array.dtype.char not in "fd" and own not in HALVES:
        raise TypeError(
            f"{argument} must be {LOGITS}, got {array.dtype}{_remedy(argument, array.dtype)}"
        )
    if name != own:
        raise TypeError(f"dtype must be {own}, that of the {argument}, got {name}; leave it out")
    return native(array), name


@lru_cache
def dtype_name(dtype: np.dtype[Any]) -> str:
    return dtype.name


def _logits_name(dtype: DType) -> str:
    name = dtype
    if not isinstance(dtype, str):
        try:
            name = np.dtype(dtype).name
        except TypeError:
            name = repr(dtype)
    if name not in {*HALVES, "float32", "float64"}:
        raise TypeError(f"dtype must be {LOGITS}, got {name}")
    return str(name)


def _remedy(argument: str, dtype: np.dtype[Any]) -> str:
    is_of_head = argument in {"hidden", "weight", "bias"}  # whose functions have no `dtype`
    if is_of_head and dtype in {np.dtype("H"), np.dtype("V2")}:
        return f"; if these are the bits of bfloat16, use {argument}.view(ml_dtypes.bfloat16)"
    array = argument.partition(" ")[0]  # of "logits file x.npy" too
    if dtype.char == "H":
        return "; if these are the bits of bfloat16 or float16, say so with dtype"
    if dtype.kind in "biuf":
        return f"; convert with {array}.astype(np.float32)"
    if dtype == np.dtype("V2"):  # what np.save and np.load make of bfloat16
        return f'; if these are bfloat16, use {array}.view(np.uint16) and dtype="bfloat16"'
    return ""


def features(
    name: str, value: ArrayLike, shape: tuple[int, ...] | None = None
) -> tuple[FloatArray, str]:
    """`value` of any dtype that logits may have, and the name of a 2-byte one.

    It must have this shape, where one is given.
    """
    array, build = logits(value, None, name)
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if not array.ndim:
        raise ValueError(f"{name} must have at least one axis, got shape ()")
    return array, build if build in HALVES else ""


def head_weight(value: ArrayLike, hidden_shape: tuple[int, ...]) -> tuple[FloatArray, str]:
    """`value`, a row for each of at least one class, each as long as a row of hidden."""
    array, half = features("weight", value)
    if array.ndim != 2 or array.shape[1] != hidden_shape[-1] or not len(array):
        raise ValueError(
            f"weight must have shape (classes, {hidden_shape[-1]}) for hidden of shape "
            f"{hidden_shape}, got {array.shape}"
        )
    return array, half


def scale(name: str, value: float) -> float:
    """`value`, which logits of any dtype can be divided by and multiplied with."""
    number = real(name, value)
    if not LEAST_SCALE <= number <= MOST_SCALE:
        raise ValueError(f"{name} must lie in [{LEAST_SCALE}, {MOST_SCALE}], got {value}")
    return number


def losses_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What the losses of rows of such logits are in."""
    return dtype if dtype in FLOATS else FLOAT32


def axis(value: int, ndim: int) -> int:
    """`value` counted from the front."""
    position = integer("axis", value)
    if not -ndim <= position < ndim:
        raise ValueError(f"axis must lie in [{-ndim}, {ndim}), got {position}")
    return position % ndim


def class_axis(name: str, value: int, shape: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
    """`value` counted from the front, the number of classes there, and the shape of the rows."""
    return _class_axis(name, value if type(value) is int else integer("axis", value), shape)


@lru_cache  # most calls have the shape of a call before
def _class_axis(name: str, value: int, shape: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
    if not shape:
        raise ValueError(f"{name} must have at least one axis, got shape ()")
    position = axis(value, len(shape))
    row_shape = shape[:position] + shape[position + 1 :]
    if not shape[position] and 0 not in row_shape:
        raise ValueError(
            f"{name} must have at least one class on axis {position}, got shape {shape}"
        )
    return position, shape[position], row_shape


def entry(name: str, array: AnyArray, index: tuple[Any, ...]) -> str:
    """`name[i, j] = value`, the value as its own dtype prints it."""
    place = f"[{', '.join(str(i) for i in index)}]" if index else ""
    return f"{name}{place} = {array[index]}"


def label_smoothing(value: float) -> float:
    number = real("label_smoothing", value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"label_smoothing must lie in [0, 1], got {value}")
    return number


def real(name: str, value: float) -> float:
    """`value`, of any Python or NumPy type of real numbers, as a Python float."""
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    try:
        return float(value)
    except OverflowError:  # of an integer, which no range has
        return np.inf if value > 0 else -np.inf


def transforms(softcap: float | None, temperature: float, z_loss: float) -> Transforms | None:
    """The three as the kernel takes them, or None where they change nothing."""
    number = real("z_loss", z_loss)
    if not 0.0 <= number <= MOST_SCALE:
        raise ValueError(f"z_loss must lie in [0, {MOST_SCALE}], got {z_loss}")
    cap = 0.0 if softcap is None else scale("softcap", softcap)
    checked = cap, scale("temperature", temperature), number
    return None if checked == (0.0, 1.0, 0.0) else checked


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


def positive(name: str, value: int) -> int:
    number = integer(name, value)
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number


def at_most(name: str, value: int, most: int) -> int:
    """`value`, an integer of 1 to `most`."""
    number = positive(name, value)
    if number > most:
        raise ValueError(f"{name} must be at most {most}, got {number}")
    return number


def num_bins(value: int) -> int:
    return at_most("num_bins", value, MOST_BINS)


def top_k(value: object) -> tuple[int, ...]:
    """The numbers of `value` and 1, in order."""
    if not isinstance(value, Iterable):
        raise TypeError(f"top_k must be a tuple of integers, got {value!r}")
    return tuple(sorted({1, *(at_most("top_k", k, MOST_K) for k in value)}))


def ignore_index(value: int, labels: AnyArray, is_index: bool) -> int | None:
    """`value`, or None if no label of this dtype can equal it."""
    number = integer("ignore_index", value)
    if not is_index:
        raise ValueError(
            f"ignore_index must be None where labels are probabilities, got {number}; "
            "give such rows a sample_weight of 0"
        )
    limits = np.iinfo(labels.dtype)
    return number if limits.min <= number <= limits.max else None


def ignore_index_of(value: int, labels: AnyArray | None) -> int | None:
    """`value` for class indices that may be missing."""
    if labels is None:
        number = integer("ignore_index", value)
        raise ValueError(f"ignore_index must be None where there are no labels, got {number}")
    return ignore_index(value, labels, is_index=True)


def improper(array: AnyArray) -> NDArray[np.bool_]:
    """Where weights or probabilities are negative or not finite."""
    return ~((array >= 0) & (array < np.inf))


def weights(name: str, value: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Finite and non-negative numbers of this shape, flat, in float64."""
    array = plain(name, value)
    if array.dtype.kind not in "iuf" and dtype_name(array.dtype) not in HALVES:
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    flat: NDArray[np.float64] = np.require(array, np.float64, ["C", "A"]).reshape(-1)
    if flat.size and not (flat.min() >= 0 and flat.max() < np.inf):
        index = np.unravel_index(int(improper(flat).argmax()), shape)
        raise ValueError(f"{name} must be finite and not negative, got {entry(name, array, index)}")
    return flat


def prior(value: ArrayLike, num_classes: int) -> NDArray[np.float64]:
    flat = weights("prior", value, (num_classes,))
    if not num_classes:
        return flat
    total = float(flat.sum())
    if not abs(total - 1) <= PRIOR_SUM_TOLERANCE:
        raise ValueError(f"prior must sum to 1, got a sum of {total}; divide it by its sum")
    return flat


def choice(name: str, value: str, table: Mapping[str, Choice]) -> Choice:
    """Look up what `value` names."""
    try:
        return table[value]
    except (KeyError, TypeError):
        names = ", ".join(map(repr, table))
        raise ValueError(f"{name} must be one of {names}, got {value!r}") from None
