"""Readers of records: each checks one value of a dict from JSON, and an error names its key.

A record may be from another machine, or edited by hand.
"""

import math
import re
from collections.abc import Callable, Container, Mapping
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.options import check_real
from smoothxent._evaluation.sums.exact import Exact

RANK = re.compile("[1-9][0-9]{0,39}")
# Tolerance of a metric that another version, or the exp of another machine, has computed.
NEAR = 1e-6
CHECKSUM = re.compile("([0-9a-f]{8})?")

Record: TypeAlias = Mapping[Any, object]
Value = TypeVar("Value")


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def at(given: Record, key: str, read: Callable[[str, object], Value], path: str = "") -> Value:
    if key not in given:
        raise ValueError(f"{path}{key} must be given, got none")
    return read(f"{path}{key}", given[key])


def check_equal(given: Record, key: str, rule: object) -> None:
    value = at(given, key, read_anything)
    if type(value) is not type(rule) or value != rule:
        raise ValueError(f"{key} must be {rule!r}, got {value!r}")


def read_anything(name: str, value: Any) -> Any:
    return value


def check_keys(name: str, given: Record, made: Container[object]) -> None:
    """Raise for keys that `record_of` does not make; keys of metrics may be missing."""
    for key in given:
        if key not in made:
            raise ValueError(f"{name} must have only keys of to_dict, got {key!r}")


def check_metrics(name: str, value: object, made: Record) -> None:
    """Raise for metrics that do not agree with the totals."""
    given = read_dict(name, value)
    check_keys(name, given, made)
    for key, metric in given.items():
        expected = made[key]
        if isinstance(expected, dict):
            check_metrics(f"{name}.{key}", metric, expected)
        elif not _is_near(metric, expected):
            rule = f"be {expected!r}, the value of the sums"
            raise ValueError(f"{name}.{key} must {rule}, got {metric!r}")


def read_each(
    given: Record,
    key: str,
    read: Callable[[str, object], Value],
    path: str = "",
    size: int | None = None,
) -> list[Value]:
    """Return the items of a list, which must have this number of them."""
    items = at(given, key, read_list, path)
    if size is not None and len(items) != size:
        raise ValueError(f"{path}{key} must have {size} items, got {len(items)}")
    return [read(f"{path}{key}[{i}]", each) for i, each in enumerate(items)]


def read_counts(given: Record, key: str, path: str, size: int | None = None) -> NDArray[np.int64]:
    """Return a list of counts, which must have this number of them, as an array."""
    counts = read_each(given, key, read_count, path, size)
    if sum(counts) > np.iinfo(np.int64).max:
        raise ValueError(f"{path}{key} must add up to less than 2**63, got {sum(counts)}")
    return np.array(counts, np.int64)


def check_no_more(name: str, values: list[Exact], limit: str, most: list[Exact]) -> None:
    """Raise if one of the values, all finite, is larger than its limit."""
    for i, (value, largest) in enumerate(zip(values, most, strict=True)):
        if (value - largest).units > 0:
            raise ValueError(f"{name}[{i}] must be no more than {limit}[{i}], got '{value}'")


def _is_near(value: object, expected: object) -> bool:
    if not isinstance(expected, float) or type(value) not in {int, float}:
        return value is expected
    number = check_real("", cast(float, value))  # an integer may be too large for a float
    return math.isclose(number, expected, rel_tol=NEAR, abs_tol=NEAR)


def read_dict(name: str, value: object) -> Record:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a dict, got {value!r}")
    return value


def read_list(name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{name} must be a list, got {value!r}")
    return value


def read_count(name: str, value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} must be an integer of 0 or more, got {value!r}")
    return value


def read_checksum(name: str, value: object) -> str:
    if not (isinstance(value, str) and CHECKSUM.fullmatch(value)):
        raise ValueError(f"{name} must be '' or 8 hexadecimal digits, got {value!r}")
    return value


def read_sum(name: str, value: object) -> Exact:
    try:
        if isinstance(value, str):
            return Exact.from_text(value)
    except ValueError:
        pass
    rule = "be an exact sum such as '0x1abcp-52', 'inf' or 'nan'"
    raise ValueError(f"{name} must {rule}, got {value!r}")


def read_weight(name: str, value: object) -> Exact:
    weight = read_sum(name, value)
    if weight.special or weight.units < 0:
        raise ValueError(f"{name} must be finite and not negative, got {value!r}")
    return weight


def read_size(name: str, value: object) -> Exact:
    size = read_sum(name, value)
    if size.units < 0 or size.special == "-inf":
        raise ValueError(f"{name} must be 0 or more, got {value!r}")
    return size


def read_squares(name: str, value: object) -> Exact:
    squares = read_size(name, value)
    if squares.special == "nan":
        raise ValueError(f"{name} must be 0 or more, got {value!r}")
    return squares


def read_hits(name: str, value: object) -> dict[int, Exact]:
    """Return weights by k, from a dict whose keys are texts of k; it must have "1"."""
    given = read_dict(name, value)
    for key in given:
        if not (isinstance(key, str) and RANK.fullmatch(key)):
            rule = "have positive integers of up to 40 digits as its keys"
            raise ValueError(f"{name} must {rule}, got {key!r}")
    at(given, "1", read_weight, f"{name}.")
    return {k: at(given, str(k), read_weight, f"{name}.") for k in sorted(map(int, given))}
