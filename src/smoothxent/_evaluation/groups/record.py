"""An evaluation of groups as a dict for JSON, with exact sums as text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from smoothxent._arguments.arrays import AnyArray
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.group_sums import GroupSums
from smoothxent._evaluation.groups.totals import MOST_EVALUATIONS, GroupTotals
from smoothxent._evaluation.readers import (
    Record,
    at,
    check_equal,
    check_keys,
    finite,
    read_anything,
    read_count,
    read_dict,
    read_each,
    read_size,
    read_weight,
)

if TYPE_CHECKING:
    from smoothxent._evaluation.groups.grouped_evaluation import GroupedEvaluation

FORMAT, VERSION = "smoothxent.GroupedEvaluation", 1

METRICS = (
    "nll_stderr",
    "accuracy_stderr",
    "brier_stderr",
    "macro_nll",
    "macro_accuracy",
    "macro_brier",
)
SUMS = {"weight": read_weight, "hits": read_weight, "nll": read_size, "brier": read_size}


def record_of(grouped: "GroupedEvaluation") -> dict[str, Any]:
    """Return the evaluation as a dict of str, int, float, list and dict, without nan and inf."""
    groups, evaluations = grouped._groups, grouped._evaluations
    return {
        "format": FORMAT,
        "version": VERSION,
        "metrics": metrics_of(grouped),
        "total": grouped.total.to_dict(),
        "groups": {
            "ids": groups.ids.tolist(),
            "count": groups.count.tolist(),
            "misses": groups.misses.tolist(),
            **{name: [str(total) for total in getattr(groups, name).exacts()] for name in SUMS},
        },
        "evaluations": None if evaluations is None else [each.to_dict() for each in evaluations],
    }


def metrics_of(grouped: "GroupedEvaluation") -> dict[str, float | None]:
    """Return the metrics by name, with None for nan and inf."""
    return {name: finite(getattr(grouped, name)) for name in METRICS}


def parts_of(
    value: Mapping[str, Any],
) -> tuple[Evaluation, GroupTotals, tuple[Evaluation, ...] | None]:
    """Return the parts of the evaluation of a record; a ValueError names the wrong key."""
    given = read_dict("record", value)
    check_equal(given, "format", FORMAT)
    check_equal(given, "version", VERSION)
    check_keys("record", given, {"format", "version", "metrics", "total", "groups", "evaluations"})
    total = at(given, "total", _evaluation)
    groups = _groups(at(given, "groups", read_dict))
    _check_sums(total, groups)
    evaluations = None
    if at(given, "evaluations", read_anything) is not None:
        evaluations = tuple(read_each(given, "evaluations", _evaluation))
    has_evaluations = len(groups.ids) <= MOST_EVALUATIONS
    if has_evaluations != (evaluations is not None) or (
        evaluations is not None and [each.count for each in evaluations] != groups.count.tolist()
    ):
        raise ValueError("evaluations must have one for each of up to 16 groups, got others")
    return total, groups, evaluations


def _groups(given: Record) -> GroupTotals:
    check_keys("groups", given, {"ids", "count", "misses", *SUMS})
    ids = _ids(read_each(given, "ids", read_anything, "groups."))
    counts = [
        np.array(read_each(given, name, read_count, "groups.", len(ids)), np.int64)
        for name in ("count", "misses")
    ]
    sums = [
        GroupSums.of_exacts(read_each(given, name, read, "groups.", len(ids)))
        for name, read in SUMS.items()
    ]
    return GroupTotals(ids, counts[0], counts[1], *sums)


def _ids(ids: list[Any]) -> AnyArray:
    kinds = {type(each) for each in ids}
    if not (kinds <= {int} or kinds <= {str}):
        raise ValueError("groups.ids must be all integers or all strings, got others")
    if sorted(set(ids)) != ids:
        raise ValueError("groups.ids must be in ascending order, all different, got others")
    try:
        return np.array(ids, np.str_ if str in kinds else np.int64)
    except OverflowError:
        raise ValueError("groups.ids must fit into int64, got larger ones") from None


def _check_sums(total: Evaluation, groups: GroupTotals) -> None:
    """Raise unless the sums of the groups are those of all rows."""
    sums = total._totals.sums
    for name, of_groups, of_rows in (
        ("count", int(groups.count.sum()), total.count),
        ("weight", groups.weight.total(), sums.weight),
        ("hits", groups.hits.total(), total._totals.hits[0]),
        ("nll", groups.nll.total(), sums.nll),
        ("brier", groups.brier.total(), sums.brier),
    ):
        if of_groups != of_rows:
            raise ValueError(f"groups.{name} must add up to {of_rows}, got {of_groups}")


def _evaluation(name: str, value: object) -> Evaluation:
    try:
        return Evaluation.from_dict(read_dict(name, value))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
