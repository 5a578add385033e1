"""The results as a page in Markdown, and as text for the terminal."""

from __future__ import annotations

from bench import figures
from bench.peers import OURS

from .bounds import FUNCTIONS
from .breeding import BRED, WHY
from .exact import PRECISION
from .problems import DTYPES
from .records import CLASSES, REGIME, SETTING, Campaign, Record
from .regimes import REGIMES
from .settings import SETTINGS

LOST, NOT_FINITE, MISSING = "lost", "inf", "-"

PAGE = """\
<!-- Written by `make accuracy`. -->
# Accuracy

`make accuracy` compares results with exact values. Errors are in **ulps**: distances between \
neighbouring numbers of the result's dtype at the exact value. Rounding the exact value costs up \
to 0.5 ulp. smoothxent promises these bounds:

{bounds}

Here p_k is the probability of the element's class. If a formula subtracts two terms, the unit is \
the ulp of the larger term. For a gradient the terms are A p_k and c_k; for the class of an index \
label they are (A - c) p and c (1 - p), so that all digits of 1 - p count. For log_sum_exp the \
unit is the ulp of the largest logit or of the result, whichever is larger. float16 and bfloat16 \
logits have float32 losses and log_sum_exp; the other results are rounded to the dtype of the \
logits, which costs half an ulp more. A mean of float32 rows is a Python float, measured in ulps \
of float32. A probability below the normal numbers may be returned as 0, which is an error of many \
ulps.

![Errors of all libraries as multiples of smoothxent's bounds, in each regime](accuracy.png)

## The worst cases

A row has the worst errors in ulps over all regimes, {classes} classes, and all settings that the \
library has: {settings}. *Of the bound* is smoothxent's largest error as a percentage of its \
bound, and *where* the regime and the setting of this error.

- **{lost}**: the result is 0 (all digits are lost), but the exact value is not, and the dtype can \
represent it.
- **{not_finite}**: the result is nan or infinite, but the exact value is finite.
- **{missing}**: the library has no such function.

{table}

**{standing}** {heading}

The code for the other libraries is that of their users: PyTorch's cross_entropy, TensorFlow's two \
cross-entropies with logits, optax's formulas in JAX, SciPy's log_softmax, the textbook formula in \
NumPy. They get float16 and bfloat16 logits widened to float32, and their matrices are rounded \
back. Exact values come from integer arithmetic of {bits} bits and mpmath. The worst errors in \
each regime and setting are in [accuracy.json](../bench/results/accuracy.json).

## The regimes

{regimes}
"""


def ulps_text(record: Record | None) -> str:
    if record is None:
        return MISSING
    if record.ulps is None:
        return NOT_FINITE
    if record.zero:
        return LOST
    return _three_digits(record.ulps)


def _three_digits(value: float) -> str:
    if value >= 99_999.5:
        return f"{value:.0e}".replace("e+0", "e").replace("+", "")
    return f"{value:,.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def fraction_text(record: Record) -> str:
    return NOT_FINITE if record.fraction is None else f"{record.fraction:.0%}"


def standing(campaign: Campaign) -> str:
    """Return a sentence about the bounds, with each case that exceeds its bound."""
    exceeded = [
        f"{r.function} of {r.dtype}, {r.name} ({fraction_text(r)} of the bound)"
        for r in campaign.exceeded(OURS)
    ]
    if exceeded:
        return f"These results exceed their bound: {'; '.join(exceeded)}."
    return "All results of smoothxent are within their bounds."


def page(campaign: Campaign) -> str:
    """Return the text of docs/accuracy.md."""
    header, *lines = table(campaign)
    return PAGE.format(
        lost=LOST,
        not_finite=NOT_FINITE,
        missing=MISSING,
        bits=PRECISION,
        settings="; ".join(SETTINGS),
        classes=", ".join(campaign.names(CLASSES)),
        bounds="\n".join(f"- {name}: {bound}" for name, bound in FUNCTIONS.items()),
        table=figures.markdown(header, lines, left=4),
        standing=standing(campaign),
        heading=heading(campaign),
        regimes=figures.markdown(
            ["regime", "rows and their difficulty"],
            [*([r.name, r.why] for r in REGIMES), [BRED, WHY]],
            left=2,
        ),
    )


def heading(campaign: Campaign) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in campaign.versions.items())
    return (
        f"{campaign.cpu}, {campaign.instruction_set}; {versions}, Python {campaign.python}; "
        f"{campaign.day}. smoothxent returned {campaign.compared:,} arrays, each compared with "
        "its exact values."
    )


def summary(campaign: Campaign) -> str:
    return figures.aligned(table(campaign), left=4)


def table(campaign: Campaign) -> list[list[str]]:
    """Return a header, and a line for each function and dtype with the worst errors."""
    lines = [["function", "dtype", "of the bound", "where", *campaign.versions]]
    for function in FUNCTIONS:
        for dtype in DTYPES:
            groups = [campaign.select(OURS, function, dtype, by) for by in (REGIME, SETTING)]
            nearest = [max(records, key=_fraction) for records in groups if records]
            if nearest:
                worst = (
                    max(campaign.select(each, function, dtype, REGIME), default=None, key=_size)
                    for each in campaign.versions
                )
                where = "; ".join(record.name for record in nearest)
                lines.append(
                    [function, dtype, fraction_text(nearest[0]), where, *map(ulps_text, worst)]
                )
    return lines


def _fraction(record: Record) -> tuple[bool, float]:
    return record.fraction is None, record.fraction or 0


def _size(record: Record) -> tuple[bool, bool, float]:
    """Return a key: infinite errors are worst, then lost results, then large errors."""
    return record.ulps is None, record.zero, record.ulps or 0
