"""Counts and exact sums for each key: for each group of rows, or each class."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray
from smoothxent._arguments.groups import encoded
from smoothxent._records import codec
from smoothxent._totals.group_sums import GroupNumbers, GroupSums

# Parts are merged when they hold as many keys as the first, or this number. A part counts for at
# least LEAST_OF_PART keys: its array headers take about 2 kB.
LEAST_WAITING, LEAST_OF_PART = 1 << 16, 64


class Part(NamedTuple):
    """Counts and sums by name, each with an entry for each key."""

    keys: AnyArray  # int64, or objects of type str; ascending
    counts: dict[str, NDArray[np.int64]]
    sums: dict[str, GroupSums]

    def _check(self) -> None:
        """Raise unless the keys are ascending, with an entry of each array for each."""
        sizes = {*map(len, self.counts.values()), *map(len, self.sums.values())}
        keys = self.keys.tolist()
        if sizes != {len(keys)} or keys != sorted(set(keys)):
            raise ValueError(f"arrays must have {len(keys)} entries, got {sizes}")


class KeyedSums:
    """Counts and sums by name, for each key. Never changed; equal ones hold equal numbers.

    A sum of many is merged when it is read, since a merge sorts the keys of all parts, or when as
    many keys wait as were merged before. So all merges together take about as long as the last.
    """

    __slots__ = ("_parts",)

    def __init__(self, *parts: Part) -> None:
        self._parts = parts

    def __add__(self, other: Self) -> Self:
        parts = *self._parts, *other._parts
        kinds = {each.keys.dtype.kind for each in parts if len(each.keys)}
        if len(kinds) > 1:
            raise ValueError("groups must be all integers or all strings, got some of each")
        result = type(self)(*parts)
        waiting = sum(max(LEAST_OF_PART, len(each.keys)) for each in parts[1:])
        if waiting > max(LEAST_WAITING, len(parts[0].keys)):
            result._merged()
        return result

    def _merged(self) -> Part:
        if len(self._parts) > 1:
            self._parts = (merged(self._parts),)
        return self._parts[0]

    @property
    def keys(self) -> AnyArray:
        """The keys, in ascending order."""
        return self._merged().keys

    @property
    def counts(self) -> dict[str, NDArray[np.int64]]:
        """The counts by name."""
        return self._merged().counts

    @property
    def sums(self) -> dict[str, GroupSums]:
        """The sums by name."""
        return self._merged().sums

    def names(self) -> set[str]:
        """The names of counts and sums."""
        return {*self.counts, *self.sums}

    def counted(self) -> Self:
        """Return the keys with rows, and what belongs to them."""
        keys, counts, sums = self._merged()
        if counts["count"].all():
            return self
        chosen = np.flatnonzero(counts["count"])
        return type(self)(
            Part(
                keys[chosen],
                {name: each[chosen] for name, each in counts.items()},
                {name: each.take(chosen) for name, each in sums.items()},
            )
        )

    def __len__(self) -> int:
        return len(self.keys)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeyedSums):
            return NotImplemented
        return (
            np.array_equal(self.keys, other.keys)
            and all(np.array_equal(each, other.counts[name]) for name, each in self.counts.items())
            and self.sums == other.sums
        )

    def __hash__(self) -> int:
        return hash((len(self), frozenset(self.sums.items())))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._merged(),)

    def to_json(self) -> Any:
        """Return the numbers for a record."""
        return codec.encoded(self._merged())

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Return the sums of `to_json`."""
        return cls(codec.decoded(Part, value))


def merged(parts: Sequence[Part]) -> Part:
    """Return the sums over all parts, which have the same names."""
    given = [part.keys for part in parts if len(part.keys)] or [parts[0].keys]
    keys, of_all = encoded(np.concatenate(given))
    places: list[GroupNumbers] = np.split(
        of_all, np.cumsum([len(each.keys) for each in parts])[:-1]
    )

    def total(name: str) -> NDArray[np.int64]:
        counts = np.zeros(len(keys), np.int64)
        for part, its_places in zip(parts, places, strict=True):
            counts[its_places] += part.counts[name]
        return counts

    first = parts[0]
    return Part(
        keys,
        {name: total(name) for name in first.counts},
        {
            name: GroupSums.merged([each.sums[name] for each in parts], places, len(keys))
            for name in first.sums
        },
    )
