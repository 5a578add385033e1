"""The campaign in Markdown, and what is printed of it."""

from __future__ import annotations

from bench import figures
from bench.figures import aligned
from bench.peers import OURS
from bench.peers.peer import HALVES

from .bars import FUNCTIONS, LOSS
from .exact import PRECISION
from .problems import DTYPES
from .records import CLASSES, REGIME, SETTING, Campaign, Record
from .regimes import REGIMES
from .settings import SETTINGS

LOST, NOT_FINITE, MISSING = "0 (all digits lost)", "inf", "-"
FULL_WIDTH = tuple(dtype for dtype in DTYPES if dtype not in HALVES)

PROMISE = """\
<!-- Written by `make accuracy`. -->
# Accuracy{of_what}

The worst error that `make accuracy` found, in **ulps**: distances between neighbouring numbers of \
the result's dtype at the exact value. 0.5 is what rounding the exact value costs. Promised are

{bars}

where p_k is the probability of the element's class. What is the difference of two terms is \
counted in ulps of the larger: a gradient of A p_k and c_k (at the label of class indices of \
(A - c) p and c (1 - p), so that no digit of 1 - p may be missing), log_sum_exp of the largest \
logit and of itself. Of float16 and bfloat16 logits, losses and log_sum_exp are float32; the rest \
is rounded to the logits' dtype, which costs half an ulp more. A mean of float32 rows is a Python \
float, counted in ulps of float32.

**{lost}** says that a result is 0 where the exact value is not, though the dtype can hold it; \
**{not_finite}** that it is nan or infinite where the exact value is finite; **{missing}** that \
the library has no such function. A cell is the worst of {classes} classes and of all settings \
that the library has: {settings}. *Of the bar* is how much of its promise smoothxent's worst \
result needs. Peers are asked as their users would: PyTorch's cross_entropy, TensorFlow's two with \
logits, optax's formulas in JAX, SciPy's log_softmax, the textbook in NumPy; they get float16 and \
bfloat16 logits widened to float32, and their matrices are rounded back. Exact values come from \
whole-number arithmetic of {bits} bits and mpmath.
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
    """Say whether every bar is kept, and name where it is not."""
    beyond = [
        f"{r.function} of {r.dtype}, {r.name} ({fraction_text(r).strip('*')} of the bar)"
        for r in campaign.broken(OURS)
    ]
    return f"Beyond its bar: {'; '.join(beyond)}." if beyond else "Every bar is kept."


def pages(campaign: Campaign) -> dict[str, str]:
    """Return the text of each page by its name."""
    return {
        "accuracy.md": _page(campaign, "", FULL_WIDTH),
        "accuracy_half.md": _page(campaign, " of float16 and bfloat16", HALVES),
    }


def _page(campaign: Campaign, of_what: str, dtypes: tuple[str, ...]) -> str:
    other = HALVES if dtypes == FULL_WIDTH else FULL_WIDTH
    page = "accuracy_half.md" if dtypes == FULL_WIDTH else "accuracy.md"
    promise = PROMISE.format(
        of_what=of_what,
        lost=LOST,
        not_finite=NOT_FINITE,
        missing=MISSING,
        bits=PRECISION,
        settings="; ".join(SETTINGS),
        classes=", ".join(campaign.names(CLASSES)),
        bars="\n".join(f"- {name}: {bar}" for name, bar in FUNCTIONS.items()),
    )
    regimes = _markdown(["regime", "what makes it hard"], [[r.name, r.why] for r in REGIMES])
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
            f"{heading(campaign)} Of {' and '.join(other)}: [{page}]({page}).\n",
            f"## The regimes\n\n{regimes}",
            *tables,
        ]
    )


def _table(campaign: Campaign, function: str, dtype: str, by: str) -> str:
    libraries = list(campaign.versions)
    names = [name for name in campaign.names(by) if campaign.find(OURS, function, dtype, by, name)]
    rows: list[list[str]] = []
    for name in names:
        found = {
            library: campaign.find(library, function, dtype, by, name) for library in libraries
        }
        rows.append([name, fraction_text(found[OURS]), *map(ulps_text, found.values())])
    return _markdown([by, "of the bar", *libraries], rows) if rows else ""


def _markdown(header: list[str], rows: list[list[str]]) -> str:
    numbers = len(header) > 2
    return figures.markdown(header, rows, left=1 if numbers else len(header)) + "\n"


def heading(campaign: Campaign) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in campaign.versions.items())
    return (
        f"{campaign.cpu}, {campaign.instruction_set}; {versions}, Python {campaign.python}; "
        f"{campaign.day}. {campaign.judged:,} arrays of smoothxent's were judged."
    )


def summary(campaign: Campaign) -> str:
    """One line a function and dtype: the worst of every regime, for the terminal."""
    lines = [["function", "dtype", "of the bar", *campaign.versions]]
    for function in FUNCTIONS:
        for dtype in DTYPES:
            worst = [_worst(campaign, library, function, dtype) for library in campaign.versions]
            if worst[0]:
                lines.append([function, dtype, fraction_text(worst[0]), *map(ulps_text, worst)])
    return aligned(lines, left=2)


def _worst(campaign: Campaign, library: str, function: str, dtype: str) -> Record | None:
    found = [
        r
        for r in campaign.records
        if r.by == REGIME and (r.library, r.function, r.dtype) == (library, function, dtype)
    ]
    # Infinite before lost before large; None in `fraction` stands for infinity.
    return max(found, default=None, key=lambda r: (r.ulps is None, r.zero, r.ulps or 0))
