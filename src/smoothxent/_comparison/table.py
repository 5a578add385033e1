"""The tables of a comparison as text (80 columns), HTML and Markdown."""

import math
from html import escape
from typing import NamedTuple

from smoothxent._arguments.options import TRANSFORMS
from smoothxent._comparison.groups.compared_groups import ComparedGroups
from smoothxent._comparison.pair_metrics import PairMetrics
from smoothxent._comparison.settings import NAMES
from smoothxent._evaluation.report.columns import STYLE, deviation, html_table, number
from smoothxent._evaluation.report.table import counts, plural, rows

DIFFERENCE = "B - A"


class Line(NamedTuple):
    """One metric: name, value of a, value of b, difference and its standard error."""

    name: str
    a: str
    b: str
    difference: str = ""
    stderr: str = ""


class PairLine(NamedTuple):
    """One metric of the pairs of rows: name, number, standard error."""

    name: str
    number: str
    stderr: str = ""


class Quantile(NamedTuple):
    """One share of the rows, and the quantiles at it."""

    share: str
    kl: str
    change: str


QUANTILE_HEAD = Quantile("quantile", "KL of B from A", "label's probability, B - A")


def text(comparison: PairMetrics) -> str:
    """Return the title and, if there are rows, the metrics, the pairs and the quantiles."""
    legend = [f"{letter}  {name}" for letter, name in zip(NAMES, comparison.names, strict=True)]
    head = [title(comparison), *(legend if comparison.names != NAMES else [])]
    head += errors_by_group(comparison)
    if not comparison.a.count:
        return "\n".join(head)
    metrics = [
        f"{line.name:<18}{line.a:>12}{line.b:>12}{line.difference:>12}{line.stderr}".rstrip()
        for line in (Line("", *NAMES, DIFFERENCE), *lines(comparison))
    ]
    both = [f"{name:<30}{number:>12}{stderr}" for name, number, stderr in pairs(comparison)]
    shares = [
        f"{share:<18}{kl:>24}{change:>30}"
        for share, kl, change in (QUANTILE_HEAD, *quantiles(comparison))
    ]
    return "\n\n".join(map("\n".join, (head, metrics, both, shares)))


def line(comparison: PairMetrics) -> str:
    """Return one line with the number of rows and, if there are any, two metrics of pairs."""
    shown = counts(comparison.a)
    if comparison.a.count:
        difference = _signed(comparison.nll_difference)
        shown += f", nll B - A {difference}, same top class {number(comparison.agreement)}"
    return f"Comparison({shown})"


def markdown(comparison: PairMetrics) -> str:
    """Return three Markdown tables: the metrics of a and b, those of pairs, and quantiles."""
    a, b = (head.replace("|", r"\|") for head in heads(comparison))
    return "\n".join(
        [
            title(comparison),
            "",
            *(each for line in errors_by_group(comparison) for each in (line, "")),
            f"| metric | {a} | {b} | {DIFFERENCE} |",
            "|---|--:|--:|---|",
            *(f"| {' | '.join(cells)} |" for cells in _cells(comparison)),
            "",
            "| A and B | |",
            "|---|---|",
            *(f"| {name} | {value}{stderr} |" for name, value, stderr in pairs(comparison)),
            "",
            f"| {' | '.join(QUANTILE_HEAD)} |",
            "|---|--:|--:|",
            *(f"| {' | '.join(each)} |" for each in quantiles(comparison)),
            "",
        ]
    )


def html(comparison: PairMetrics) -> str:
    """Return the title and, if there are rows, the metrics, the pairs and the quantiles."""
    parts = [f"<strong>{escape(title(comparison))}</strong>"]
    if comparison.a.count:
        head = ["", *map(escape, heads(comparison)), DIFFERENCE, ""]
        shares = [(*each, "") for each in quantiles(comparison)]
        parts += [
            *(f"<p>{line}</p>" for line in errors_by_group(comparison)),
            html_table(head, lines(comparison)),
            html_table([], pairs(comparison)),
            html_table([*QUANTILE_HEAD, ""], shares),
        ]
    return f'<div class="smoothxent">{STYLE}{"".join(parts)}</div>'


def title(comparison: PairMetrics) -> str:
    """Return the title of the tables."""
    return f"Comparison of A and B on {rows(comparison.a)}"


def errors_by_group(comparison: PairMetrics) -> list[str]:
    """Return a line about the standard errors if they are those of groups of rows."""
    groups = comparison.groups
    return [] if groups is None else [f"standard errors by {plural(len(groups), 'group')}"]


def _errors(comparison: PairMetrics) -> PairMetrics | ComparedGroups:
    """Return the object that has the standard errors."""
    return comparison if comparison.groups is None else comparison.groups


def heads(comparison: PairMetrics) -> list[str]:
    """Return the letters of a and b, with their names if they have any."""
    if comparison.names == NAMES:
        return list(NAMES)
    return [f"{letter}: {name}" for letter, name in zip(NAMES, comparison.names, strict=True)]


def lines(comparison: PairMetrics) -> list[Line]:
    """Return the lines of the table of metrics; losses are in nats."""
    a, b, errors = comparison.a, comparison.b, _errors(comparison)
    paired = {
        "nll": (comparison.nll_difference, errors.nll_difference_stderr),
        "accuracy": (comparison.accuracy_difference, errors.accuracy_difference_stderr),
        "entropy": (comparison.entropy_difference, errors.entropy_difference_stderr),
        "confidence": (comparison.confidence_difference, errors.confidence_difference_stderr),
        "brier": (comparison.brier_difference, errors.brier_difference_stderr),
    }
    stderrs = errors.top_k_difference_stderr
    paired |= {f"top {k}": (each, stderrs[k]) for k, each in comparison.top_k_difference.items()}
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
    shown = _options(comparison)
    for name, (ours, theirs) in values.items():
        difference, stderr = paired.get(name, (theirs - ours, math.nan))
        numbers = number(ours), number(theirs), _signed(difference)
        shown.append(Line(name, *numbers, deviation(stderr)))
    if a.nan_rows or b.nan_rows:
        more = f"{b.nan_rows - a.nan_rows:+,}"
        shown.append(Line("nan rows", f"{a.nan_rows:,}", f"{b.nan_rows:,}", more))
    if a.weight != a.count:
        shown.append(Line("weight", number(a.weight), number(b.weight)))
    return shown


def pairs(comparison: PairMetrics) -> list[PairLine]:
    """Return the metrics of the pairs."""
    errors = _errors(comparison)
    return [
        PairLine(
            "same top class", number(comparison.agreement), deviation(errors.agreement_stderr)
        ),
        PairLine("KL of B from A", number(comparison.kl), deviation(errors.kl_stderr)),
        PairLine(
            "label's probability, B - A",
            _signed(comparison.probability_change),
            deviation(errors.probability_change_stderr),
        ),
        PairLine("its root mean square", number(comparison.probability_change_rms)),
    ]


def quantiles(comparison: PairMetrics) -> list[Quantile]:
    """Return the quantiles over the rows."""
    changes = comparison.probability_change_quantiles
    return [
        Quantile(_share(share), number(kl), _signed(changes[share]))
        for share, kl in comparison.kl_quantiles.items()
    ]


def _options(comparison: PairMetrics) -> list[Line]:
    """Return the transforms of the logits that are not the default for both."""
    of_a, of_b = (each._totals.settings for each in (comparison.a, comparison.b))
    changed = of_a.changed() | of_b.changed()
    values = {name: (of_a.by_name()[name], of_b.by_name()[name]) for name in TRANSFORMS}
    return [Line(name, *map(_setting, values[name])) for name in TRANSFORMS if name in changed]


def _setting(value: object) -> str:
    return "none" if value is None else f"{value:g}"


def _cells(comparison: PairMetrics) -> list[tuple[str, str, str, str]]:
    """Return the lines of the table of metrics with standard errors next to differences."""
    return [(*line[:3], line.difference + line.stderr) for line in lines(comparison)]


def _signed(value: float) -> str:
    return f"{'' if value < 0 or math.isnan(value) else '+'}{number(value)}"


def _share(share: float) -> str:
    return {0.0: "least", 1.0: "most"}.get(share, f"{100 * share:g} %")
