"""The tables of a comparison."""

import math

from smoothxent._arguments.options import TRANSFORMS
from smoothxent._comparison.pair_metrics import PairMetrics
from smoothxent._comparison.settings import NAMES
from smoothxent._evaluation.table import counts, is_weighted, label, rows, with_error
from smoothxent._reports.numbers import amount, number, signed
from smoothxent._reports.report import Section

CHANGE = "label's probability, B - A"
CONFIDENCE = 0.95  # of the interval that leaves out 0 if the title says better or worse


def title(comparison: PairMetrics, interval: float | None) -> str:
    """Return the title of the tables, and what they say about the loss."""
    lines = [f"Comparison of A and B on {rows(comparison.a)}"]
    if comparison.names != NAMES:
        lines += [f"{letter}: {name}" for letter, name in zip(NAMES, comparison.names, strict=True)]
    if comparison.a.count:
        lines.append(verdict(comparison, interval))
    return "\n".join(lines)


def verdict(comparison: PairMetrics, interval: float | None) -> str:
    """Return a sentence about the difference of the nll, with its error or its interval."""
    name, mean = "nll_difference", comparison.nll_difference
    if math.isnan(mean):
        return "B and A can't be compared: the difference of a row's nll is nan"
    low, high = comparison.interval(name, CONFIDENCE)
    start, sign, factor = "B is not clearly better or worse:", "+", 1
    if low > 0 or mean == math.inf:
        start, sign = "B is worse by", ""
    elif high < 0 or mean == -math.inf:
        start, sign, factor = "B is better by", "", -1
    value, error = with_error(comparison, name, interval, sign, factor)
    shown = f"{value} {error}".rstrip() if interval is None else error or value
    return f"{start} {shown} nats"


def line(comparison: PairMetrics) -> str:
    """Return one line with the number of rows and, if there are any, two metrics of pairs."""
    shown = counts(comparison.a)
    if comparison.a.count:
        difference = signed(comparison.nll_difference)
        shown += f", nll B - A {difference}, same top class {number(comparison.agreement)}"
    return f"Comparison({shown})"


def sections(comparison: PairMetrics, interval: float | None) -> list[Section]:
    """Return the metrics of both, those of pairs of rows, and quantiles, if there are rows."""
    if not comparison.a.count:
        return []
    head = ("metric", *NAMES, "B - A", "")
    changes = comparison.probability_change_quantiles
    quantiles = [
        (_share(share), number(kl), signed(changes[share]))
        for share, kl in comparison.kl_quantiles.items()
    ]
    return [
        Section(_lines(comparison, interval), head, has_notes=True),
        Section(_pairs(comparison, interval), has_notes=True),
        Section(quantiles, ("quantile", "KL of B from A", CHANGE)),
    ]


def _lines(comparison: PairMetrics, interval: float | None) -> list[tuple[str, ...]]:
    """Return name, value of a, value of b, difference and its error of each metric."""
    a, b = comparison.a, comparison.b
    names = ["loss"] if a.label_smoothing else []
    names += ["nll", "perplexity", "accuracy", *(f"top_{k}" for k in a.top_k if k != 1)]
    names += ["entropy", "confidence", "brier", "calibration_error"]
    shown = _options(comparison)
    for name in names:
        if (paired := f"{name}_difference") in comparison._names():
            ours, theirs = a._mean(name), b._mean(name)
            difference = with_error(comparison, paired, interval, "+")
        else:
            ours, theirs = getattr(a, name), getattr(b, name)
            difference = signed(theirs - ours), ""
        shown.append((label(name), number(ours), number(theirs), *difference))
    if a.nan_rows or b.nan_rows:
        more = f"{b.nan_rows - a.nan_rows:+,}"
        shown.append(("nan rows", f"{a.nan_rows:,}", f"{b.nan_rows:,}", more, ""))
    if is_weighted(a):
        shown.append(("weight", number(a.weight), number(b.weight), "", ""))
    return shown


def _pairs(comparison: PairMetrics, interval: float | None) -> list[tuple[str, ...]]:
    """Return the metrics of the pairs of rows."""
    unit = "" if is_weighted(comparison.a) else "rows"
    return [
        ("same top class", *with_error(comparison, "agreement", interval)),
        ("only B right", amount(comparison.wins), unit),
        ("only A right", amount(comparison.losses), unit),
        ("KL of B from A", *with_error(comparison, "kl", interval)),
        (CHANGE, *with_error(comparison, "probability_change", interval, "+")),
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
