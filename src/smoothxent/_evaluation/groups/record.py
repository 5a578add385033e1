"""An evaluation of groups as a dict for JSON, with exact sums as text."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from smoothxent._arguments.arrays import AnyArray
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.groups.metrics import GroupMetrics
from smoothxent._evaluation.groups.totals import MOST_EVALUATIONS, GroupTotals
from smoothxent._evaluation.readers import (
    Record,
    at,
    check_equal,
    check_keys,
    check_no_more,
    finite,
    read_anything,
    read_counts,
    read_dict,
    read_each,
    read_size,
    read_weight,
)
from smoothxent._evaluation.sums.exact import Exact
from smoothxent._evaluation.sums.group_sums import GroupSums

FORMAT, VERSION = "smoothxent.GroupedEvaluation", 1

METRICS = (
    "nll_stderr",
    "accuracy_stderr",
    "brier_stderr",
    "macro_nll",
    "macro_accuracy",
    "macro_brier",
)
READERS = {"weight": read_weight, "hits": read_weight, "nll": read_size, "brier": read_size}


def record_of(grouped: GroupMetrics) -> dict[str, Any]:
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
            **{name: [str(total) for total in getattr(groups, name).exacts()] for name in READERS},
        },
        "evaluations": None if evaluations is None else [each.to_dict() for each in evaluations],
    }


def metrics_of(grouped: GroupMetrics) -> dict[str, float | None]:
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
    total = at(given, "total", read_evaluation)
    groups = _groups(at(given, "groups", read_dict))
    _check_sums(total, groups)
    evaluations = None
    if at(given, "evaluations", read_anything) is not None:
        evaluations = tuple(read_each(given, "evaluations", read_evaluation))
    _check_evaluations(total, groups, evaluations)
    return total, groups, evaluations


def _groups(given: Record) -> GroupTotals:
    check_keys("groups", given, {"ids", "count", "misses", *READERS})
    ids = ids_of(read_each(given, "ids", read_anything, "groups."))
    count, misses = (read_counts(given, name, "groups.", len(ids)) for name in ("count", "misses"))
    sums = {
        name: read_each(given, name, read, "groups.", len(ids)) for name, read in READERS.items()
    }
    if (misses > count).any():
        group = int((misses > count).argmax())
        rule = f"be no more than groups.count[{group}]"
        raise ValueError(f"groups.misses[{group}] must {rule}, got {misses[group]}")
    check_no_more("groups.hits", sums["hits"], "groups.weight", sums["weight"])
    for group, (hits, weight) in enumerate(zip(sums["hits"], sums["weight"], strict=True)):
        if hits != weight and not misses[group]:
            rule = "be more than 0, as the hits have less than the whole weight"
            raise ValueError(f"groups.misses[{group}] must {rule}, got 0")
    return GroupTotals(ids, count, misses, *map(GroupSums.of_exacts, sums.values()))


def ids_of(ids: list[Any]) -> AnyArray:
    """Return the ids of a record as an array; a ValueError names the rule."""
    kinds = {type(each) for each in ids}
    if not (kinds <= {int} or kinds <= {str}):
        raise ValueError("groups.ids must be all integers or all strings, got others")
    if sorted(set(ids)) != ids:
        raise ValueError("groups.ids must be in ascending order, all different, got others")
    try:
        return np.array(ids, object if str in kinds else np.int64)
    except OverflowError:
        raise ValueError("groups.ids must fit into int64, got larger ones") from None


def _check_sums(total: Evaluation, groups: GroupTotals) -> None:
    """Raise unless the sums of the groups are those of all rows."""
    of_all = {name: getattr(groups, name).total() for name in READERS}
    for name, of_rows in _sums(total).items():
        of_groups = of_all.get(name, int(groups.count.sum()))
        if of_groups != of_rows:
            raise ValueError(f"groups.{name} must add up to {of_rows}, got {of_groups}")


def _check_evaluations(
    total: Evaluation, groups: GroupTotals, evaluations: tuple[Evaluation, ...] | None
) -> None:
    """Raise unless each of a few groups has an evaluation that agrees with its sums."""
    size = len(groups) if len(groups) <= MOST_EVALUATIONS else None
    if (None if evaluations is None else len(evaluations)) != size:
        rule = f"be null for {len(groups)} groups" if size is None else f"have {size} items"
        found = "null" if evaluations is None else f"{len(evaluations)} items"
        raise ValueError(f"evaluations must {rule}, got {found}")
    for i, each in enumerate(evaluations or ()):
        if each._totals.settings != total._totals.settings or each.classes is not None:
            rule = "have the settings of total and no classes"
            raise ValueError(f"evaluations[{i}] must {rule}, got others")
        for name, of_rows in _sums(each).items():
            of_group = groups.count[i] if name == "count" else getattr(groups, name).at(i)
            if of_group != of_rows:
                rule = f"have a {name} of {of_group}, that of its group"
                raise ValueError(f"evaluations[{i}] must {rule}, got {of_rows}")


def _sums(evaluation: Evaluation) -> dict[str, int | Exact]:
    """Return the totals of an evaluation that groups have too, by name."""
    totals = evaluation._totals
    return {
        "count": totals.count,
        "weight": totals.sums.weight,
        "hits": totals.hits[0],
        "nll": totals.sums.nll,
        "brier": totals.sums.brier,
    }


def read_evaluation(name: str, value: object) -> Evaluation:
    """Return the evaluation of a record in another record; errors begin with its name."""
    record = read_dict(name, value)
    try:
        return Evaluation.from_dict(record)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
