"""The record of the groups of a comparison: exact; each fault is an error that names its key."""

import copy
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assertions import error_text
from evaluations import through_json
from smoothxent import Comparison, compare

A = np.array([[2.0, 1, 0], [0, 3, 0], [0, 0, 0], [2, 1, 0], [1, 1, 1]])
B = np.array([[1.0, 2, 0], [0, 2, 0], [0, 0, 0], [1, 2, 0], [1, 2, 1]])
LABELS = np.array([0, 1, 2, 0, -1])
OPTIONS = {"ignore_index": -1, "sample_weight": [1, 2, 0.5, 1, 1], "top_k": (2,)}
COMPARISON = compare(A, B, LABELS, groups=["b", "b", "a", "c", "d"], **OPTIONS)
RECORD = COMPARISON.to_dict()
GONE = object()
SUMS = list(RECORD["groups"]["sums"])
SUM = "be an exact sum such as '0x1abcp-52', 'inf' or 'nan'"
NO_OTHERS = "must have only keys of to_dict"
COUNT = "must be an integer of 0 or more, got"
MISTAKES = [
    (["more"], 1, f"groups {NO_OTHERS}, got 'more'"),
    *(
        ([key], GONE, f"groups.{key} must be given, got none")
        for key in ("ids", "count", "weight", "sums", "hit_differences")
    ),
    *((["sums", key], GONE, f"groups.sums.{key} must be given, got none") for key in SUMS),
    *((["sums", key], [], f"groups.sums.{key} must have 4 items, got 0") for key in SUMS),
    *(([key], [], f"groups.{key} must have 4 items, got 0") for key in ("count", "weight")),
    *(([key], [], f"groups.{key} must be a dict, got []") for key in ("sums", "hit_differences")),
    (["sums", "more"], [], f"groups.sums {NO_OTHERS}, got 'more'"),
    (["ids"], None, "groups.ids must be a list, got None"),
    (["ids", 0], 1, "groups.ids must be all integers or all strings, got others"),
    (["ids", 0], "e", "groups.ids must be in ascending order, all different, got others"),
    (["ids"], [1, 2, 3, 2**63], "groups.ids must fit into int64, got larger ones"),
    (["count", 0], -1, f"groups.count[0] {COUNT} -1"),
    (["count", 0], 2, "groups.count must add up to 4, got 5"),
    (["weight", 0], 1, f"groups.weight[0] must {SUM}, got 1"),
    (["weight", 0], "inf", "groups.weight[0] must be finite and not negative, got 'inf'"),
    (["weight", 0], "0x1p+0", "groups.weight must add up to 0x9p-1, got 0x5p+0"),
    (["sums", "kl", 0], "-0x1p+0", "groups.sums.kl[0] must be 0 or more, got '-0x1p+0'"),
    (
        ["sums", "agreement", 0],
        "-0x1p+0",
        "groups.sums.agreement[0] must be finite and not negative, got '-0x1p+0'",
    ),
    (
        ["sums", "agreement", 0],
        "0x1p+0",
        "groups.sums.agreement[0] must be no more than groups.weight[0], got '0x1p+0'",
    ),
    *((["sums", key, 0], "0x1p-2", f"groups.sums.{key} must add up to ") for key in SUMS),
    (["hit_differences", "1"], GONE, "groups.hit_differences.1 must be given, got none"),
    (["hit_differences", "3"], [], f"groups.hit_differences {NO_OTHERS}, got '3'"),
    (["hit_differences", "1"], [], "groups.hit_differences.1 must have 4 items, got 0"),
    (
        ["hit_differences", "1", 0],
        "nan",
        "groups.hit_differences.1[0] must be finite, got 'nan'",
    ),
    *(
        (
            ["hit_differences", "2", 1],
            f"{sign}0x1p+2",
            "groups.hit_differences.2[1] must be no more than groups.weight[1], got '0x1p+2'",
        )
        for sign in ("", "-")
    ),
    (
        ["hit_differences", "1", 0],
        "-0x1p-1",
        "groups.hit_differences.1 must add up to -0x1p+1, got -0x5p-1",
    ),
    (["metrics"], None, "groups.metrics must be a dict, got None"),
    (["metrics", "nll"], 1, f"groups.metrics {NO_OTHERS}, got 'nll'"),
    (["metrics", "kl_stderr"], None, "groups.metrics.kl_stderr must be "),
    (
        ["metrics", "top_k_difference_stderr", "2"],
        0.5,
        "groups.metrics.top_k_difference_stderr.2 must be 0.0, the value of the sums, got 0.5",
    ),
]


def test_groups_come_back_from_json_exactly():
    again = through_json(COMPARISON)
    assert again == COMPARISON
    assert hash(again) == hash(COMPARISON)
    assert str(again) == str(COMPARISON)
    assert again.groups.ids.tolist() == ["a", "b", "c"]
    special = B.copy()
    special[2, 2] = -np.inf
    for ids in ([3, 3, 2**40, -(2**63), 1], ["b", "ä", "", "\0a", "b"]):
        comparison = compare(A, special, LABELS, groups=ids, **OPTIONS)
        assert through_json(comparison) == comparison
        assert comparison + through_json(comparison) == sum([comparison, comparison])


def test_record_has_the_errors_for_other_programs():
    metrics, groups = dict(RECORD["groups"]["metrics"]), COMPARISON.groups
    names = {name for name in dir(groups) if name.endswith("_stderr") and name[0] != "_"}
    assert metrics.keys() == names
    assert metrics.pop("top_k_difference_stderr") == {
        str(k): error for k, error in groups.top_k_difference_stderr.items()
    }
    assert metrics == {name: getattr(groups, name) for name in metrics}
    assert RECORD["groups"]["ids"] == ["a", "b", "c", "d"]
    assert RECORD["groups"]["count"] == [1, 2, 1, 0]
    assert RECORD["groups"]["weight"] == ["0x1p-1", "0x3p+0", "0x1p+0", "0x0p+0"]
    assert RECORD["groups"]["hit_differences"]["1"] == ["0x0p+0", "-0x1p+0", "-0x1p+0", "0x0p+0"]
    assert compare(A, B, LABELS, **OPTIONS).to_dict()["groups"] is None


@pytest.mark.fault("record")
def test_metrics_of_groups_may_be_missing():
    record = copy.deepcopy(COMPARISON.to_dict())
    del record["groups"]["metrics"]
    assert Comparison.from_dict(record) == COMPARISON


def id_of(part):
    """Return an id that is the same in every process; the text of an object is not."""
    return "GONE" if part is GONE else str(part)[:40]


@pytest.mark.fault("record")
@pytest.mark.parametrize("path, value, message", MISTAKES, ids=id_of)
def test_every_fault_of_the_groups_names_the_key(path, value, message):
    record = COMPARISON.to_dict()
    place = record["groups"]
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    found = error_text(ValueError, Comparison.from_dict, record)
    end = "" if message.endswith(" ") else "$"
    assert re.match(f"{re.escape(message)}{end}", found), found


TEXTS = ["0x1p+0", "-0x1p-2", "0x0p+0", "nan", "inf", "-inf", "0x1p+9999", "a"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
PLACES = [(key,) for key in RECORD["groups"]]
PLACES += [
    (key, inner)
    for key in ("sums", "hit_differences", "metrics")
    for inner in RECORD["groups"][key]
]
PLACES += [(key, 0) for key in ("ids", "count", "weight")]
PLACES += [("sums", "kl", 0), ("sums", "nll_difference", 3), ("hit_differences", "1", 2)]


@pytest.mark.fault("record")
@pytest.mark.slow
@given(st.sampled_from(PLACES), JSON)
def test_groups_with_any_contents_are_read_or_a_value_error(path, value):
    record = copy.deepcopy(RECORD)
    place = record["groups"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    try:
        comparison = Comparison.from_dict(record)
    except ValueError:
        return
    assert through_json(comparison) == comparison
    assert str(comparison)
