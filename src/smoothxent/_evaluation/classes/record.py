"""The totals of classes as a dict for JSON, with exact sums as text."""

from typing import Any

import numpy as np

from smoothxent._evaluation.classes.totals import ClassTotals
from smoothxent._evaluation.readers import (
    check_keys,
    check_no_more,
    read_counts,
    read_dict,
    read_each,
    read_size,
    read_weight,
)
from smoothxent._evaluation.sums.exact import ZERO, Exact
from smoothxent._evaluation.sums.group_sums import GroupSums

READERS = {"weight": read_weight, "predicted": read_weight, "hits": read_weight, "nll": read_size}


def record_of(classes: ClassTotals | None) -> dict[str, Any] | None:
    """Return lists with one item for each class, by name; None without totals of classes."""
    if classes is None:
        return None
    record: dict[str, Any] = {"count": [0] * classes.num_classes}
    record |= {name: [str(ZERO)] * classes.num_classes for name in READERS}
    columns = [classes.count.tolist(), *(getattr(classes, name).exacts() for name in READERS)]
    for k, count, *sums in zip(classes.classes.tolist(), *columns, strict=True):
        record["count"][k] = count
        for name, total in zip(READERS, sums, strict=True):
            record[name][k] = str(total)
    return record


def totals_of(name: str, value: object) -> ClassTotals | None:
    """Return the totals of a record of `record_of`; a ValueError names the wrong key."""
    if value is None:
        return None
    given, path = read_dict(name, value), f"{name}."
    check_keys(name, given, {"count", *READERS})
    count = read_counts(given, "count", path)
    if not len(count):
        raise ValueError(f"{path}count must have at least one item, got none")
    sums = {key: read_each(given, key, read, path, len(count)) for key, read in READERS.items()}
    for limit in ("weight", "predicted"):
        check_no_more(f"{path}hits", sums["hits"], f"{path}{limit}", sums[limit])
    occurs = [
        bool(rows) or each != ZERO for rows, each in zip(count, sums["predicted"], strict=True)
    ]
    classes = np.flatnonzero(occurs)
    used = ([each[k] for k in classes] for each in sums.values())
    return ClassTotals(len(count), classes, count[classes], *map(GroupSums.of_exacts, used))


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
    predicted = classes.predicted.total()
    if predicted.fraction() > weight.fraction():
        raise ValueError(f"classes.predicted must add up to no more than {weight}, got {predicted}")
