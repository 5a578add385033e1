"""The totals of classes as a dict for JSON, with exact sums as text."""

from typing import Any

import numpy as np

from smoothxent._evaluation.classes.totals import ClassTotals
from smoothxent._evaluation.exact import Exact
from smoothxent._evaluation.group_sums import GroupSums
from smoothxent._evaluation.readers import (
    check_keys,
    read_count,
    read_dict,
    read_each,
    read_size,
    read_weight,
)

SUMS = {"weight": read_weight, "predicted": read_weight, "hits": read_weight, "nll": read_size}


def record_of(classes: ClassTotals | None) -> dict[str, Any] | None:
    """Return lists with one item for each class, by name; None without totals of classes."""
    if classes is None:
        return None
    sums = {name: [str(total) for total in getattr(classes, name).exacts()] for name in SUMS}
    return {"count": classes.count.tolist(), **sums}


def totals_of(name: str, value: object) -> ClassTotals | None:
    """Return the totals of a record of `record_of`; a ValueError names the wrong key."""
    if value is None:
        return None
    given, path = read_dict(name, value), f"{name}."
    check_keys(name, given, {"count", *SUMS})
    counts = read_each(given, "count", read_count, path)
    sums = (
        GroupSums.of_exacts(read_each(given, key, read, path, len(counts)))
        for key, read in SUMS.items()
    )
    return ClassTotals(np.array(counts, np.int64), *sums)


def check_sums(classes: ClassTotals, count: int, weight: Exact, hits: Exact, nll: Exact) -> None:
    """Raise unless the totals of all classes add up to those of all rows."""
    for name, of_classes, of_rows in (
        ("count", int(classes.count.sum()), count),
        ("weight", classes.weight.total(), weight),
        ("hits", classes.hits.total(), hits),
        ("nll", classes.nll.total(), nll),
    ):
        if of_classes != of_rows:
            raise ValueError(f"classes.{name} must add up to {of_rows}, got {of_classes}")
