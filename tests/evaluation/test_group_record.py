"""Records of groups and classes: exact; each fault is an error that names its key."""

import copy
import json
import math
import re

import numpy as np
import pytest

from assertions import error_text
from smoothxent import Evaluation, GroupedEvaluation, evaluate

LOGITS, LABELS = 3 * np.eye(3)[[0, 1, 2, 1]], np.array([0, 1, 1, 1])
GROUPED = evaluate(
    LOGITS, LABELS, groups=["b", "b", "a", "c"], per_class=True, sample_weight=[1, 2, 0.5, 1]
)
RECORD = GROUPED.to_dict()
MANY = evaluate(LOGITS[[0] * 17], [0] * 17, groups=range(17)).to_dict()
GONE = object()
SUM = "be an exact sum such as '0x1abcp-52', 'inf' or 'nan'"
COUNT = "must be an integer of 0 or more, got"
MISTAKES = [
    (["format"], GONE, "format must be given, got none"),
    (
        ["format"],
        "smoothxent.Evaluation",
        "format must be 'smoothxent.GroupedEvaluation', got 'smoothxent.Evaluation'",
    ),
    (["version"], 2, "version must be 1, got 2"),
    (["more"], 1, "record must have only keys of to_dict, got 'more'"),
    (["total"], GONE, "total must be given, got none"),
    (["total"], [], "total must be a dict, got []"),
    (["total", "count"], -1, f"total: count {COUNT} -1"),
    (["groups"], GONE, "groups must be given, got none"),
    (["groups"], [], "groups must be a dict, got []"),
    (["groups", "more"], 1, "groups must have only keys of to_dict, got 'more'"),
    *(
        (["groups", key], GONE, f"groups.{key} must be given, got none")
        for key in ("ids", "count", "misses", "weight", "hits", "nll", "brier")
    ),
    *(
        (["groups", key], [], f"groups.{key} must have 3 items, got 0")
        for key in ("count", "misses", "weight", "hits", "nll", "brier")
    ),
    (["groups", "ids"], None, "groups.ids must be a list, got None"),
    (["groups", "ids", 0], 1, "groups.ids must be all integers or all strings, got others"),
    (["groups", "ids"], [True], "groups.ids must be all integers or all strings, got others"),
    (["groups", "ids"], [{}], "groups.ids must be all integers or all strings, got others"),
    (["groups", "ids", 0], "d", "groups.ids must be in ascending order, all different, got others"),
    (["groups", "ids", 0], "b", "groups.ids must be in ascending order, all different, got others"),
    (["groups", "ids"], [1, 2, 2**63], "groups.ids must fit into int64, got larger ones"),
    (["groups", "count", 0], 1.0, f"groups.count[0] {COUNT} 1.0"),
    (["groups", "count", 0], 2, "groups.count must add up to 4, got 5"),
    (
        ["groups", "count", 0],
        2**63,
        f"groups.count must add up to less than 2**63, got {2**63 + 3}",
    ),
    (["groups", "misses", 1], True, f"groups.misses[1] {COUNT} True"),
    (["groups", "misses", 0], 2, "groups.misses[0] must be no more than groups.count[0], got 2"),
    (
        ["groups", "misses", 0],
        0,
        "groups.misses[0] must be more than 0, as the hits have less than the whole weight, got 0",
    ),
    (["groups", "weight", 0], 1, f"groups.weight[0] must {SUM}, got 1"),
    (
        ["groups", "weight", 0],
        "inf",
        "groups.weight[0] must be finite and not negative, got 'inf'",
    ),
    (["groups", "weight", 0], "0x1p+0", "groups.weight must add up to 0x9p-1, got 0x5p+0"),
    (
        ["groups", "hits", 0],
        "-0x1p+0",
        "groups.hits[0] must be finite and not negative, got '-0x1p+0'",
    ),
    (
        ["groups", "hits", 0],
        "0x1p+0",
        "groups.hits[0] must be no more than groups.weight[0], got '0x1p+0'",
    ),
    (["groups", "hits", 0], "0x1p-1", "groups.hits must add up to 0x1p+2, got 0x9p-1"),
    (["groups", "nll", 0], "-0x1p+0", "groups.nll[0] must be 0 or more, got '-0x1p+0'"),
    (["groups", "brier", 2], "-inf", "groups.brier[2] must be 0 or more, got '-inf'"),
    (["evaluations"], GONE, "evaluations must be given, got none"),
    (["evaluations"], None, "evaluations must have 3 items, got null"),
    (["evaluations"], {}, "evaluations must be a list, got {}"),
    (["evaluations"], RECORD["evaluations"][1:], "evaluations must have 3 items, got 2 items"),
    (["evaluations", 0], 1, "evaluations[0] must be a dict, got 1"),
    (["evaluations", 0, "count"], None, f"evaluations[0]: count {COUNT} None"),
    (
        ["evaluations", 0],
        RECORD["evaluations"][1],
        "evaluations[0] must have a count of 1, that of its group, got 2",
    ),
    (
        ["evaluations", 0],
        RECORD["evaluations"][2],
        "evaluations[0] must have a weight of 0x1p-1, that of its group, got 0x1p+0",
    ),
    (
        ["evaluations", 0, "label_smoothing"],
        0.5,
        "evaluations[0] must have the settings of total and no classes, got others",
    ),
    (
        ["evaluations", 0],
        evaluate(LOGITS[2], LABELS[2], sample_weight=0.5, per_class=True).to_dict(),
        "evaluations[0] must have the settings of total and no classes, got others",
    ),
    (["metrics"], None, "metrics must be a dict, got None"),
    (["metrics", "more"], 1, "metrics must have only keys of to_dict, got 'more'"),
    (
        ["metrics", "macro_accuracy"],
        0.5,
        f"metrics.macro_accuracy must be {2 / 3!r}, the value of the sums, got 0.5",
    ),
    (["total", "classes", "more"], 1, "total: classes must have only keys of to_dict, got 'more'"),
    (["total", "classes"], [], "total: classes must be a dict, got []"),
    *(
        (["total", "classes", key], GONE, f"total: classes.{key} must be given, got none")
        for key in ("count", "weight", "predicted", "hits", "nll")
    ),
    *(
        (["total", "classes", key], [], f"total: classes.{key} must have 3 items, got 0")
        for key in ("weight", "predicted", "hits", "nll")
    ),
    (
        ["total", "classes", "count"],
        [],
        "total: classes.count must have at least one item, got none",
    ),
    (["total", "classes", "count", 0], -1, f"total: classes.count[0] {COUNT} -1"),
    (["total", "classes", "count", 0], 2, "total: classes.count must add up to 4, got 5"),
    (
        ["total", "classes", "predicted", 0],
        "0x1p+9",
        "total: classes.predicted must add up to no more than 0x9p-1, got 0x407p-1",
    ),
    (
        ["total", "classes", "count", 0],
        2**63,
        f"total: classes.count must add up to less than 2**63, got {2**63 + 3}",
    ),
    (
        ["total", "classes", "weight", 0],
        "nan",
        "total: classes.weight[0] must be finite and not negative, got 'nan'",
    ),
    (
        ["total", "classes", "hits", 2],
        "0x1p-1",
        "total: classes.hits[2] must be no more than classes.weight[2], got '0x1p-1'",
    ),
    (
        ["total", "classes", "predicted", 0],
        "0x0p+0",
        "total: classes.hits[0] must be no more than classes.predicted[0], got '0x1p+0'",
    ),
    (["total", "classes", "nll", 2], "0x1p+0", None),
]


def id_of(part):
    """Return an id that is the same in every process; the text of an object is not."""
    return "GONE" if part is GONE else str(part)[:40]


def damaged(record, path, value):
    record = copy.deepcopy(record)
    place = record
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return record


@pytest.mark.fault("record")
@pytest.mark.parametrize("path, value, message", MISTAKES, ids=id_of)
def test_every_fault_of_a_record_of_groups_names_the_key(path, value, message):
    found = error_text(ValueError, GroupedEvaluation.from_dict, damaged(RECORD, path, value))
    if message is None:
        assert re.fullmatch(f"total: {path[1]}.{path[2]} must add up to \\S+, got \\S+", found)
    else:
        assert found == message


@pytest.mark.fault("record")
@pytest.mark.parametrize("name", ["nll", "brier"])
def test_groups_with_other_sums_than_the_total_are_an_error(name):
    given = damaged(RECORD, ["groups", name, 0], "0x1p+3")
    pattern = rf"groups\.{name} must add up to 0x[0-9a-f]+p[-+][0-9]+, got 0x[0-9a-f]+p[-+][0-9]+"
    assert re.fullmatch(pattern, error_text(ValueError, GroupedEvaluation.from_dict, given))


@pytest.mark.fault("record")
def test_many_groups_have_no_evaluations_in_a_record():
    given = damaged(MANY, ["evaluations"], RECORD["evaluations"])
    assert error_text(ValueError, GroupedEvaluation.from_dict, given) == (
        "evaluations must be null for 17 groups, got 3 items"
    )


@pytest.mark.parametrize(
    "grouped",
    [
        GROUPED,
        evaluate(LOGITS, LABELS, groups=[1, 1, 2, -3]),
        GroupedEvaluation.from_dict(MANY),
        evaluate(np.zeros((0, 3)), np.zeros(0, int), groups=np.zeros(0, int)),
        evaluate(LOGITS - 1, [2, 0, 0, 1], groups=[0, 1, 1, 2], ignore_index=0),
        evaluate(np.array([[0, -math.inf]] * 2), [1, 0], groups=[0, 0], per_class=True),
        evaluate(np.array([[0, math.nan]] * 2), [1, 0], groups=[0, 1], per_class=True),
    ],
)
def test_groups_come_back_from_json_exactly(grouped):
    text = json.dumps(grouped.to_dict(), allow_nan=False)
    again = GroupedEvaluation.from_dict(json.loads(text))
    assert again == grouped
    assert hash(again) == hash(grouped)
    assert again.to_dict() == grouped.to_dict()
    assert again + grouped == grouped + grouped
    assert Evaluation.from_dict(grouped.total.to_dict()) == grouped.total
