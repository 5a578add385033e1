"""Records of results: exact, readable for other programs; a changed record is a ValueError."""

import copy
import dataclasses
import json
import math
import pickle
import re
from dataclasses import FrozenInstanceError
from itertools import product
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

import evaluations
import smoothxent
from assertions import error_text
from evaluations import attributes, splits, through_json
from smoothxent import Comparison, Evaluation, Temperature, compare, evaluate
from smoothxent._comparison.sketch import Sketch
from smoothxent._records.codec import decoded
from smoothxent._records.record import checksum

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (40, 6))
OTHERS = LOGITS + RNG.normal(0, 1, LOGITS.shape)
LABELS = RNG.integers(0, 6, 40)
NAMES = [f"g{i % 7}" for i in range(40)]
OPTIONS = {"sample_weight": RNG.uniform(0.5, 2, 40), "top_k": (2, 1234567, 1234568), "num_bins": 3}
TRANSFORMS = {"softcap": 30, "temperature": np.float32(0.1), "z_loss": 2, "label_smoothing": 1}


def damaged(value):
    """Return the logits with this value in two rows."""
    logits = LOGITS.copy()
    logits[0, LABELS[0]] = logits[7, 5] = value
    return logits


NOTHING = (np.zeros((0, 3)), np.zeros(0, int))
RESULTS = {
    "unweighted": evaluate(LOGITS, LABELS),
    "weighted": evaluate(LOGITS, LABELS, ignore_index=2, **OPTIONS),
    "transformed": evaluate(LOGITS, LABELS, class_weight=range(6), **TRANSFORMS),
    "nan": evaluate(damaged(math.nan), LABELS, per_class=True),
    "infinite": evaluate(damaged(-math.inf), LABELS, groups=NAMES, per_class=True),
    "classes": evaluate(LOGITS, LABELS, per_class=True, **OPTIONS),
    "empty": Evaluation.empty(softcap=1e-37, z_loss=5e-324, prior=[0.25, 0.75]),
    "no rows": evaluate(*NOTHING, per_class=True),
    "texts": evaluate(LOGITS, LABELS, groups=["\0a", "ä", "\ud800", ""] * 10, ignore_index=1),
    "integers": evaluate(LOGITS, LABELS, groups=[2**62, -(2**63), 0, 7] * 10, **OPTIONS),
    "many": evaluate(LOGITS, LABELS, groups=range(40)),
    "no groups": evaluate(*NOTHING, groups=[]),
    "compared": compare(LOGITS, OTHERS, LABELS, softcap=(None, 30.0), **OPTIONS),
    "compared groups": compare(LOGITS, OTHERS, LABELS, groups=NAMES, ignore_index=1, **OPTIONS),
    "compared nan": compare(damaged(math.nan), OTHERS, LABELS, groups=range(40)),
    "compared infinite": compare(LOGITS, damaged(-math.inf), LABELS, groups=NAMES),
    "compared none": compare(NOTHING[0], NOTHING[0], NOTHING[1]),
    "fitted": smoothxent.fit_temperature(LOGITS, LABELS),
    "bound": smoothxent.fit_temperature([[1e-3, 0]] * 4, [1, 1, 1, 0]),
}
each_result = pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS.keys())


@each_result
def test_result_comes_back_from_its_file_exactly(result, tmp_path):
    result.save(tmp_path / "saved.json")
    again = type(result).load(str(tmp_path / "saved.json"))
    assert (again, hash(again)) == (result, hash(result))
    assert attributes(again) == attributes(result)
    assert (str(again), repr(again)) == (str(result), repr(result))
    assert again.to_dict() == result.to_dict() == json.loads(json.dumps(result.to_dict()))
    assert [path.name for path in tmp_path.iterdir()] == ["saved.json"]


@pytest.mark.slow
@given(splits())
def test_evaluation_of_any_rows_comes_back_from_json_exactly(split):
    evaluation = evaluations.evaluation(split[0])
    again = through_json(evaluation)
    assert (again, hash(again)) == (evaluation, hash(evaluation))
    assert attributes(again) == attributes(evaluation)


@each_result
def test_keys_may_have_any_order_and_metrics_may_be_missing(result):
    record = result.to_dict()
    del record["metrics"]
    again = type(result).from_dict(json.loads(json.dumps(record, sort_keys=True)))
    assert (again, hash(again)) == (result, hash(result))


@pytest.mark.parametrize(
    "function, options",
    [
        (evaluate, {"per_class": True}),
        (evaluate, {"groups": True}),
        (lambda x, *rest, **more: compare(x, x / 2, *rest, **more), {"groups": True}),
    ],
)
def test_results_that_came_back_are_added_exactly(function, options):
    def part(rows):
        of_rows = {"groups": np.array(NAMES)[rows]} if "groups" in options else options
        weights = OPTIONS["sample_weight"][rows]
        return function(LOGITS[rows], LABELS[rows], **of_rows, sample_weight=weights)

    parts = [part(slice(i, None, 3)) for i in range(3)]
    added, whole = sum(map(through_json, parts[::-1])), part(slice(None))
    assert added == sum(parts) == whole
    assert json.dumps(added.to_dict()) == json.dumps(whole.to_dict())


def assert_metrics(metrics, result):
    """Assert that metrics are the properties of the result, and null for nan and inf."""
    for name, written in metrics.items():
        value = getattr(result, name)
        if isinstance(value, dict):
            keys = [str(int(key) if key == int(key) else key) for key in value]
            assert written == {
                key: each if math.isfinite(each) else None
                for key, each in zip(keys, value.values(), strict=True)
            }
        elif isinstance(written, dict):
            assert_metrics(written, value)
        else:
            is_number = not isinstance(value, float) or math.isfinite(value)
            assert written == (value if is_number else None)


@each_result
def test_metrics_in_the_record_are_the_properties(result):
    assert_metrics(result.to_dict()["metrics"], result)


def test_record_has_every_number_of_a_result_among_its_metrics():
    for name, others in {
        "unweighted": {"bins", "histogram", "classes", "bits_per_token"},
        "compared": {"names", "groups"},
        "fitted": set(),
    }.items():
        metrics = RESULTS[name].to_dict()["metrics"]
        assert metrics.keys() == attributes(RESULTS[name]).keys() - others
    metrics = RESULTS["infinite"].to_dict()["metrics"]
    assert (metrics["nll_stderr"], metrics["perplexity"]) == (None, None)
    assert set(metrics["groups"]) == {"macro_nll", "macro_accuracy", "macro_brier"}


def test_totals_have_exact_sums_as_text_that_fromhex_reads():
    rows = evaluations.draw(np.random.default_rng(0), 50)
    totals = evaluations.evaluation(rows).to_dict()["totals"]
    assert float.fromhex(totals["sums"]["nll"]) == math.fsum(rows.nll)
    assert float.fromhex(totals["hits"][0]) == np.sum(rows.rank == 0)
    assert "looks_like_probabilities" not in totals  # nor has it a part in ==
    record = Evaluation.empty(prior=[0.25, 0.75]).to_dict()
    assert record["totals"]["settings"]["prior"] == evaluations.checksum(0.25, 0.75)


def test_size_of_a_record_is_that_of_the_values_and_not_of_the_rows():
    rows = (np.tile(LOGITS, (50, 1)), np.tile(OTHERS, (50, 1)), np.tile(LABELS, 50))
    many, once = (json.dumps(compare(*each).to_dict()) for each in (rows, (LOGITS, OTHERS, LABELS)))
    assert len(many) < 1.1 * len(once)


OTHER = "record must be as it was saved, got other contents; restore it or compute it again"
KINDS = [Evaluation, Comparison, Temperature]
# One small record of each kind; together they have fields of every type.
SMALL = [
    evaluate([[2.0, 1]] * 2, [0, 0], num_bins=1, softcap=9, per_class=True, groups=["a", "b"]),
    compare([[2.0, 1], [0, 3]], [[1.0, 1], [0, 2]], [0, 0], num_bins=1, groups=[1, 2]),
    smoothxent.fit_temperature([[1e-3, 0]] * 4, [1, 1, 1, 0], num_bins=1),
]


def outcome(read, *arguments):
    """Return the result, or the text of the ValueError."""
    try:
        return read(*arguments)
    except ValueError as error:
        return str(error)


each_kind = pytest.mark.parametrize("result", SMALL, ids=lambda result: type(result).__name__)


@pytest.mark.fault("record")
@each_kind
@pytest.mark.parametrize("found", [None, [], 1, {}, "onnx", "smoothxent.ClassMetrics"])
def test_record_of_another_format_is_an_error(result, found):
    kind = type(result)
    rule = "record must have the format 'smoothxent."
    for record in (found, {"format": found}, result.to_dict() | {"format": found}):
        shown = None if record == {} else found
        expected = f"{rule}{kind.__name__}', got {shown!r}"
        assert error_text(ValueError, kind.from_dict, record) == expected
    for other in set(KINDS) - {kind}:
        expected = f"{rule}{other.__name__}', got 'smoothxent.{kind.__name__}'"
        assert error_text(ValueError, other.from_dict, result.to_dict()) == expected


@pytest.mark.fault("record")
@each_kind
def test_record_of_another_version_is_an_error(result):
    record = result.to_dict()
    for version in (record["version"] - 1, record["version"] + 1, None, "4", []):
        assert error_text(ValueError, type(result).from_dict, record | {"version": version}) == (
            f"record must have the version {record['version']}, got {version!r}; "
            "compute it again with this version of smoothxent"
        )


@pytest.mark.fault("record")
@pytest.mark.parametrize("text", [b"", b"{", b"\x93NUMPY", b"[" * 100_000, b"1" * 5000])
def test_file_that_is_not_json_is_an_error(text, tmp_path):
    (tmp_path / "part.json").write_bytes(text)
    assert error_text(ValueError, Evaluation.load, tmp_path / "part.json") == (
        f"{tmp_path / 'part.json'}: record must be as it was saved, got text that is not JSON"
    )


@pytest.mark.fault("record")
@pytest.mark.slow
@each_kind
def test_every_byte_of_a_saved_record_is_protected(result, tmp_path):
    path = tmp_path / "part.json"
    result.save(path)
    text = path.read_bytes()
    start = text.index(b'"totals"')
    rng = np.random.default_rng(0)
    assert text.index(b'"metrics"') < start
    for place in range(0 if type(result) is Evaluation else start, len(text)):
        changed = bytearray(text)
        changed[place] ^= rng.integers(1, 256)
        path.write_bytes(changed)
        found = outcome(type(result).load, path)  # equal with another space, or another metric
        assert found == result or found.startswith(f"{path}: record must ")


GONE = object()


def places_in(value, path=()):
    """Yield the path and the value of every item, list and dict."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key), value[key]
            yield from places_in(value[key], (*path, key))


def changed(record, path, value):
    """Return a copy whose item at the path has this value, or is GONE."""
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
@each_kind
def test_item_of_the_totals_that_is_missing_or_another_is_an_error(result):
    record = result.to_dict()
    paths = [path for path, _ in places_in(record["totals"], ("totals",))]
    for path in [("totals",), ("checksum",), *paths]:
        for value in (GONE, "x"):
            other = changed(record, path, value)
            assert error_text(ValueError, type(result).from_dict, other) == OTHER
    deep = []
    for _ in range(10_000):
        deep = [deep]
    assert error_text(ValueError, type(result).from_dict, record | {"totals": deep}) == OTHER


@pytest.mark.parametrize(
    "kind, value",
    [
        *((int, True), (int, 1.0), (str, None), (Literal["lower"] | None, "upper")),
        *((NDArray[np.int64], ["a"]), (NDArray[np.int64], [True]), (NDArray[Any], ["a", 1])),
        *((tuple[int, int], [1]), (tuple[int, int], [1, 2, 3]), (tuple[str, ...], "ab")),
    ],
)
def test_value_of_another_type_is_not_read(kind, value):
    with pytest.raises((TypeError, ValueError)):
        decoded(kind, value)


@pytest.mark.fault("record")
@each_kind
def test_sizes_and_names_that_do_not_fit_the_settings_are_an_error(result):
    record = result.to_dict()
    for path, value in places_in(record["totals"], ("totals",)):
        others = []
        if isinstance(value, list) and path[-1] != "digits":
            others = [value[1:], value + value[-1:]]
        elif path[-2:] in product(("groups", "classes"), ("counts", "sums")):
            others = [{f"{name}_": each for name, each in value.items()}]
        elif path[-1] == "num_classes" and type(result) is not Temperature:
            others = [0]
        for other in (changed(record, path, other) for other in others):
            other["checksum"] = checksum(other["totals"])
            assert error_text(ValueError, type(result).from_dict, other) == OTHER


VALUES = [None, True, -1, 0, 2**63, 10**400, 1.5, math.nan, [], {}, [1], ["a"], {"1": 1}]
VALUES += ["", "1", "lower", "nan", "-inf", "0x1.8p+0", "-0x1p+9999", "0x1p+10000", "0x1p+1p+1"]


@pytest.mark.fault("record")
@pytest.mark.slow
@each_kind
def test_forged_record_is_read_or_a_value_error(result):
    # With the checksum of its totals: numbers may be wrong then, but nothing else is raised.
    record = result.to_dict()
    places = places_in(record["totals"], ("totals",))
    few = [path for path, _ in places if all(key in (0, 1) or type(key) is str for key in path)]
    for path, value in product(few, VALUES):
        other = changed(record, path, value)
        other["checksum"] = checksum(other["totals"])
        found = outcome(type(result).from_dict, other)
        assert found == OTHER or type(found) is type(result)


@pytest.mark.fault("record")
@pytest.mark.parametrize("places", [-1, 1075, 10**12])
def test_numbers_that_would_need_more_memory_than_their_text_are_errors(places):
    with pytest.raises(ValueError, match=rf"^places must lie in \[0, 1074\], got {places}$"):
        Sketch(0.0, 1.0, places, {})


def test_file_that_cannot_be_written_is_named_and_left(tmp_path, monkeypatch):
    path = tmp_path / "saved.json"
    SMALL[0].save(path)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "x")))
    with pytest.raises(OSError, match=re.escape(f"[Errno 28] x: '{path}'")):
        SMALL[1].save(path)
    assert Evaluation.load(path) == SMALL[0]
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@each_kind
def test_result_never_changes_and_its_copies_are_the_same(result, protocol):
    for name in ("nll", "value", "_totals", "note"):
        text = f"cannot assign to field '{name}'"
        assert error_text(FrozenInstanceError, setattr, result, name, 1) == text
        assert error_text(FrozenInstanceError, delattr, result, name).startswith("cannot delete ")
    for again in (pickle.loads(pickle.dumps(result, protocol)), copy.deepcopy(result)):
        assert (again, hash(again)) == (result, hash(result))
        assert again.to_dict() == result.to_dict()


def test_comparisons_that_differ_in_one_total_are_unequal():
    comparison = RESULTS["compared"]
    totals = comparison._totals
    for other in (
        dataclasses.replace(totals, sums=totals.sums._replace(agreement=totals.sums.kl)),
        dataclasses.replace(totals, kl=totals.probability_change),
        dataclasses.replace(totals, changed_hits=totals.changed_hits[::-1]),
    ):
        assert dataclasses.replace(comparison, _totals=other) != comparison
    assert dataclasses.replace(comparison, a=comparison.b) != comparison
    assert comparison != "comparison"
    assert dataclasses.replace(comparison, _totals=copy.deepcopy(totals)) == comparison
