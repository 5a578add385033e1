"""The record of an evaluation: exact, readable for other programs; invalid records raise."""

import copy
import dataclasses
import json
import math
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evaluations
from evaluations import attributes, splits, through_json
from smoothxent import Evaluation
from smoothxent._evaluation.sums.exact import ZERO, Exact

ROWS = evaluations.draw(np.random.default_rng(0), 50, top_k=(1, 5), num_bins=3)
RECORD = evaluations.evaluation(ROWS).to_dict()
GONE = object()


@pytest.mark.slow
@given(splits())
def test_evaluation_comes_back_from_json_exactly(split):
    rows, _, _ = split
    evaluation = evaluations.evaluation(rows)
    again = through_json(evaluation)
    assert again == evaluation
    assert hash(again) == hash(evaluation)
    assert attributes(again) == attributes(evaluation)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"top_k": (3, 7), "num_bins": 1, "label_smoothing": 1},
        {"softcap": 1e-37, "temperature": 1e37, "z_loss": 5e-324, "prior": [0.25, 0.75]},
        {"softcap": 30, "temperature": np.float32(0.1), "z_loss": 2, "class_weight": []},
    ],
)
def test_empty_evaluation_comes_back_from_json(settings):
    empty = Evaluation.empty(**settings)
    assert through_json(empty) == empty


def test_prior_and_class_weight_are_in_a_record_as_checksums():
    record = Evaluation.empty(prior=[0.25, 0.75]).to_dict()
    assert record["prior"] == evaluations.checksum(0.25, 0.75)
    assert record["class_weight"] == ""


def test_loss_that_roundings_take_below_0_is_read():
    # With all of the prior on the top class, its terms about the label may cancel out to that.
    record = RECORD | {"sums": RECORD["sums"] | {"loss": "-0x1p-30"}, "metrics": {}}
    assert Evaluation.from_dict(record).loss == -(2.0**-30) / 50


def test_keys_of_a_record_may_stand_in_any_order():
    evaluation = evaluations.evaluation(dataclasses.replace(ROWS, top_k=(1, 5, 10)))
    text = json.dumps(evaluation.to_dict(), sort_keys=True)
    assert text.index('"10": "0x') < text.index('"5": "0x')
    assert Evaluation.from_dict(json.loads(text)) == evaluation


def test_evaluations_that_came_back_are_added_exactly(rng):
    rows = evaluations.draw(rng, 100)
    parts = [evaluations.evaluation(rows.take(slice(i, None, 3))) for i in range(3)]
    assert sum(map(through_json, parts)) == evaluations.evaluation(rows)


def test_record_says_what_it_is_and_holds_the_metrics_for_other_readers():
    evaluation = evaluations.evaluation(ROWS)
    assert (RECORD["format"], RECORD["version"]) == ("smoothxent.Evaluation", 3)
    metrics = dict(RECORD["metrics"])
    for name in ("top_k", "top_k_stderr"):
        assert metrics.pop(name) == {str(k): x for k, x in getattr(evaluation, name).items()}
    assert metrics == {name: getattr(evaluation, name) for name in metrics}
    assert {"loss", "perplexity", "calibration_error"} < set(metrics)
    for name in ("nll", "accuracy", "entropy", "confidence", "brier"):
        assert {name, f"{name}_stderr"} < set(metrics)


def test_metrics_that_are_no_numbers_are_null():
    rows = ROWS.take([0, 1])
    rows.nll[0] = math.inf
    metrics = evaluations.evaluation(rows).to_dict()["metrics"]
    assert metrics["nll"] is metrics["perplexity"] is metrics["nll_stderr"] is None
    assert metrics["entropy"] > 0


def test_sums_are_text_that_fromhex_reads():
    assert float.fromhex(RECORD["sums"]["nll"]) == math.fsum(ROWS.nll)
    assert float.fromhex(RECORD["hits"]["1"]) == np.sum(ROWS.rank == 0)


@pytest.mark.fault("record")
def test_metrics_of_a_record_may_miss_and_differ_by_a_rounding():
    # As those of older versions do, of another machine's exp, or of a program that has no floats.
    metrics = RECORD["metrics"]
    near = {"loss": metrics["loss"] * (1 + 1e-12), "perplexity": None, "top_k": {}}
    del near["perplexity"]
    record = {name: value for name, value in RECORD.items() if name != "metrics"}
    for others in ({}, {"metrics": {}}, {"metrics": near}):
        assert Evaluation.from_dict(record | others) == evaluations.evaluation(ROWS)
    whole = evaluations.evaluation(ROWS.take([0])).to_dict()
    assert whole["metrics"]["accuracy"] in {0.0, 1.0}
    assert whole["metrics"]["nll_stderr"] is None
    integers = {"accuracy": int(whole["metrics"]["accuracy"]), "nll_stderr": None}
    whole["metrics"] |= integers
    assert Evaluation.from_dict(whole) == evaluations.evaluation(ROWS.take([0]))


AS_SUMS = {name: f"{value!r}, the value of the sums" for name, value in RECORD["metrics"].items()}
NO_OTHERS = "have only keys of to_dict"
SUM = "be an exact sum such as '0x1abcp-52', 'inf' or 'nan'"
KEYS = "hits must have positive integers of up to 40 digits as its keys"
MISTAKES = [
    (["format"], GONE, "format must be given, got none"),
    (["format"], "onnx", "format must be 'smoothxent.Evaluation', got 'onnx'"),
    (["version"], GONE, "version must be given, got none"),
    (["version"], 2, "version must be 3, got 2"),
    (["version"], 4, "version must be 3, got 4"),
    (["version"], 3.0, "version must be 3, got 3.0"),
    (["num_classes"], GONE, "num_classes must be given, got none"),
    (["num_classes"], 7.0, "num_classes must be an integer of 0 or more, got 7.0"),
    (["num_classes"], 0, "num_classes must be at least 1 for rows, got 0"),
    (["label_smoothing"], GONE, "label_smoothing must be given, got none"),
    (["label_smoothing"], None, "label_smoothing must be a real number, got None"),
    (["label_smoothing"], True, "label_smoothing must be a real number, got True"),
    (["label_smoothing"], 1.5, "label_smoothing must lie in [0, 1], got 1.5"),
    (["label_smoothing"], math.nan, "label_smoothing must lie in [0, 1], got nan"),
    (["softcap"], GONE, "softcap must be given, got none"),
    (["softcap"], 0, "softcap must lie in [1e-37, 1e+37], got 0"),
    (["softcap"], 1e38, "softcap must lie in [1e-37, 1e+37], got 1e+38"),
    (["softcap"], math.nan, "softcap must lie in [1e-37, 1e+37], got nan"),
    (["softcap"], False, "softcap must be a real number, got False"),
    (["temperature"], GONE, "temperature must be given, got none"),
    (["temperature"], None, "temperature must be a real number, got None"),
    (["temperature"], 0.0, "temperature must lie in [1e-37, 1e+37], got 0.0"),
    (["temperature"], -1, "temperature must lie in [1e-37, 1e+37], got -1"),
    (["temperature"], "1", "temperature must be a real number, got '1'"),
    (["z_loss"], GONE, "z_loss must be given, got none"),
    (["z_loss"], -0.5, "z_loss must lie in [0, 1e+37], got -0.5"),
    (["z_loss"], math.inf, "z_loss must lie in [0, 1e+37], got inf"),
    (["z_loss"], 10**400, f"z_loss must lie in [0, 1e+37], got {10**400}"),
    (["z_loss"], [0], "z_loss must be a real number, got [0]"),
    (["prior"], GONE, "prior must be given, got none"),
    (["prior"], None, "prior must be '' or 8 hexadecimal digits, got None"),
    (["prior"], [0.5, 0.5], "prior must be '' or 8 hexadecimal digits, got [0.5, 0.5]"),
    (["prior"], "1234abc", "prior must be '' or 8 hexadecimal digits, got '1234abc'"),
    (["prior"], "1234abcd\n", "prior must be '' or 8 hexadecimal digits, got '1234abcd\\n'"),
    (["class_weight"], GONE, "class_weight must be given, got none"),
    (["class_weight"], 0, "class_weight must be '' or 8 hexadecimal digits, got 0"),
    (["class_weight"], "ABC", "class_weight must be '' or 8 hexadecimal digits, got 'ABC'"),
    (["prior"], "1234ABCD", "prior must be '' or 8 hexadecimal digits, got '1234ABCD'"),
    (["count"], GONE, "count must be given, got none"),
    (["count"], -1, "count must be an integer of 0 or more, got -1"),
    (["count"], 50.0, "count must be an integer of 0 or more, got 50.0"),
    (["ignored"], GONE, "ignored must be given, got none"),
    (["ignored"], False, "ignored must be an integer of 0 or more, got False"),
    (["sums"], GONE, "sums must be given, got none"),
    (["sums"], [], "sums must be a dict, got []"),
    (["sums", "nll"], GONE, "sums.nll must be given, got none"),
    (["sums", "nll"], 1.5, f"sums.nll must {SUM}, got 1.5"),
    (["sums", "nll"], math.nan, f"sums.nll must {SUM}, got nan"),
    (["sums", "nll"], "1.5", f"sums.nll must {SUM}, got '1.5'"),
    (["sums", "nll"], "+inf", f"sums.nll must {SUM}, got '+inf'"),
    (["sums", "nll"], "-inf", "sums.nll must be 0 or more, got '-inf'"),
    (["sums", "loss"], "-inf", "sums.loss must be finite, 'inf' or 'nan', got '-inf'"),
    (["sums", "weight"], "inf", "sums.weight must be finite and not negative, got 'inf'"),
    (
        ["sums", "loss_weight"],
        "-0x1p+0",
        "sums.loss_weight must be finite and not negative, got '-0x1p+0'",
    ),
    (["sums", "weight_square"], "nan", "sums.weight_square must be 0 or more, got 'nan'"),
    (["sums", "weight_square"], "-0x1p+0", "sums.weight_square must be 0 or more, got '-0x1p+0'"),
    *(
        (["sums", name], "-0x1p-1074", f"sums.{name} must be 0 or more, got '-0x1p-1074'")
        for name in ("nll", "entropy", "confidence", "brier")
        for name in (name, f"{name}_square")
    ),
    (["sums", "brier_square"], GONE, "sums.brier_square must be given, got none"),
    *(
        (["sums", name], value, f"sums.{name} must be finite as sums.confidence is, got '{value}'")
        for name in ("confidence_square", "hit_confidence")
        for value in ("nan", "inf")
    ),
    (["sums", "hit_confidence"], "-0x1p+0", "sums.hit_confidence must be 0 or more, got '-0x1p+0'"),
    (
        ["sums", "hit_confidence"],
        "0x33p+0",
        "sums.hit_confidence must be no more than hits.1, got '0x33p+0'",
    ),
    (["hits"], GONE, "hits must be given, got none"),
    (["hits"], "1", "hits must be a dict, got '1'"),
    (["hits", "1"], GONE, "hits.1 must be given, got none"),
    (["hits", "05"], "0x1p+0", f"{KEYS}, got '05'"),
    (["hits", "0"], "0x1p+0", f"{KEYS}, got '0'"),
    (["hits", "٣"], "0x1p+0", f"{KEYS}, got '٣'"),
    (["hits", ""], "0x1p+0", f"{KEYS}, got ''"),
    (["hits", "9" * 41], "0x1p+0", f"{KEYS}, got '{'9' * 41}'"),
    (["hits", 5], "0x1p+0", f"{KEYS}, got 5"),
    (["hits", "5"], "nan", "hits.5 must be finite and not negative, got 'nan'"),
    (["hits", "5"], "0x33p+0", "hits.5 must lie between hits.1 and sums.weight, got '0x33p+0'"),
    (["hits", "5"], "0x1p+0", "hits.5 must lie between hits.1 and sums.weight, got '0x1p+0'"),
    (["hits", "1"], "0x33p+0", "hits.1 must lie between 0 and sums.weight, got '0x33p+0'"),
    (["bins"], GONE, "bins must be given, got none"),
    (["bins"], {}, "bins must be a list, got {}"),
    (["bins"], [], "bins must hold at least one bin, got none"),
    (["bins", 2], None, "bins[2] must be a dict, got None"),
    (["bins", 2, "count"], GONE, "bins[2].count must be given, got none"),
    (["bins", 2, "count"], "7", "bins[2].count must be an integer of 0 or more, got '7'"),
    (["bins", 2, "count"], 51, "bins must hold no more rows than count, got"),
    (["bins", 1, "weight"], "nan", "bins[1].weight must be finite and not negative, got 'nan'"),
    (["bins", 0, "confidence"], GONE, "bins[0].confidence must be given, got none"),
    (["bins", 0, "confidence"], 0, f"bins[0].confidence must {SUM}, got 0"),
    (
        ["bins", 0, "hits"],
        "0x1p+9",
        "bins[0].hits must be no more than bins[0].weight, got '0x1p+9'",
    ),
    (
        ["bins", 0, "confidence"],
        "0x1p+9",
        "bins[0].confidence must be no more than bins[0].weight, got '0x1p+9'",
    ),
    (["bins", 0, "weight"], "0x1p+9", "bins must hold no more weight than sums.weight, got"),
    (["histogram"], GONE, "histogram must be given, got none"),
    (["histogram"], None, "histogram must be a list, got None"),
    (["bins"], (), "bins must be a list, got ()"),
    (["histogram"], [0] * 85, "histogram must hold 86 counts, got 85"),
    (["histogram", 85], -1, "histogram[85] must be an integer of 0 or more, got -1"),
    (["histogram", 85], 51, "histogram must hold no more rows than count, got 101"),
    (["model"], "mine", f"record must {NO_OTHERS}, got 'model'"),
    ([3], "mine", f"record must {NO_OTHERS}, got 3"),
    (["sums", "kl"], "0x1p+0", f"sums must {NO_OTHERS}, got 'kl'"),
    (["bins", 1, "low"], 0.0, f"bins[1] must {NO_OTHERS}, got 'low'"),
    (["metrics"], None, "metrics must be a dict, got None"),
    (["metrics", "kl"], 0.5, f"metrics must {NO_OTHERS}, got 'kl'"),
    (["metrics", "accuracy"], 0.9, f"metrics.accuracy must be {AS_SUMS['accuracy']}, got 0.9"),
    (["metrics", "accuracy"], None, f"metrics.accuracy must be {AS_SUMS['accuracy']}, got None"),
    (["metrics", "loss"], True, f"metrics.loss must be {AS_SUMS['loss']}, got True"),
    (["metrics", "loss"], math.nan, f"metrics.loss must be {AS_SUMS['loss']}, got nan"),
    (["metrics", "loss"], 10**400, f"metrics.loss must be {AS_SUMS['loss']}, got {10**400}"),
    (["metrics", "top_k"], [], "metrics.top_k must be a dict, got []"),
    (["metrics", "top_k", "2"], 0.5, f"metrics.top_k must {NO_OTHERS}, got '2'"),
    (["metrics", "top_k", "1"], 2, f"metrics.top_k.1 must be {AS_SUMS['accuracy']}, got 2"),
]


def sum_of(texts):
    """Return the sum of these small numbers, as text."""
    return sum(map(Exact.from_text, texts), ZERO)


def id_of(part):
    """Return an id that is the same in every process; the text of an object is not."""
    return "GONE" if part is GONE else str(part)[:40]


@pytest.mark.fault("record")
@pytest.mark.parametrize("path, value, message", MISTAKES, ids=id_of)
def test_every_fault_of_a_record_is_a_value_error_that_names_the_key(path, value, message):
    record = copy.deepcopy(RECORD)
    place = record
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    if message.startswith("bins must hold no more"):
        key = "weight" if "weight" in message else "count"
        held = [each[key] for each in record["bins"]]
        message += f" {sum(held)}" if key == "count" else f" '{sum_of(held)}'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Evaluation.from_dict(record)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_evaluation_comes_back_the_same(rng, protocol):
    evaluation = evaluations.evaluation(evaluations.draw(rng, 200, weighted=True))
    again = pickle.loads(pickle.dumps(evaluation, protocol))
    assert again == evaluation
    assert again.to_dict() == evaluation.to_dict()


@pytest.mark.fault("record")
@pytest.mark.parametrize("record", [None, [], "{}", 1])
def test_record_that_is_no_dict_is_an_error(record):
    message = f"record must be a dict, got {record!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Evaluation.from_dict(record)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["0x1p+0", "nan", "inf", "0x1p+9999"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
PLACES = st.sampled_from(
    [(key,) for key in RECORD]
    + [("metrics", key) for key in RECORD["metrics"]]
    + [(key, inner) for key in ("sums", "hits") for inner in RECORD[key]]
    + [("bins", 1, key) for key in RECORD["bins"][1]]
    + [("histogram", 3), ("hits", "7")]
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
        evaluation = Evaluation.from_dict(record)
    except ValueError:
        return
    assert through_json(evaluation) == evaluation
    assert repr(evaluation)
    assert attributes(evaluation)
