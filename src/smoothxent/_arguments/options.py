"""The options of a call: numbers, weights and names.

The options of the loss travel as two tuples: the transforms of the logits, and the options of the
targets. A check returns its argument in the form that the kernel accepts: a Python number or a
float64 array. Errors read `<argument> must <rule>, got <found>; <remedy>`.
"""

import math
import operator
from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypedDict, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent._arguments.arrays import AnyArray, dtype_name, entry, plain_array
from smoothxent._arguments.half import HALVES

TRANSFORMS = ("softcap", "temperature", "z_loss")
# As callers pass them, and as the kernel accepts them, with 0 for no softcap.
GivenTransforms: TypeAlias = tuple[float | None, float, float]
Transforms: TypeAlias = tuple[float, float, float]

# label_smoothing, prior, class_weight, sample_weight, ignore_index
GivenTargets: TypeAlias = tuple[
    float, ArrayLike | None, ArrayLike | None, ArrayLike | None, int | None
]
# Checked: prior and class_weight (C,), sample_weight (N,), ignore_index in the labels' range
Targets: TypeAlias = tuple[
    float,
    NDArray[np.float64] | None,
    NDArray[np.float64] | None,
    NDArray[np.float64] | None,
    int | None,
]
Choice = TypeVar("Choice")


class CommonOptions(TypedDict, total=False):
    """The options that losses and metrics share, for overloads."""

    softcap: float | None
    temperature: float
    z_loss: float
    label_smoothing: float
    prior: ArrayLike | None
    class_weight: ArrayLike | None
    ignore_index: int | None
    num_threads: int | None


# The sum of a prior that was normalised in float32 differs from 1 by about 2**-24 = 6e-8, or a few
# times that.
PRIOR_SUM_TOLERANCE = 1e-6

# Numbers that are normal in float32, and whose reciprocals are too.
LEAST_SCALE, MOST_SCALE = 1e-37, 1e37
# The search for a temperature also reads at a millionth of its lower bound.
LEAST_BOUND, MOST_BOUND = 1e-30, 1e30

# No axis has more classes than MOST_K. MOST_BINS bins take 3 GB of totals for each thread.
MOST_K, MOST_BINS = 2**63 - 1, 2**20


def check_integer(name: str, value: int) -> int:
    """Return `value`, of any Python or NumPy integer type, as a Python integer."""
    if type(value) is int:
        return value
    if not isinstance(value, bool | np.bool_):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise TypeError(f"{name} must be an integer, got {value!r}")


def check_flag(name: str, value: bool) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_positive(name: str, value: int) -> int:
    number = check_integer(name, value)
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number


def check_at_most(name: str, value: int, most: int) -> int:
    """Return `value`, an integer from 1 to `most`."""
    if type(value) is int and 0 < value <= most:
        return value  # the usual case, quickly
    number = check_positive(name, value)
    if number > most:
        raise ValueError(f"{name} must be at most {most}, got {number}")
    return number


def check_real(name: str, value: float) -> float:
    """Return `value`, of any Python or NumPy type of real numbers, as a Python float."""
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        remedy = "; use its value" if isinstance(getattr(value, "value", None), float) else ""
        raise TypeError(f"{name} must be a real number, got {value!r}{remedy}")
    try:
        return float(value)
    except OverflowError:  # an integer beyond float64, which is outside every range
        return np.inf if value > 0 else -np.inf


def check_amount(name: str, value: float) -> float:
    """Return `value`, a finite number above 0."""
    number = check_real(name, value)
    if not 0.0 < number < np.inf:
        raise ValueError(f"{name} must be finite and above 0, got {value}")
    return number


def check_share(name: str, value: float) -> float:
    """Return `value`, a probability other than 0 and 1."""
    number = check_real(name, value)
    if not 0.0 < number < 1.0:
        raise ValueError(f"{name} must lie between 0 and 1, got {value}; use 0.95 for 95 %")
    return number


def check_scale(name: str, value: float) -> float:
    """Return `value`, a safe factor and divisor of logits of any dtype."""
    number = check_real(name, value)
    if not LEAST_SCALE <= number <= MOST_SCALE:
        raise ValueError(f"{name} must lie in [{LEAST_SCALE}, {MOST_SCALE}], got {value}")
    return number


def check_bounds(value: object) -> tuple[float, float]:
    """Return two temperatures, below and above 1, between which one is fitted."""
    rule = f"bounds must be two temperatures low < 1 < high in [{LEAST_BOUND:g}, {MOST_BOUND:g}]"
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{rule}, got {value!r}")
    low, high = (check_real("bounds", each) for each in value)
    if not LEAST_BOUND <= low < 1 < high <= MOST_BOUND:
        raise ValueError(f"{rule}, got {value!r}")
    return low, high


def check_choice(name: str, value: str, table: Mapping[str, Choice]) -> Choice:
    """Return the entry of the table with the name `value`."""
    try:
        return table[value]
    except (KeyError, TypeError):
        names = ", ".join(map(repr, table))
        raise ValueError(f"{name} must be one of {names}, got {value!r}") from None


def check_transforms(given: GivenTransforms) -> Transforms | None:
    """Return the three transforms as the kernel accepts them, or None if they change nothing."""
    softcap, temperature, z_loss = given
    are_floats = type(temperature) is type(z_loss) is float
    if are_floats and softcap is None and temperature == 1.0 and z_loss == 0.0:
        return None
    number = check_real("z_loss", z_loss)
    if not 0.0 <= number <= MOST_SCALE:
        raise ValueError(f"z_loss must lie in [0, {MOST_SCALE}], got {z_loss}")
    cap = 0.0 if softcap is None else check_scale("softcap", softcap)
    checked = cap, check_scale("temperature", temperature), number
    return None if checked == (0.0, 1.0, 0.0) else checked


def given_transforms(transforms: Transforms | None) -> GivenTransforms:
    """Return checked transforms as callers pass them."""
    softcap, *others = transforms or (0.0, 1.0, 0.0)
    return softcap or None, others[0], others[1]


def check_targets(
    given: GivenTargets,
    num_classes: int,
    row_shape: tuple[int, ...],
    labels: AnyArray | None = None,
    are_indices: bool = True,
) -> Targets:
    """Return the checked options of the targets; `labels` have been checked before."""
    label_smoothing, prior, class_weight, sample_weight, ignore_index = given
    u = w = s = ignored = None
    eps = label_smoothing
    if type(eps) is not float or not 0.0 <= eps <= 1.0:
        eps = check_label_smoothing(label_smoothing)
    if prior is not None:
        u = check_prior(prior, num_classes)
    if class_weight is not None:
        w = check_weights("class_weight", class_weight, (num_classes,))
    if sample_weight is not None:
        s = check_weights("sample_weight", sample_weight, row_shape)
        if are_indices:
            check_products(w, s)
    if ignore_index is not None:
        ignored = check_ignore_index(ignore_index, labels, are_indices)
    return eps, u, w, s, ignored


def check_label_smoothing(value: float) -> float:
    number = check_real("label_smoothing", value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"label_smoothing must lie in [0, 1], got {value}")
    return number


def check_weights(name: str, value: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return finite, non-negative numbers of this shape, or a mask, as a flat float64 array."""
    array = plain_array(name, value)
    if array.dtype.kind not in "biuf" and dtype_name(array.dtype) not in HALVES:
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    flat: NDArray[np.float64] = np.require(array, np.float64, ["C", "A"]).reshape(-1)
    if flat.size and not (flat.min() >= 0 and flat.max() < np.inf):
        index = np.unravel_index(int(is_improper(flat).argmax()), shape)
        raise ValueError(f"{name} must be finite and not negative, got {entry(name, array, index)}")
    return flat


def check_products(
    class_weight: NDArray[np.float64] | None, sample_weight: NDArray[np.float64]
) -> None:
    """Check that no product of two weights overflows: it would be missing in the sum of weights."""
    if class_weight is not None and class_weight.size and sample_weight.size:
        largest = float(class_weight.max()), float(sample_weight.max())
        if math.isinf(largest[0] * largest[1]):
            raise ValueError(
                "class_weight times sample_weight must be finite, got "
                f"{largest[0]} * {largest[1]}; divide each by its largest entry"
            )


def is_improper(array: AnyArray) -> NDArray[np.bool_]:
    """Return True where weights or probabilities are negative or not finite."""
    return ~((array >= 0) & (array < np.inf))


def check_prior(value: ArrayLike, num_classes: int) -> NDArray[np.float64]:
    flat = check_weights("prior", value, (num_classes,))
    if not num_classes:
        return flat
    total = float(flat.sum())
    if not abs(total - 1) <= PRIOR_SUM_TOLERANCE:
        raise ValueError(f"prior must sum to 1, got a sum of {total}; divide it by its sum")
    return flat


def check_ignore_index(value: int, labels: AnyArray | None, are_indices: bool = True) -> int | None:
    """Return `value`, or None if the dtype of the labels can't hold it."""
    number = check_integer("ignore_index", value)
    if labels is None:
        raise ValueError(f"ignore_index must be None without labels, got {number}")
    if not are_indices:
        raise ValueError(
            f"ignore_index must be None if labels are probabilities, got {number}; "
            "give such rows a sample_weight of 0"
        )
    limits = np.iinfo(labels.dtype)
    return number if limits.min <= number <= limits.max else None


def check_num_bins(value: int) -> int:
    return check_at_most("num_bins", value, MOST_BINS)


def check_num_top(value: int | None, num_classes: int, most: int) -> int:
    """Return `value`, a number of top classes of a row, or 0 for None."""
    if value is None:
        return 0
    number = check_at_most("top_k", value, most)
    if number > num_classes:
        raise ValueError(
            f"top_k must be at most the number of classes ({num_classes}), got {number}"
        )
    return number


def check_top_k(value: object) -> tuple[int, ...]:
    """Return 1 and the numbers of `value`, sorted."""
    if not isinstance(value, tuple | Iterable):
        remedy = f"; write ({value},)" if isinstance(value, int) else ""
        raise TypeError(f"top_k must be a tuple of integers, got {value!r}{remedy}")
    return tuple(sorted({1} | {check_at_most("top_k", k, MOST_K) for k in value}))
