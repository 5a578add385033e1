"""A comparison as a dict for JSON: two evaluations and exact totals, so that nothing is lost.

Like the record of an evaluation, it is checked completely when it is read.
"""

import re
from typing import Any

import numpy as np

from smoothxent._comparison.groups import record as groups
from smoothxent._comparison.pair_metrics import PairMetrics
from smoothxent._comparison.settings import check_names
from smoothxent._comparison.sketch import INFINITY, NAN, Sketch, keys_of
from smoothxent._comparison.totals import MEASURES, PairSums, PairTotals
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.groups.record import read_evaluation
from smoothxent._evaluation.readers import (
    at,
    check_equal,
    check_keys,
    check_metrics,
    finite,
    read_anything,
    read_count,
    read_dict,
    read_hits,
    read_size,
    read_sum,
    read_weight,
)
from smoothxent._evaluation.sums.exact import Exact

FORMAT, VERSION = "smoothxent.Comparison", 2

# For other programs. They are only checked when a record is read: they follow from the totals.
METRICS = (
    *(f"{name}{suffix}" for name in (*MEASURES, "agreement") for suffix in ("", "_stderr")),
    "probability_change_rms",
    "accuracy_difference",
    "accuracy_difference_stderr",
)
METRICS_BY_KEY = (
    "top_k_difference",
    "top_k_difference_stderr",
    "kl_quantiles",
    "probability_change_quantiles",
)
# The limits of the numbers in a sketch.
SKETCHES = {"kl": (0.0, np.inf), "probability_change": (-1.0, 1.0)}

KEY = re.compile("0|-?[1-9][0-9]{0,6}")
# Settings that may differ.
OF_EACH = {"softcap", "temperature"}


def record_of(comparison: PairMetrics) -> dict[str, Any]:
    """Return the comparison as a dict of str, int, float, list and dict, without nan and inf."""
    totals, ranks = comparison._totals, comparison.a.top_k

    def each(name: str) -> dict[str, float | None]:
        """Return the metric for each k of top_k, or for each share of the rows."""
        metrics = getattr(comparison, name).items()
        return {str(key).removesuffix(".0"): finite(metric) for key, metric in metrics}

    return {
        "format": FORMAT,
        "version": VERSION,
        "names": list(comparison.names),
        "metrics": {
            **{name: finite(getattr(comparison, name)) for name in METRICS},
            **{name: each(name) for name in METRICS_BY_KEY},
        },
        "sums": {name: str(total) for name, total in totals.sums._asdict().items()},
        "changed_hits": {
            str(k): str(weight) for k, weight in zip(ranks, totals.changed_hits, strict=True)
        },
        "sketches": {name: _record_of_sketch(getattr(totals, name)) for name in SKETCHES},
        "groups": groups.record_of(comparison.groups),
        "a": comparison.a.to_dict(),
        "b": comparison.b.to_dict(),
    }


def _record_of_sketch(sketch: Sketch) -> dict[str, Any]:
    return {
        "least": sketch.least.hex(),
        "most": sketch.most.hex(),
        "places": sketch.places,
        "weights": {str(key): sketch.weights[key] for key in sorted(sketch.weights)},
    }


def metrics_of(value: object) -> PairMetrics:
    """Return the comparison of a record of `record_of`; a ValueError names the wrong key."""
    given = read_dict("record", value)
    check_equal(given, "format", FORMAT)
    check_equal(given, "version", VERSION)
    sums = at(given, "sums", read_dict)
    sketches = at(given, "sketches", read_dict)
    a, b = (at(given, name, read_evaluation) for name in ("a", "b"))
    hits = at(given, "changed_hits", read_hits)
    kl, change = (at(sketches, name, _read_sketch, "sketches.") for name in SKETCHES)
    of_groups = at(given, "groups", read_anything)
    read = PairMetrics(
        a,
        b,
        at(given, "names", _read_names),
        PairTotals(
            PairSums(*(at(sums, name, READERS[name], "sums.") for name in PairSums._fields)),
            tuple(hits.values()),
            kl,
            change,
            groups.totals_of(of_groups, tuple(a.top_k)),
        ),
    )
    _check_same_rows(a, b)
    _check_consistent(read, hits)
    made = record_of(read)
    check_keys("record", given, made)
    check_keys("sums", sums, made["sums"])
    check_keys("sketches", sketches, made["sketches"])
    for name in SKETCHES:
        check_keys(f"sketches.{name}", read_dict(name, sketches[name]), made["sketches"][name])
    check_metrics("metrics", given.get("metrics", {}), made["metrics"])
    if of_groups is not None:
        metrics = of_groups.get("metrics", {})
        check_metrics("groups.metrics", metrics, made["groups"]["metrics"])
    return read


def _check_same_rows(a: Evaluation, b: Evaluation) -> None:
    """Raise for evaluations that are not of the same rows with the same settings."""
    for name in ("count", "ignored", "weight"):
        _check_same(name, getattr(a, name), getattr(b, name))
    _check_same("weight_square", a._totals.sums.weight_square, b._totals.sums.weight_square)
    of_b = b._totals.settings.by_name()
    for name, value in a._totals.settings.by_name().items():
        if name not in OF_EACH:
            _check_same(name, value, of_b[name])


def _check_same(name: str, a: object, b: object) -> None:
    if a != b:
        raise ValueError(f"{name} must be the same in a and b, got {a} and {b}")


def _check_consistent(read: PairMetrics, hits: dict[int, Exact]) -> None:
    """Raise for totals that no pairs can have."""
    if tuple(hits) != tuple(read.a.top_k):
        rule = f"have the keys of a.hits, {', '.join(map(str, read.a.top_k))}"
        raise ValueError(f"changed_hits must {rule}, got {', '.join(map(str, hits))}")
    weight = read._weight.fraction()
    for k, change in read._hits().items():
        if not abs(change.fraction()) <= hits[k].fraction() <= weight:
            rule = "lie between the difference of the hits of a and b and their weight"
            raise ValueError(f"changed_hits.{k} must {rule}, got '{hits[k]}'")
    if read._totals.sums.agreement.fraction() > weight:
        got = read._totals.sums.agreement
        raise ValueError(f"sums.agreement must be no more than the weight of a, got '{got}'")
    if read._totals.groups is not None:
        sums, differences = read._totals.sums._asdict(), read._hits()
        groups.check_sums(read._totals.groups, read.a.count, read._weight, sums, differences)
    for name, (low, high) in SKETCHES.items():
        _check_sketch(f"sketches.{name}", getattr(read._totals, name), read._weight, low, high)


def _check_sketch(name: str, sketch: Sketch, weight: Exact, low: float, high: float) -> None:
    keys = sorted(key for key in sketch.weights if key != NAN)
    if keys and not low <= sketch.least <= sketch.most <= high:
        got = f"{sketch.least} to {sketch.most}"
        raise ValueError(f"{name} must have numbers from {low} to {high}, got {got}")
    ends = keys_of(np.array([sketch.least, sketch.most])).tolist()
    found = [keys[0], keys[-1]] if keys else [INFINITY, -INFINITY]
    if ends != found:
        rule = "have the keys of least and most at its ends"
        raise ValueError(f"{name}.weights must {rule}, got {found[0]} to {found[1]}")
    total = Exact.of(sum(sketch.weights.values()), sketch.places)
    if total != weight:
        raise ValueError(f"{name}.weights must sum to the weight of a, '{weight}', got '{total}'")


def _read_names(name: str, value: object) -> tuple[str, str]:
    try:
        return check_names(value)
    except TypeError as error:  # every error in a record is one of a value
        raise ValueError(str(error)) from None


def _read_sketch(name: str, value: object) -> Sketch:
    given = read_dict(name, value)
    weights = at(given, "weights", read_dict, f"{name}.")
    for key in weights:
        if not (isinstance(key, str) and KEY.fullmatch(key) and -INFINITY <= int(key) <= NAN):
            rule = f"have integers from {-INFINITY} to {NAN} as its keys"
            raise ValueError(f"{name}.weights must {rule}, got {key!r}")
    return Sketch(
        at(given, "least", _read_number, f"{name}."),
        at(given, "most", _read_number, f"{name}."),
        at(given, "places", _read_places, f"{name}."),
        {int(key): at(weights, key, _read_mass, f"{name}.weights.") for key in weights},
    )


def _read_number(name: str, value: object) -> float:
    """Return a number that is not nan or -0.0, from its `float.hex`."""
    try:
        if isinstance(value, str):
            number = float.fromhex(value) + 0.0
            if number.hex() == value and number == number:
                return number
    except (OverflowError, ValueError):
        pass
    raise ValueError(f"{name} must be a number as of float.hex, got {value!r}")


def _read_places(name: str, value: object) -> int:
    places = read_count(name, value)
    if places > MOST_PLACES:
        raise ValueError(f"{name} must be at most {MOST_PLACES}, got {places}")
    return places


def _read_mass(name: str, value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} must be an integer of 1 or more, got {value!r}")
    return value


MOST_PLACES = 1074  # the smallest float64 number is 2**-1074
READERS = {
    name: read_size if name == "kl" or name.endswith("_square") else read_sum
    for name in PairSums._fields
} | {"agreement": read_weight}
