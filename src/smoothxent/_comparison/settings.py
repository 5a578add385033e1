"""The options of a comparison: names, and one value for both classifiers or one for each."""

from collections.abc import Iterable
from typing import TypeAlias, TypeVar

from smoothxent._arguments.options import check_top_k
from smoothxent._evaluation.settings import Options

NAMES = ("A", "B")

Value = TypeVar("Value")
OfEach: TypeAlias = Value | tuple[Value, Value]


def options_of_both(
    num_classes: int,
    softcap: OfEach[float | None],
    temperature: OfEach[float],
    label_smoothing: float,
    top_k: Iterable[int],
    num_bins: int,
) -> tuple[Options, Options]:
    """Check the arguments of a comparison of logits with this number of classes."""
    ranks = check_top_k(top_k)  # once: it may be an iterator
    softcaps, temperatures = _pair("softcap", softcap), _pair("temperature", temperature)
    a, b = (
        Options.of(num_classes, (cap, t, 0.0), (label_smoothing, None, None), ranks, num_bins)
        for cap, t in zip(softcaps, temperatures, strict=True)
    )
    return a, b


def _pair(name: str, value: OfEach[Value]) -> tuple[Value, Value]:
    if not isinstance(value, tuple):
        return value, value
    if len(value) != 2:
        raise ValueError(f"{name} must be a number or a pair of numbers, got {value!r}")
    return value


def check_names(value: object) -> tuple[str, str]:
    """Return the names of a and b: two texts of one line."""
    if not isinstance(value, tuple | list) or [type(name) for name in value] != [str, str]:
        raise TypeError(f"names must be a tuple of two strings, got {value!r}")
    a, b = value
    for name in (a, b):
        if not (name.strip() and name.isprintable()):
            raise ValueError(f"names must be printable and not empty, got {name!r}")
    return a, b
