"""The groups of a comparison as a dict for JSON, with exact sums as text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smoothxent._comparison.groups.compared_groups import ComparedGroups
from smoothxent._comparison.groups.totals import PairGroupTotals
from smoothxent._comparison.totals import MEASURES
from smoothxent._evaluation.groups.record import ids_of
from smoothxent._evaluation.readers import (
    Record,
    at,
    check_keys,
    check_no_more,
    finite,
    read_anything,
    read_counts,
    read_dict,
    read_each,
    read_size,
    read_sum,
    read_weight,
)
from smoothxent._evaluation.sums.exact import Exact
from smoothxent._evaluation.sums.group_sums import GroupSums

Readers = Mapping[str, Callable[[str, object], Exact]]

KEYS = {"ids", "count", "weight", "sums", "hit_differences", "metrics"}
METRICS = [f"{name}_stderr" for name in (*MEASURES, "agreement", "accuracy_difference")]


def record_of(groups: ComparedGroups | None) -> dict[str, Any] | None:
    """Return the groups as a dict of str, int, float, list and dict, without nan and inf."""
    if groups is None:
        return None
    totals, top_k = groups._totals, groups.top_k_difference_stderr
    return {
        "ids": totals.ids.tolist(),
        "count": totals.count.tolist(),
        "weight": _texts(totals.weight),
        "sums": {name: _texts(sums) for name, sums in totals.sums.items()},
        "hit_differences": {
            str(k): _texts(sums) for k, sums in zip(top_k, totals.hit_differences, strict=True)
        },
        "metrics": {name: finite(getattr(groups, name)) for name in METRICS}
        | {"top_k_difference_stderr": {str(k): finite(error) for k, error in top_k.items()}},
    }


def _texts(sums: GroupSums) -> list[str]:
    return [str(each) for each in sums.exacts()]


def totals_of(value: object, top_k: Sequence[int]) -> PairGroupTotals | None:
    """Return the totals of a record of `record_of`; a ValueError names the wrong key."""
    if value is None:
        return None
    given = read_dict("groups", value)
    check_keys("groups", given, KEYS)
    ids = ids_of(read_each(given, "ids", read_anything, "groups."))
    count = read_counts(given, "count", "groups.", len(ids))
    weight = read_each(given, "weight", read_weight, "groups.", len(ids))

    def sums_of(key: str, readers: Readers) -> dict[str, list[Exact]]:
        sums = at(given, key, read_dict, "groups.")
        check_keys(f"groups.{key}", sums, readers)
        return {
            name: read_each(sums, name, read, f"groups.{key}.", len(ids))
            for name, read in readers.items()
        }

    sums = sums_of("sums", READERS)
    check_no_more("groups.sums.agreement", sums["agreement"], "groups.weight", weight)
    hits = sums_of("hit_differences", {str(k): _read_difference for k in top_k})
    for k, differences in hits.items():
        sizes = [Exact.of(abs(each.units), each.places) for each in differences]
        check_no_more(f"groups.hit_differences.{k}", sizes, "groups.weight", weight)
    return PairGroupTotals(
        ids,
        count,
        GroupSums.of_exacts(weight),
        {name: GroupSums.of_exacts(each) for name, each in sums.items()},
        tuple(map(GroupSums.of_exacts, hits.values())),
    )


def check_sums(
    totals: PairGroupTotals, count: int, weight: Exact, sums: Record, hits: Mapping[int, Exact]
) -> None:
    """Raise unless the sums of the groups are those of all pairs."""
    expected: dict[str, tuple[object, object]] = {
        "count": (count, int(totals.count.sum())),
        "weight": (weight, totals.weight.total()),
    }
    for name, its_sums in totals.sums.items():
        expected[f"sums.{name}"] = sums[name], its_sums.total()
    for (k, difference), its_sums in zip(hits.items(), totals.hit_differences, strict=True):
        expected[f"hit_differences.{k}"] = difference, its_sums.total()
    for name, (of_rows, of_groups) in expected.items():
        if of_groups != of_rows:
            raise ValueError(f"groups.{name} must add up to {of_rows}, got {of_groups}")


def _read_difference(name: str, value: object) -> Exact:
    """Return a difference of weights, which is finite."""
    difference = read_sum(name, value)
    if difference.special:
        raise ValueError(f"{name} must be finite, got {value!r}")
    return difference


READERS: Readers = dict.fromkeys(MEASURES, read_sum) | {"kl": read_size, "agreement": read_weight}
