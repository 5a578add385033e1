"""The tables of a comparison as text (80 columns) and Markdown."""

import math
from typing import NamedTuple

from smoothxent._arguments.options import TRANSFORMS
from smoothxent._comparison.pair_metrics import PairMetrics
from smoothxent._evaluation.columns import deviation, number
from smoothxent._evaluation.table import counts, rows


class Line(NamedTuple):
    """One metric: name, value of a, value of b, difference."""

    name: str
    a: str
    b: str
    difference: str


def text(comparison: PairMetrics) -> str:
    """Return the title and, if there are rows, the metrics, the pairs and the quantiles."""
    if not comparison.a.count:
        return title(comparison)
    head = Line("", "A", "B", "B - A")
    metrics = [
        f"{line.name:<18}{line.a:>12}{line.b:>12}{_aligned(line.difference)}".rstrip()
        for line in (head, *lines(comparison))
    ]
    shares = [
        f"KL of rows{''.join(f'{_share(share):>10}' for share in comparison.kl_quantiles)}",
        f"{'':10}{''.join(f'{_narrow(kl):>10}' for kl in comparison.kl_quantiles.values())}",
    ]
    both = [f"{name:<18}{value:>12}{stderr}" for name, value, stderr in pairs(comparison)]
    return "\n\n".join([title(comparison), *map("\n".join, (metrics, both, shares))])


def line(comparison: PairMetrics) -> str:
    """Return one line with the number of rows and, if there are any, two metrics of pairs."""
    shown = counts(comparison.a)
    if comparison.a.count:
        difference = _signed(comparison.nll_difference)
        shown += f", nll B - A {difference}, same top class {number(comparison.agreement)}"
    return f"Comparison({shown})"


def markdown(comparison: PairMetrics) -> str:
    """Return two Markdown tables: the metrics of a and b, and those of their pairs of rows."""
    both = [
        *((name, value + stderr) for name, value, stderr in pairs(comparison)),
        *((f"KL, {_share(share)}", number(kl)) for share, kl in comparison.kl_quantiles.items()),
    ]
    return "\n".join(
        [
            title(comparison),
            "",
            "| metric | A | B | B - A |",
            "|---|--:|--:|---|",
            *(f"| {' | '.join(line)} |" for line in lines(comparison)),
            "",
            "| A and B | |",
            "|---|---|",
            *(f"| {' | '.join(each)} |" for each in both),
            "",
        ]
    )


def title(comparison: PairMetrics) -> str:
    """Return the title of the tables."""
    return f"Comparison of A and B on {rows(comparison.a)}"


def lines(comparison: PairMetrics) -> list[Line]:
    """Return the lines of the table of metrics; losses are in nats."""
    a, b = comparison.a, comparison.b
    values = {
        **({"loss": (a.loss, b.loss)} if a.label_smoothing else {}),
        "nll": (a.nll, b.nll),
        "perplexity": (a.perplexity, b.perplexity),
        "accuracy": (a.accuracy, b.accuracy),
        **{f"top {k}": (a.top_k[k], b.top_k[k]) for k in a.top_k if k != 1},
        "entropy": (a.entropy, b.entropy),
        "confidence": (a.confidence, b.confidence),
        "brier": (a.brier, b.brier),
        "calibration error": (a.calibration_error, b.calibration_error),
    }
    changed = {**a._totals.settings.changed(), **b._totals.settings.changed()}
    of_a, of_b = (each._totals.settings.by_name() for each in (a, b))
    options = [
        Line(name, _setting(of_a[name]), _setting(of_b[name]), "")
        for name in TRANSFORMS
        if name in changed
    ]
    differences = {name: _signed(theirs - ours) for name, (ours, theirs) in values.items()}
    differences["nll"] = _signed(comparison.nll_difference)
    differences["nll"] += deviation(comparison.nll_difference_stderr)
    shown = [
        *options,
        *(
            Line(name, number(ours), number(theirs), differences[name])
            for name, (ours, theirs) in values.items()
        ),
    ]
    if a.nan_rows or b.nan_rows:
        more = f"{b.nan_rows - a.nan_rows:+,}"
        shown.append(Line("nan rows", f"{a.nan_rows:,}", f"{b.nan_rows:,}", more))
    return shown


def pairs(comparison: PairMetrics) -> list[tuple[str, str, str]]:
    """Return the metrics of the pairs: name, number and standard error."""
    return [
        ("same top class", number(comparison.agreement), ""),
        ("KL of B from A", number(comparison.kl), deviation(comparison.kl_stderr)),
    ]


def _setting(value: object) -> str:
    return "none" if value is None else f"{value:g}"


def _signed(value: float) -> str:
    return f"{'' if value < 0 or math.isnan(value) else '+'}{number(value)}"


def _aligned(difference: str) -> str:
    """Return the text with its number right-aligned; a standard error may follow."""
    value, space, stderr = difference.partition(" ±")
    return f"{value:>12}{space}{stderr}"


def _narrow(value: float) -> str:
    """Return a number in at most nine characters."""
    text = number(value)
    return text if len(text) <= len("1234.5678") else f"{value:.2e}"


def _share(share: float) -> str:
    return {0.0: "least", 1.0: "most"}.get(share, f"{100 * share:g} %")
