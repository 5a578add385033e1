"""docs/records.schema.json: every record is valid, and with a key more or less it is not."""

import copy
import json

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import smoothxent
from place import ROOT

SCHEMA = json.loads((ROOT / "docs" / "records.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
# Their keys are numbers.
FREE = {
    *("top_k", "top_k_stderr", "top_k_difference", "top_k_difference_stderr"),
    *("hits", "changed_hits", "hit_differences"),
    *("kl_quantiles", "probability_change_quantiles", "weights"),
}


def rows(num_rows=60, num_classes=4):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(num_rows, num_classes)).astype(np.float32)
    return logits, rng.integers(0, num_classes, num_rows)


def infinite():
    logits, labels = rows()
    logits[:5] = np.nan
    logits[5:9, 0] = np.inf
    return smoothxent.evaluate(logits, labels)


def compared(**options):
    logits, labels = rows()
    return smoothxent.compare(logits, logits[::-1], labels, **options)


RECORDS = {
    "evaluation": lambda: smoothxent.evaluate(*rows()),
    "no rows": smoothxent.Evaluation.empty,
    "nan and inf": infinite,
    "options": lambda: smoothxent.evaluate(
        *rows(),
        label_smoothing=0.1,
        prior=[0.1, 0.2, 0.3, 0.4],
        class_weight=[1, 2, 3, 4],
        softcap=30.0,
        temperature=1.5,
        z_loss=1e-4,
        top_k=(1, 2, 3),
        num_bins=3,
        per_class=True,
        ignore_index=1,
    ),
    "groups": lambda: smoothxent.evaluate(*rows(), groups=np.arange(60) % 3),
    "many groups": lambda: smoothxent.evaluate(*rows(), groups=[f"{i:02}" for i in range(60)]),
    "comparison": compared,
    "comparison of groups": lambda: compared(groups=np.arange(60) % 7, temperature=(1.0, 2.0)),
    "temperature": lambda: smoothxent.fit_temperature(*rows()),
}


@pytest.fixture(scope="module", params=RECORDS.values(), ids=RECORDS.keys())
def record(request):
    """Return a record as a program reads it."""
    return json.loads(json.dumps(request.param().to_dict()))


def objects(value, key=""):
    """Yield all objects of a record whose keys have names."""
    if isinstance(value, dict):
        if key not in FREE:
            yield value
        for name, each in value.items():
            yield from objects(each, name)
    elif isinstance(value, list):
        yield from (found for each in value[:1] for found in objects(each))


def test_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


def test_every_record_is_valid(record):
    VALIDATOR.validate(record)


def test_no_key_may_be_missing_or_unknown(record):
    for number, _ in enumerate(objects(record)):
        changed = copy.deepcopy(record)
        found = list(objects(changed))[number]
        for key in list(found):
            value = found.pop(key)
            assert not VALIDATOR.is_valid(changed), key
            found[key] = value
        found["unknown"] = 0
        assert not VALIDATOR.is_valid(changed), sorted(found)


@pytest.mark.parametrize(
    "key, value",
    [
        ("format", "smoothxent.evaluation"),
        ("version", 2),
        ("num_classes", -1),
        ("label_smoothing", 1.5),
        ("count", -1),
        ("count", 1.5),
        ("bins", []),
        ("prior", None),
        ("prior", "abc"),
        ("histogram", [0]),
        ("temperature", 0.0),
        ("hits", {"1": "-0x1p+0", "5": "0x1p+0"}),
    ],
)
def test_value_out_of_range_is_not_valid(key, value):
    record = RECORDS["evaluation"]().to_dict() | {key: value}
    assert not VALIDATOR.is_valid(record)
    with pytest.raises(ValueError, match=key):
        smoothxent.Evaluation.from_dict(record)
