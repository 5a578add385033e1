"""An evaluation as a dict for JSON, with exact sums as text, so that nothing is lost.

A record is checked completely when it is read: it may be from another machine, or edited by hand.
"""

from typing import Any

from smoothxent._arguments.options import (
    TRANSFORMS,
    check_label_smoothing,
    check_transforms,
    given_transforms,
)
from smoothxent._evaluation.classes import record as classes
from smoothxent._evaluation.metrics import Metrics
from smoothxent._evaluation.readers import (
    Record,
    at,
    check_equal,
    check_keys,
    check_metrics,
    finite,
    read_anything,
    read_checksum,
    read_count,
    read_dict,
    read_hits,
    read_list,
    read_size,
    read_squares,
    read_sum,
    read_weight,
)
from smoothxent._evaluation.settings import Settings
from smoothxent._evaluation.sums.exact import ZERO, Exact
from smoothxent._evaluation.totals import HISTOGRAM_SIZE, BinTotals, Sums, Totals

FORMAT, VERSION = "smoothxent.Evaluation", 3

# For other programs. `totals_of` does not need them, but checks that they agree with the sums.
METRICS = (
    "loss",
    "nll",
    "nll_stderr",
    "perplexity",
    "accuracy",
    "accuracy_stderr",
    "entropy",
    "entropy_stderr",
    "confidence",
    "confidence_stderr",
    "brier",
    "brier_stderr",
    "calibration_error",
)
OF_RANKS = ("top_k", "top_k_stderr")


def record_of(totals: Totals) -> dict[str, Any]:
    """Return the totals as a dict of str, int, float, list and dict, without nan and inf."""
    metrics, settings = Metrics(totals), totals.settings
    return {
        "format": FORMAT,
        "version": VERSION,
        "num_classes": settings.num_classes,
        "label_smoothing": settings.label_smoothing,
        **dict(zip(TRANSFORMS, settings.transforms, strict=True)),
        "prior": settings.prior,
        "class_weight": settings.class_weight,
        "count": totals.count,
        "ignored": totals.ignored,
        "metrics": {
            **{name: finite(getattr(metrics, name)) for name in METRICS},
            **{
                name: {str(k): finite(value) for k, value in getattr(metrics, name).items()}
                for name in OF_RANKS
            },
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
        "classes": classes.record_of(totals.classes),
    }


def totals_of(value: object) -> Totals:
    """Return the totals of a record of `record_of`; a ValueError names the wrong key."""
    given = read_dict("record", value)
    check_equal(given, "format", FORMAT)
    check_equal(given, "version", VERSION)
    sums = at(given, "sums", read_dict)
    hits = at(given, "hits", read_hits)
    bins = at(given, "bins", read_list)
    read = Totals(
        settings=_settings(given, tuple(hits), len(bins)),
        count=at(given, "count", read_count),
        ignored=at(given, "ignored", read_count),
        sums=Sums(**{name: at(sums, name, READERS[name], "sums.") for name in Sums._fields}),
        hits=tuple(hits.values()),
        bins=tuple(_bin(f"bins[{i}]", each) for i, each in enumerate(bins)),
        histogram=tuple(
            read_count(f"histogram[{i}]", each)
            for i, each in enumerate(at(given, "histogram", read_list))
        ),
        classes=classes.totals_of("classes", at(given, "classes", read_anything)),
    )
    _consistent(read)
    made = record_of(read)
    check_keys("record", given, made)
    check_keys("sums", sums, made["sums"])
    for i, each in enumerate(bins):
        check_keys(f"bins[{i}]", read_dict(f"bins[{i}]", each), made["bins"][i])
    check_metrics("metrics", given.get("metrics", {}), made["metrics"])
    return read


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
    num_classes = read.settings.num_classes
    if (read.count or read.ignored) and not num_classes:
        raise ValueError("num_classes must be at least 1 for rows, got 0")
    if read.classes is not None:
        if read.classes.num_classes != num_classes:
            rule = f"be {read.classes.num_classes}, as many as classes have"
            raise ValueError(f"num_classes must {rule}, got {num_classes}")
        sums = read.sums
        classes.check_sums(read.classes, read.count, sums.weight, read.hits[0], sums.nll)
    weight = read.sums.weight.fraction()
    in_bins = sum((each.weight for each in read.bins), ZERO)
    if in_bins.fraction() > weight:
        raise ValueError(f"bins must hold no more weight than sums.weight, got '{in_bins}'")
    least, before = weight * 0, "0"
    for k, hits in zip(read.settings.top_k, read.hits, strict=True):
        if not least <= hits.fraction() <= weight:
            raise ValueError(f"hits.{k} must lie between {before} and sums.weight, got '{hits}'")
        least, before = hits.fraction(), f"hits.{k}"
    for name in ("confidence_square", "hit_confidence"):
        total = getattr(read.sums, name)
        if total.special and not read.sums.confidence.special:
            raise ValueError(f"sums.{name} must be finite as sums.confidence is, got '{total}'")
    of_hits = read.sums.hit_confidence
    if not of_hits.special and of_hits.fraction() > read.hits[0].fraction():
        raise ValueError(f"sums.hit_confidence must be no more than hits.1, got '{of_hits}'")


def _settings(given: Record, top_k: tuple[int, ...], num_bins: int) -> Settings:
    try:
        transforms: Any = tuple(at(given, name, read_anything) for name in TRANSFORMS)
        return Settings(
            check_label_smoothing(at(given, "label_smoothing", read_anything)),
            given_transforms(check_transforms(transforms)),
            at(given, "prior", read_checksum),
            at(given, "class_weight", read_checksum),
            top_k,
            num_bins,
            at(given, "num_classes", read_count),
        )
    except TypeError as error:  # every error in a record is one of a value
        raise ValueError(str(error)) from None


def _bin(name: str, value: object) -> BinTotals:
    given = read_dict(name, value)
    each = BinTotals(
        at(given, "count", read_count, f"{name}."),
        *(at(given, key, read_weight, f"{name}.") for key in ("weight", "confidence", "hits")),
    )
    for key, total in (("confidence", each.confidence), ("hits", each.hits)):
        if total.fraction() > each.weight.fraction():
            raise ValueError(f"{name}.{key} must be no more than {name}.weight, got '{total}'")
    return each


def _loss(name: str, value: object) -> Exact:
    loss = read_sum(name, value)
    if loss.special == "-inf":
        raise ValueError(f"{name} must be finite, 'inf' or 'nan', got '-inf'")
    return loss


# Weights are never infinite or nan, but their squares may overflow. No total is negative except the
# loss with a prior, whose terms may cancel to a rounding error.
READERS = dict.fromkeys(Sums._fields, read_size) | {
    "weight": read_weight,
    "weight_square": read_squares,
    "loss": _loss,
    "loss_weight": read_weight,
}
