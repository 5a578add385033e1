"""The tables of a comparison."""

import math
from collections.abc import Callable
from typing import TypeAlias

from smoothxent._arguments.options import TRANSFORMS
from smoothxent._comparison.pair_metrics import PairMetrics
from smoothxent._comparison.settings import NAMES
from smoothxent._evaluation.metrics import MEANS
from smoothxent._evaluation.table import counts, is_weighted, rows, with_error
from smoothxent._reports.numbers import amount, measured, number, signed
from smoothxent._reports.report import Section

DIFFERENCE = "B - A"
CONFIDENCE = 0.95  # of the interval that leaves out 0 if the title says better or worse

Intervals: TypeAlias = Callable[[str], tuple[float, float]] | None  # of a metric, by its name


def title(comparison: PairMetrics) -> str:
    """Return the title of the tables, and what they say about the loss."""
    groups = comparison.groups
    shown = rows(comparison.a, None if groups is None else len(groups.ids))
    lines = [f"Comparison of A and B on {shown}"]
    if comparison.names != NAMES:
        lines += [f"{letter}: {name}" for letter, name in zip(NAMES, comparison.names, strict=True)]
    if comparison.a.count:
        lines.append(verdict(comparison))
    return "\n".join(lines)


def verdict(comparison: PairMetrics) -> str:
    """Return a sentence about the difference of the nll."""
    mean, stderr = comparison._measured("nll_difference")
    if math.isnan(mean):
        return "B and A can't be compared: the difference of a row's nll is nan"
    low, high = comparison.interval("nll_difference", CONFIDENCE)
    if low > 0 or high < 0 or math.isinf(mean):
        shown = " ".join(measured(abs(mean), stderr)).rstrip()
        return f"B is {'worse' if mean > 0 else 'better'} by {shown} nats"
    shown = " ".join(measured(mean, stderr, "+")).rstrip()
    return f"B is neither better nor worse, as far as these rows tell: {shown} nats"


def line(comparison: PairMetrics) -> str:
    """Return one line with the number of rows and, if there are any, two metrics of pairs."""
    shown = counts(comparison.a)
    if comparison.a.count:
        difference = signed(comparison.nll_difference)
        shown += f", nll B - A {difference}, same top class {number(comparison.agreement)}"
    return f"Comparison({shown})"


def sections(comparison: PairMetrics, interval: Intervals) -> list[Section]:
    """Return the metrics of both, those of pairs of rows, and quantiles, if there are rows."""
    if not comparison.a.count:
        return []
    head = ("metric", *NAMES, DIFFERENCE, "")
    return [
        Section(_lines(comparison, interval), head, has_notes=True),
        Section(_pairs(comparison, interval), has_notes=True),
        Section(
            [
                (_share(share), number(kl), signed(change))
                for (share, kl), change in zip(
                    comparison.kl_quantiles.items(),
                    comparison.probability_change_quantiles.values(),
                    strict=True,
                )
            ],
            ("quantile", "KL of B from A", "label's probability, B - A"),
        ),
    ]


def _lines(comparison: PairMetrics, interval: Intervals) -> list[tuple[str, ...]]:
    """Return name, value of a, value of b, difference and its error of each metric."""
    a, b = comparison.a, comparison.b
    values = {
        **({"loss": (a.loss, b.loss)} if a.label_smoothing else {}),
        "nll": (a.nll, b.nll),
        "perplexity": (a.perplexity, b.perplexity),
        **{f"top_{k}": (a.top_k[k], b.top_k[k]) for k in a.top_k},
        "entropy": (a.entropy, b.entropy),
        "confidence": (a.confidence, b.confidence),
        "brier": (a.brier, b.brier),
        "calibration_error": (a.calibration_error, b.calibration_error),
    }
    shown = _options(comparison)
    for name, (ours, theirs) in values.items():
        paired = f"{name}_difference"
        if paired in comparison._names():
            difference = _measured(comparison, paired, interval, "+")
        else:
            difference = signed(theirs - ours), ""
        shown.append((_label(name), number(ours), number(theirs), *difference))
    if a.nan_rows or b.nan_rows:
        more = f"{b.nan_rows - a.nan_rows:+,}"
        shown.append(("nan rows", f"{a.nan_rows:,}", f"{b.nan_rows:,}", more, ""))
    if is_weighted(a):
        shown.append(("weight", number(a.weight), number(b.weight), "", ""))
    return shown


def _label(name: str) -> str:
    if name.startswith("top_") and name != "top_1":
        return f"top-{name.removeprefix('top_')} accuracy"
    return MEANS.get(name.replace("top_1", "accuracy"), name.replace("_", " "))


def _measured(
    comparison: PairMetrics, name: str, interval: Intervals, sign: str = ""
) -> tuple[str, str]:
    mean, stderr = comparison._measured(name)
    return with_error(mean, stderr, interval and interval(name), sign)


def _pairs(comparison: PairMetrics, interval: Intervals) -> list[tuple[str, ...]]:
    """Return the metrics of the pairs of rows."""
    unit = "" if is_weighted(comparison.a) else "rows"
    return [
        ("same top class", *_measured(comparison, "agreement", interval)),
        ("only B right", amount(comparison.wins), unit),
        ("only A right", amount(comparison.losses), unit),
        ("KL of B from A", *_measured(comparison, "kl", interval)),
        ("label's probability, B - A", *_measured(comparison, "probability_change", interval, "+")),
        ("its root mean square", number(comparison.probability_change_rms), ""),
    ]


def _options(comparison: PairMetrics) -> list[tuple[str, ...]]:
    """Return the transforms of the logits that are not the default for both."""
    of_a, of_b = (each._totals.settings for each in (comparison.a, comparison.b))
    changed = of_a.changed() | of_b.changed()
    values = {name: (of_a.by_name()[name], of_b.by_name()[name]) for name in TRANSFORMS}
    return [
        (name, *("none" if value is None else f"{value:g}" for value in values[name]), "", "")
        for name in TRANSFORMS
        if name in changed
    ]


def _share(share: float) -> str:
    return {0.0: "min", 1.0: "max"}.get(share, f"{100 * share:g} %")
