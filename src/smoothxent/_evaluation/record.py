"""An evaluation as a dict for JSON, with exact sums as text, so that nothing is lost.

A record is checked completely when it is read: it may be from another machine, or edited by hand.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar, cast

from smoothxent._arguments.options import (
    TRANSFORMS,
    check_label_smoothing,
    check_real,
    check_transforms,
    given_transforms,
)
from smoothxent._evaluation.exact import ZERO, Exact
from smoothxent._evaluation.metrics import Metrics
from smoothxent._evaluation.settings import Settings
from smoothxent._evaluation.totals import HISTOGRAM_SIZE, BinTotals, Sums, Totals

FORMAT, VERSION = "smoothxent.Evaluation", 1

# For other programs. `totals_of` does not need them, but checks that they agree with the sums.
METRICS = (
    "loss",
    "nll",
    "nll_stderr",
    "perplexity",
    "accuracy",
    "entropy",
    "confidence",
    "brier",
    "calibration_error",
)

RANK = re.compile("[1-9][0-9]{0,39}")
# Tolerance of a metric that another version, or the exp of another machine, has computed.
NEAR = 1e-6
CHECKSUM = re.compile("([0-9a-f]{8})?")

Record: TypeAlias = Mapping[Any, object]
Value = TypeVar("Value")


def record_of(totals: Totals) -> dict[str, Any]:
    """Return the totals as a dict of str, int, float, list and dict, without nan and inf."""
    metrics, settings = Metrics(totals), totals.settings
    return {
        "format": FORMAT,
        "version": VERSION,
        "label_smoothing": settings.label_smoothing,
        **dict(zip(TRANSFORMS, settings.transforms, strict=True)),
        "prior": settings.prior,
        "class_weight": settings.class_weight,
        "count": totals.count,
        "ignored": totals.ignored,
        "metrics": {
            **{name: finite(getattr(metrics, name)) for name in METRICS},
            "top_k": {str(k): finite(share) for k, share in metrics.top_k.items()},
        },
        "sums": {name: str(total) for name, total in totals.sums._asdict().items()},
        "hits": {
            str(k): str(weight) for k, weight in zip(settings.top_k, totals.hits, strict=True)
        },
        "bins": [
            {
                "count": each.num_rows,
                "weight": str(each.weight),
                "confidence": str(each.confidence),
                "hits": str(each.hits),
            }
            for each in totals.bins
        ],
        "histogram": list(totals.histogram),
    }


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def totals_of(value: object) -> Totals:
    """Return the totals of a record of `record_of`; a ValueError names the wrong key."""
    given = _dict("record", value)
    _equal(given, "format", FORMAT)
    _equal(given, "version", VERSION)
    sums = _at(given, "sums", _dict)
    hits = _hits(_at(given, "hits", _dict))
    bins = _at(given, "bins", _list)
    read = Totals(
        settings=_settings(given, tuple(hits), len(bins)),
        count=_at(given, "count", _count),
        ignored=_at(given, "ignored", _count),
        sums=Sums(*(_at(sums, name, READERS[name], "sums.") for name in Sums._fields)),
        hits=tuple(hits.values()),
        bins=tuple(_bin(f"bins[{i}]", each) for i, each in enumerate(bins)),
        histogram=tuple(
            _count(f"histogram[{i}]", each) for i, each in enumerate(_at(given, "histogram", _list))
        ),
    )
    _consistent(read)
    made = record_of(read)
    _known("record", given, made)
    _known("sums", sums, made["sums"])
    for i, each in enumerate(bins):
        _known(f"bins[{i}]", _dict(f"bins[{i}]", each), made["bins"][i])
    _equal_metrics("metrics", given.get("metrics", {}), made["metrics"])
    return read


def _known(name: str, given: Record, made: Record) -> None:
    """Raise for keys that `record_of` does not make; keys of metrics may be missing."""
    for key in given:
        if key not in made:
            raise ValueError(f"{name} must have only keys of to_dict, got {key!r}")


def _equal_metrics(name: str, value: object, made: Record) -> None:
    """Raise for metrics that do not agree with the totals."""
    given = _dict(name, value)
    _known(name, given, made)
    for key, metric in given.items():
        expected = made[key]
        if isinstance(expected, dict):
            _equal_metrics(f"{name}.{key}", metric, expected)
        elif not _is_near(metric, expected):
            rule = f"be {expected!r}, the value of the sums"
            raise ValueError(f"{name}.{key} must {rule}, got {metric!r}")


def _is_near(value: object, expected: object) -> bool:
    if not isinstance(expected, float) or type(value) not in {int, float}:
        return value is expected
    number = check_real("", cast(float, value))  # an integer may be too large for a float
    return math.isclose(number, expected, rel_tol=NEAR, abs_tol=NEAR)


def _consistent(read: Totals) -> None:
    """Raise for totals that no rows can have."""
    if not read.bins:
        raise ValueError("bins must hold at least one bin, got none")
    if len(read.histogram) != HISTOGRAM_SIZE:
        raise ValueError(f"histogram must hold {HISTOGRAM_SIZE} counts, got {len(read.histogram)}")
    for name, num_rows in (
        ("bins", sum(each.num_rows for each in read.bins)),
        ("histogram", sum(read.histogram)),
    ):
        if num_rows > read.count:
            raise ValueError(f"{name} must hold no more rows than count, got {num_rows}")
    weight = read.sums.weight.fraction()
    in_bins = sum((each.weight for each in read.bins), ZERO)
    if in_bins.fraction() > weight:
        raise ValueError(f"bins must hold no more weight than sums.weight, got '{in_bins}'")
    least, before = weight * 0, "0"
    for k, hits in zip(read.settings.top_k, read.hits, strict=True):
        if not least <= hits.fraction() <= weight:
            raise ValueError(f"hits.{k} must lie between {before} and sums.weight, got '{hits}'")
        least, before = hits.fraction(), f"hits.{k}"


def _settings(given: Record, top_k: tuple[int, ...], num_bins: int) -> Settings:
    try:
        transforms: Any = tuple(_at(given, name, _anything) for name in TRANSFORMS)
        return Settings(
            check_label_smoothing(_at(given, "label_smoothing", _anything)),
            given_transforms(check_transforms(transforms)),
            _at(given, "prior", _checksum),
            _at(given, "class_weight", _checksum),
            top_k,
            num_bins,
        )
    except TypeError as error:  # every error in a record is one of a value
        raise ValueError(str(error)) from None


def _hits(given: Record) -> dict[int, Exact]:
    for key in given:
        if not (isinstance(key, str) and RANK.fullmatch(key)):
            rule = "have positive integers of up to 40 digits as its keys"
            raise ValueError(f"hits must {rule}, got {key!r}")
    _at(given, "1", _weight, "hits.")
    return {k: _at(given, str(k), _weight, "hits.") for k in sorted(map(int, given))}


def _bin(name: str, value: object) -> BinTotals:
    given = _dict(name, value)
    each = BinTotals(
        _at(given, "count", _count, f"{name}."),
        *(_at(given, key, _weight, f"{name}.") for key in ("weight", "confidence", "hits")),
    )
    for key, total in (("confidence", each.confidence), ("hits", each.hits)):
        if total.fraction() > each.weight.fraction():
            raise ValueError(f"{name}.{key} must be no more than {name}.weight, got '{total}'")
    return each


def _at(given: Record, key: str, read: Callable[[str, object], Value], path: str = "") -> Value:
    if key not in given:
        raise ValueError(f"{path}{key} must be given, got none")
    return read(f"{path}{key}", given[key])


def _equal(given: Record, key: str, rule: object) -> None:
    value = _at(given, key, _anything)
    if type(value) is not type(rule) or value != rule:
        raise ValueError(f"{key} must be {rule!r}, got {value!r}")


def _anything(name: str, value: Any) -> Any:
    return value


def _dict(name: str, value: object) -> Record:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a dict, got {value!r}")
    return value


def _list(name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{name} must be a list, got {value!r}")
    return value


def _count(name: str, value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} must be an integer of 0 or more, got {value!r}")
    return value


def _checksum(name: str, value: object) -> str:
    if not (isinstance(value, str) and CHECKSUM.fullmatch(value)):
        raise ValueError(f"{name} must be '' or 8 hexadecimal digits, got {value!r}")
    return value


def _sum(name: str, value: object) -> Exact:
    try:
        if isinstance(value, str):
            return Exact.from_text(value)
    except ValueError:
        pass
    rule = "be an exact sum such as '0x1abcp-52', 'inf' or 'nan'"
    raise ValueError(f"{name} must {rule}, got {value!r}")


def _weight(name: str, value: object) -> Exact:
    weight = _sum(name, value)
    if weight.special or weight.units < 0:
        raise ValueError(f"{name} must be finite and not negative, got {value!r}")
    return weight


def _size(name: str, value: object) -> Exact:
    size = _sum(name, value)
    if size.units < 0:
        raise ValueError(f"{name} must be 0 or more, got {value!r}")
    return size


def _squares(name: str, value: object) -> Exact:
    squares = _size(name, value)
    if squares.special == "nan":
        raise ValueError(f"{name} must be 0 or more, got {value!r}")
    return squares


# Weights are never infinite or nan, but their squares may overflow. No total is negative except the
# loss with a prior, whose terms may cancel to a rounding error.
READERS = dict.fromkeys(("nll", "nll_square", "entropy", "confidence", "brier"), _size) | {
    "weight": _weight,
    "weight_square": _squares,
    "loss": _sum,
    "loss_weight": _weight,
}
