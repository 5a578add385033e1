"""The record of a comparison: exact, readable for other programs; invalid records raise."""

import copy
import dataclasses
import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations import attributes, through_json
from smoothxent import Comparison, compare
from smoothxent._comparison.sketch import INFINITY, NAN

RNG = np.random.default_rng(0)
A = RNG.normal(0, 3, (40, 6))
B = A + RNG.normal(0, 1, A.shape)
LABELS = RNG.integers(0, 6, 40)
WEIGHTS = RNG.uniform(0.5, 2, 40)
OPTIONS = {"sample_weight": WEIGHTS, "num_bins": 3, "names": ("base", "int8")}
COMPARISON = compare(A, B, LABELS, **OPTIONS)
RECORD = COMPARISON.to_dict()
GONE = object()


@pytest.mark.parametrize("num_rows", [0, 1, 40])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("special", [None, np.nan, -np.inf])
def test_comparison_comes_back_from_json_exactly(num_rows, weighted, special):
    a, b, labels, weights = (each[:num_rows].copy() for each in (A, B, LABELS, WEIGHTS))
    if special is not None and num_rows:
        a[0, labels[0]] = b[-1, labels[-1]] = special
    options = {"sample_weight": weights} if weighted else {}
    comparison = compare(a, b, labels, softcap=(None, 30.0), top_k=(2, 1234567, 1234568), **options)
    again = through_json(comparison)
    assert again == comparison
    assert hash(again) == hash(comparison)
    assert attributes(again) == attributes(comparison)
    assert str(again) == str(comparison)


def test_comparisons_that_came_back_are_added_exactly():
    parts = [
        compare(A[i::3], B[i::3], LABELS[i::3], **OPTIONS | {"sample_weight": WEIGHTS[i::3]})
        for i in range(3)
    ]
    assert sum(map(through_json, parts)) == COMPARISON


def test_keys_of_a_record_may_stand_in_any_order():
    text = json.dumps(RECORD, sort_keys=True)
    assert Comparison.from_dict(json.loads(text)) == COMPARISON


def test_record_has_every_metric_for_other_programs():
    assert (RECORD["format"], RECORD["version"]) == ("smoothxent.Comparison", 2)
    assert RECORD["names"] == ["base", "int8"]
    assert (RECORD["a"], RECORD["b"]) == (COMPARISON.a.to_dict(), COMPARISON.b.to_dict())
    names = attributes(COMPARISON).keys() - {"a", "b", "names", "groups"}
    assert RECORD["metrics"].keys() == names
    for name, value in RECORD["metrics"].items():
        found = getattr(COMPARISON, name)
        if isinstance(value, dict):
            assert {float(key): each for key, each in value.items()} == found
        else:
            assert value == found


def test_sums_are_text_that_fromhex_reads():
    log_a, log_b = (each - np.log(np.exp(each).sum(1))[:, None] for each in (A, B))
    rows = np.arange(40), LABELS
    change = np.exp(log_b[rows]) - np.exp(log_a[rows])
    total = float.fromhex(RECORD["sums"]["probability_change"])
    assert total == pytest.approx((WEIGHTS * change).sum(), rel=1e-12)
    extremes = [RECORD["sketches"]["probability_change"][name] for name in ("least", "most")]
    assert list(map(float.fromhex, extremes)) == pytest.approx([change.min(), change.max()])


def test_record_has_null_for_what_is_no_number():
    ruled_out = compare(np.zeros((1, 2)), np.array([[0, -math.inf]]), [0])
    metrics = json.loads(json.dumps(ruled_out.to_dict(), allow_nan=False))["metrics"]
    assert ruled_out.kl == math.inf
    assert (metrics["kl"], metrics["kl_stderr"], metrics["kl_quantiles"]["1"]) == (None,) * 3


def test_size_of_a_record_is_that_of_the_values_and_not_of_the_rows():
    rows = (np.tile(A, (50, 1)), np.tile(B, (50, 1)), np.tile(LABELS, 50))
    many, once = (json.dumps(compare(*each).to_dict()) for each in (rows, (A, B, LABELS)))
    assert len(many) < 1.1 * len(once)


@pytest.mark.fault("record")
def test_metrics_of_a_record_may_miss_and_differ_by_a_rounding():
    record = {name: value for name, value in RECORD.items() if name != "metrics"}
    near = {"kl": RECORD["metrics"]["kl"] * (1 + 1e-12), "kl_quantiles": {}}
    for others in ({}, {"metrics": {}}, {"metrics": near}):
        assert Comparison.from_dict(record | others) == COMPARISON


NO_OTHERS = "have only keys of to_dict"
SUM = "be an exact sum such as '0x1abcp-52', 'inf' or 'nan'"
TOTAL = f"the weight of a, '{RECORD['a']['sums']['weight']}'"
BETWEEN = "lie between the difference of the hits of a and b and their weight"
KEYS = f"have integers from {-INFINITY} to {NAN} as its keys"
KEY = next(iter(RECORD["sketches"]["kl"]["weights"]))
MASS = RECORD["sketches"]["kl"]["weights"][KEY]
LEAST_CHANGE = float.fromhex(RECORD["sketches"]["probability_change"]["least"])
CHANGE_RULE = f"have numbers from -1.0 to 1.0, got {LEAST_CHANGE}"
LAST_KEY = max(map(int, RECORD["sketches"]["kl"]["weights"]))
ENDS = f"have the keys of least and most at its ends, got {KEY} to {LAST_KEY}"
MISTAKES = [
    (["format"], GONE, "format must be given, got none"),
    (["format"], "onnx", "format must be 'smoothxent.Comparison', got 'onnx'"),
    (["version"], 1, "version must be 2, got 1"),
    (["names"], GONE, "names must be given, got none"),
    (["names"], "AB", "names must be a tuple of two strings, got 'AB'"),
    (["names"], ["A"], "names must be a tuple of two strings, got ['A']"),
    (["names", 1], None, "names must be a tuple of two strings, got ['base', None]"),
    (["names", 0], "two\nlines", r"names must be printable and not empty, got 'two\nlines'"),
    (["names", 0], " ", "names must be printable and not empty, got ' '"),
    (["sums"], [], "sums must be a dict, got []"),
    (["sums", "kl"], GONE, "sums.kl must be given, got none"),
    (["sums", "kl"], 1.5, f"sums.kl must {SUM}, got 1.5"),
    (["sums", "kl"], "-0x1p-9", "sums.kl must be 0 or more, got '-0x1p-9'"),
    (["sums", "kl"], "-inf", "sums.kl must be 0 or more, got '-inf'"),
    (
        ["sums", "nll_difference_square"],
        "-0x1p-9",
        "sums.nll_difference_square must be 0 or more, got '-0x1p-9'",
    ),
    (["sums", "agreement"], "nan", "sums.agreement must be finite and not negative, got 'nan'"),
    (
        ["sums", "agreement"],
        "0x1p+9",
        "sums.agreement must be no more than the weight of a, got '0x1p+9'",
    ),
    (["sums", "other"], "0x1p+9", f"sums must {NO_OTHERS}, got 'other'"),
    (["changed_hits"], GONE, "changed_hits must be given, got none"),
    (["changed_hits", "5"], GONE, "changed_hits must have the keys of a.hits, 1, 5, got 1"),
    (["changed_hits", "1"], GONE, "changed_hits.1 must be given, got none"),
    (["changed_hits", "0"], "0x1p+0", "changed_hits must have positive integers of up to 40 "),
    (["changed_hits", "1"], "0x0p+0", f"changed_hits.1 must {BETWEEN}, got '0x0p+0'"),
    (["changed_hits", "1"], "0x1p+9", f"changed_hits.1 must {BETWEEN}, got '0x1p+9'"),
    (["sketches"], GONE, "sketches must be given, got none"),
    (["sketches", "kl"], GONE, "sketches.kl must be given, got none"),
    (["sketches", "nll"], {}, f"sketches must {NO_OTHERS}, got 'nll'"),
    (["sketches", "kl", "nll"], {}, f"sketches.kl must {NO_OTHERS}, got 'nll'"),
    (["sketches", "kl", "least"], GONE, "sketches.kl.least must be given, got none"),
    *(
        (
            ["sketches", "kl", "least"],
            value,
            f"sketches.kl.least must be a number as of float.hex, got {value!r}",
        )
        for value in (0.5, "nan", "0.5", "0x1", "-0x0.0p+0", "0x1.0p+9999", None)
    ),
    (
        ["sketches", "kl", "least"],
        "-0x1.0000000000000p-3",
        "sketches.kl must have numbers from 0.0 to inf, got -0.125 to ",
    ),
    (
        ["sketches", "probability_change", "most"],
        "0x1.8000000000000p+0",
        f"sketches.probability_change must {CHANGE_RULE} to 1.5",
    ),
    (
        ["sketches", "kl", "least"],
        "0x0.0p+0",
        f"sketches.kl.weights must {ENDS}",
    ),
    (["sketches", "kl", "places"], -1, "sketches.kl.places must be an integer of 0 or more, "),
    (["sketches", "kl", "places"], 1075, "sketches.kl.places must be at most 1074, got 1075"),
    (["sketches", "kl", "places"], 1, f"sketches.kl.weights must sum to {TOTAL}, got "),
    (["sketches", "kl", "weights"], [], "sketches.kl.weights must be a dict, got []"),
    *(
        (["sketches", "kl", "weights", key], 1, f"sketches.kl.weights must {KEYS}, got {key!r}")
        for key in ("01", "-0", "1.5", "", 7, "٣", str(NAN + 1), str(-INFINITY - 1), "9" * 9)
    ),
    (
        ["sketches", "kl", "weights", KEY],
        0,
        f"sketches.kl.weights.{KEY} must be an integer of 1 or more, got 0",
    ),
    (
        ["sketches", "kl", "weights", KEY],
        "1",
        f"sketches.kl.weights.{KEY} must be an integer of 1 or more, got '1'",
    ),
    (
        ["sketches", "kl", "weights", KEY],
        MASS + 1,
        f"sketches.kl.weights must sum to {TOTAL}, got ",
    ),
    (["groups"], GONE, "groups must be given, got none"),
    (["groups"], [], "groups must be a dict, got []"),
    (["a"], GONE, "a must be given, got none"),
    (["a"], [], "a must be a dict, got []"),
    (["b", "sums", "nll"], GONE, "b: sums.nll must be given, got none"),
    (["b", "count"], 41, "count must be the same in a and b, got 40 and 41"),
    (["b", "ignored"], 1, "ignored must be the same in a and b, got 0 and 1"),
    (["b", "sums", "weight"], "0x1p+9", "weight must be the same in a and b, got "),
    (["b", "sums", "weight_square"], "0x1p+9", "weight_square must be the same in a and b, got "),
    (["b", "label_smoothing"], 0.1, "label_smoothing must be the same in a and b, got 0.0 and 0.1"),
    (["b", "hits", "7"], RECORD["b"]["sums"]["weight"], "top_k must be the same in a and b, got "),
    (["model"], "mine", f"record must {NO_OTHERS}, got 'model'"),
    (["metrics"], None, "metrics must be a dict, got None"),
    (["metrics", "nll"], 0.5, f"metrics must {NO_OTHERS}, got 'nll'"),
    (
        ["metrics", "kl"],
        0.5,
        f"metrics.kl must be {COMPARISON.kl}, the value of the sums, got 0.5",
    ),
    (["metrics", "kl_quantiles", "0.3"], 0.5, f"metrics.kl_quantiles must {NO_OTHERS}, got '0.3'"),
    (["metrics", "kl_quantiles", "0.5"], 9, "metrics.kl_quantiles.0.5 must be "),
]


def id_of(part):
    """Return an id that is the same in every process; the text of an object is not."""
    return "GONE" if part is GONE else str(part)[:40]


@pytest.mark.fault("record")
@pytest.mark.parametrize("path, value, message", MISTAKES, ids=id_of)
def test_every_fault_of_a_record_is_a_value_error_that_names_the_key(path, value, message):
    record = copy.deepcopy(RECORD)
    if path[0] == "b":  # or the metrics of b would not agree with its sums
        del record["b"]["metrics"]
    place = record
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    end = "" if message.endswith(" ") else "$"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}{end}"):
        Comparison.from_dict(record)


@pytest.mark.fault("record")
@pytest.mark.parametrize("record", [None, [], "{}", 1])
def test_record_that_is_no_dict_is_an_error(record):
    message = f"record must be a dict, got {record!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Comparison.from_dict(record)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["0x1p+0", "0x1.0000000000000p+0", "nan", "inf", "-inf", "0x1p+9999"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
PLACES = st.sampled_from(
    [(key,) for key in RECORD]
    + [
        (key, inner)
        for key in ("metrics", "sums", "changed_hits", "sketches")
        for inner in RECORD[key]
    ]
    + [("sketches", "kl", key) for key in RECORD["sketches"]["kl"]]
    + [("sketches", "kl", "weights", key) for key in (KEY, "7", str(NAN), str(INFINITY))]
    + [("a", key) for key in RECORD["a"]]
)


@pytest.mark.fault("record")
@pytest.mark.slow
@given(PLACES, JSON)
def test_whatever_stands_in_a_record_it_is_read_or_a_value_error(path, value):
    record = copy.deepcopy(RECORD)
    place = record
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    try:
        comparison = Comparison.from_dict(record)
    except ValueError:
        return
    assert through_json(comparison) == comparison
    assert repr(comparison)
    assert str(comparison)


def test_comparisons_that_differ_in_one_total_are_unequal():
    totals = COMPARISON._totals
    changed = [
        dataclasses.replace(totals, sums=totals.sums._replace(agreement=totals.sums.kl)),
        dataclasses.replace(totals, kl=totals.probability_change),
        dataclasses.replace(totals, changed_hits=totals.changed_hits[::-1]),
    ]
    for other in changed:
        assert dataclasses.replace(COMPARISON, _totals=other) != COMPARISON
    assert dataclasses.replace(COMPARISON, a=COMPARISON.b) != COMPARISON
    assert dataclasses.replace(COMPARISON, _totals=copy.deepcopy(totals)) == COMPARISON
