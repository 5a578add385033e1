"""Values as JSON and back, by the annotations of the fields of their classes.

A class with a form of its own has `to_json` and `from_json`. Where fields must fit together, its
`_check` raises unless they do. Floats become the text of `float.hex`: other programs may write 1.0
as 1, which would change the checksum.
"""

from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np


def encoded(value: Any) -> Any:
    """Return a value as dict, list, str, int, bool and None."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): encoded(value[key]) for key in sorted(value)}
    names = _names(type(value))
    if len(names) == 1:  # the only field of a class is written in place of it
        return encoded(getattr(value, names[0]))
    if names:
        return {name.lstrip("_"): encoded(getattr(value, name)) for name in names}
    return [encoded(each) for each in value] if isinstance(value, tuple) else value


def decoded(kind: Any, value: Any) -> Any:
    """Return the value of this type that `encoded` has written; other JSON raises any error."""
    origin, arguments = get_origin(kind), get_args(kind)
    if hasattr(origin, "__value__"):  # NDArray[X] is an alias of a type from NumPy 2.5 on
        return decoded(origin.__value__[arguments], value)
    if hasattr(kind, "from_json"):
        return kind.from_json(value)
    if kind is float:
        return float.fromhex(value)
    if origin is np.ndarray:
        return _array(value, Any in get_args(arguments[1]))
    if origin is dict:
        return {arguments[0](key): decoded(arguments[1], each) for key, each in value.items()}
    if origin is tuple:
        has_any_length = arguments[-1] is Ellipsis
        kinds = arguments[:1] * len(value) if has_any_length else arguments
        items = zip(kinds, decoded(list, value), strict=True)
        return tuple(decoded(each_kind, each) for each_kind, each in items)
    if origin in (UnionType, Union):  # X | None
        return None if value is None else decoded(arguments[0], value)
    if names := _names(kind):
        types = get_type_hints(kind)
        given = {names[0].lstrip("_"): value} if len(names) == 1 else value
        result = kind(**{name: decoded(types[name], given[name.lstrip("_")]) for name in names})
        if hasattr(kind, "_check"):
            result._check()
        return result
    if value not in arguments if origin is Literal else type(value) is not kind:
        raise TypeError(f"value must be {kind}, got {type(value)}")
    return value


def _names(kind: Any) -> list[str]:
    """Return the fields of a dataclass that decide on equality, or of a NamedTuple."""
    if is_dataclass(kind):
        return [each.name for each in fields(kind) if each.compare]
    return list(getattr(kind, "_fields", ()))


def _array(values: list[Any], may_be_text: bool) -> np.ndarray[Any, Any]:
    """Return integers as int64; texts, if they are allowed, as objects."""
    kinds = set(map(type, decoded(list, values)))
    if not (kinds <= {int} or (may_be_text and kinds == {str})):
        raise TypeError(f"values must be integers or texts, got {kinds}")
    return np.array(values, object if str in kinds else np.int64)
