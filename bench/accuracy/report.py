"""The results as pages in Markdown, and as text for the terminal."""

from __future__ import annotations

from bench import figures
from bench.figures import aligned
from bench.peers import OURS
from bench.peers.peer import HALVES

from .bounds import FUNCTIONS, LOSS
from .breeding import BRED, WHY
from .exact import PRECISION
from .problems import DTYPES
from .records import CLASSES, REGIME, SETTING, Campaign, Record
from .regimes import REGIMES
from .settings import SETTINGS

LOST, NOT_FINITE, MISSING = "0 (all digits lost)", "inf", "-"
FULL_WIDTH = tuple(dtype for dtype in DTYPES if dtype not in HALVES)

PROMISE = """\
<!-- Written by `make accuracy`. -->
# {title}

The tables show the worst errors of `make accuracy`, in **ulps**: distances between neighbouring \
numbers of the result's dtype at the exact value. Rounding the exact value costs up to 0.5 ulp. \
smoothxent promises these bounds:

{bounds}

Here p_k is the probability of the element's class. If a formula subtracts two terms, the unit is \
the ulp of the larger term. For a gradient the terms are A p_k and c_k; for the class of an index \
label they are (A - c) p and c (1 - p), so that all digits of 1 - p count. For log_sum_exp the \
unit is the ulp of the largest logit or of the result, whichever is larger. float16 and bfloat16 \
logits have float32 losses and log_sum_exp; the other results are rounded to the dtype of the \
logits, which costs half an ulp more. A mean of float32 rows is a Python float, measured in ulps \
of float32.

- **{lost}**: the result is 0, but the exact value is not, and the dtype can represent it.
- **{not_finite}**: the result is nan or infinite, but the exact value is finite.
- **{missing}**: the library has no such function.

Each cell is the worst error for {classes} classes and for all settings that the library has: \
{settings}. *Of the bound* is smoothxent's worst error as a percentage of its bound. The code for \
the other libraries is that of their users: PyTorch's cross_entropy, TensorFlow's two \
cross-entropies with logits, optax's formulas in JAX, SciPy's log_softmax, the textbook formula in \
NumPy. They get float16 and bfloat16 logits widened to float32, and their matrices are rounded \
back. Exact values come from integer arithmetic of {bits} bits and mpmath.
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


def fraction_text(record: Record | None) -> str:
    if record is None:
        return MISSING
    if record.fraction is None:
        return f"**{NOT_FINITE}**"
    text = f"{record.fraction:.0%}"
    return f"**{text}**" if record.fraction > 1 else text


def standing(campaign: Campaign) -> str:
    """Return a sentence about the bounds, with each case that exceeds its bound."""
    exceeded = [
        f"{r.function} of {r.dtype}, {r.name} ({fraction_text(r).strip('*')} of the bound)"
        for r in campaign.exceeded(OURS)
    ]
    if exceeded:
        return f"These results exceed their bound: {'; '.join(exceeded)}."
    return "All results of smoothxent are within their bounds."


def pages(campaign: Campaign) -> dict[str, str]:
    """Return the text of each page by its name."""
    return {
        "accuracy.md": _page(campaign, "Accuracy", FULL_WIDTH),
        "accuracy_half.md": _page(campaign, "Accuracy of float16 and bfloat16", HALVES),
    }


def _page(campaign: Campaign, title: str, dtypes: tuple[str, ...]) -> str:
    other = HALVES if dtypes == FULL_WIDTH else FULL_WIDTH
    page = "accuracy_half.md" if dtypes == FULL_WIDTH else "accuracy.md"
    promise = PROMISE.format(
        title=title,
        lost=LOST,
        not_finite=NOT_FINITE,
        missing=MISSING,
        bits=PRECISION,
        settings="; ".join(SETTINGS),
        classes=", ".join(campaign.names(CLASSES)),
        bounds="\n".join(f"- {name}: {bound}" for name, bound in FUNCTIONS.items()),
    )
    regimes = _markdown(
        ["regime", "rows and their difficulty"], [*([r.name, r.why] for r in REGIMES), [BRED, WHY]]
    )
    tables = [
        f"## {function}, {dtype}\n\n{table}"
        for function in FUNCTIONS
        for dtype in dtypes
        if (table := _table(campaign, function, dtype, REGIME))
    ]
    tables += [
        f"## loss by setting, {dtype}\n\n{_table(campaign, LOSS, dtype, SETTING)}"
        for dtype in dtypes
    ]
    return "\n".join(
        [
            promise,
            f"**{standing(campaign)}**\n",
            f"{heading(campaign)} For {' and '.join(other)} see [{page}]({page}).\n",
            f"## The regimes\n\n{regimes}",
            *tables,
        ]
    )


def _table(campaign: Campaign, function: str, dtype: str, by: str) -> str:
    libraries = list(campaign.versions)
    names = [name for name in campaign.names(by) if campaign.find(OURS, function, dtype, by, name)]
    rows: list[list[str]] = []
    for name in names:
        records = {
            library: campaign.find(library, function, dtype, by, name) for library in libraries
        }
        rows.append([name, fraction_text(records[OURS]), *map(ulps_text, records.values())])
    return _markdown([by, "of the bound", *libraries], rows) if rows else ""


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    numbers = len(header) > 2
    return figures.markdown(header, rows, left=1 if numbers else len(header)) + "\n"


def heading(campaign: Campaign) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in campaign.versions.items())
    return (
        f"{campaign.cpu}, {campaign.instruction_set}; {versions}, Python {campaign.python}; "
        f"{campaign.day}. smoothxent returned {campaign.compared:,} arrays, each compared with "
        "its exact values."
    )


def summary(campaign: Campaign) -> str:
    """Return a line for each function and dtype with the worst error of all regimes."""
    lines = [["function", "dtype", "of the bound", *campaign.versions]]
    for function in FUNCTIONS:
        for dtype in DTYPES:
            worst = [_worst(campaign, library, function, dtype) for library in campaign.versions]
            if worst[0]:
                lines.append([function, dtype, fraction_text(worst[0]), *map(ulps_text, worst)])
    return aligned(lines, left=2)


def _worst(campaign: Campaign, library: str, function: str, dtype: str) -> Record | None:
    records = [
        r
        for r in campaign.records
        if r.by == REGIME and (r.library, r.function, r.dtype) == (library, function, dtype)
    ]
    # Infinite errors are worst, then lost results, then large errors.
    return max(records, default=None, key=lambda r: (r.ulps is None, r.zero, r.ulps or 0))
