"""The tables of an evaluation as text (80 columns), HTML and Markdown."""

import math
from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import NamedTuple

from smoothxent._evaluation.classes import table as classes
from smoothxent._evaluation.metrics import MOST_SHOWN, Bin, Metrics
from smoothxent._evaluation.report.columns import STYLE, deviation, html_table, number

WIDTH = 80  # columns of text
BAR_WIDTH = 32
EIGHTHS = " ▏▎▍▌▋▊▉"


class Line(NamedTuple):
    """One metric: name, number, note."""

    name: str
    number: str
    note: str = ""


def text(metrics: Metrics, num_bytes: int | None = None) -> str:
    """Return the title and, if there are rows, the metrics and the bins with rows."""
    parts = [title(metrics)]
    if metrics.count:
        parts.append(text_of(lines(metrics, num_bytes)))
    filled = _filled_bins(metrics)
    if filled:
        counts = [f"{each.count:,}" for each in filled]
        width = max(len("rows"), *map(len, counts))
        most = max(each.count for each in filled)
        parts.append(
            "\n".join(
                [
                    f"confidence   mean  accuracy  {'rows':>{width}}",
                    *(
                        f"{_range(each)}  {each.confidence:.3f}  {each.accuracy:8.3f}  "
                        f"{count:>{width}}  {_bar(each.count / most)}".rstrip()
                        for each, count in zip(filled, counts, strict=True)
                    ),
                ]
            )
        )
    if metrics.classes is not None and metrics.count:
        parts.append(classes.text(metrics.classes))
    return "\n\n".join(parts)


def text_of(lines: Sequence[Line]) -> str:
    """Return lines with aligned numbers and notes."""
    width = max(len(line.name) for line in lines)
    indent = width + len("  0123456789  ")
    return "\n".join(
        f"{name:<{width}}  {number:>10}  {_folded(note, indent)}".rstrip()
        for name, number, note in lines
    )


def line(metrics: Metrics) -> str:
    """Return one line with the number of rows and, if there are any, two metrics."""
    shown = counts(metrics)
    if metrics.count:
        shown += f", nll {number(metrics.nll)}, accuracy {number(metrics.accuracy)}"
    return f"Evaluation({shown})"


def markdown(metrics: Metrics, num_bytes: int | None = None) -> str:
    """Return the metrics as a Markdown table."""
    parts = [title(metrics), "", markdown_of(lines(metrics, num_bytes)), ""]
    if metrics.classes is not None and metrics.count:
        parts += [classes.markdown(metrics.classes), ""]
    return "\n".join(parts)


def markdown_of(lines: Sequence[Line]) -> str:
    """Return lines as a Markdown table."""
    shown = [f"| {name} | {number} | {note} |" for name, number, note in lines]
    return "\n".join(["| metric | value | |", "|---|--:|---|", *shown])


def html(metrics: Metrics) -> str:
    """Return the title, the metrics and the bins with rows as HTML."""
    parts = [f"<strong>{escape(title(metrics))}</strong>"]
    if metrics.count:
        parts.append(html_of(lines(metrics)))
    filled = _filled_bins(metrics)
    if filled:
        most = max(each.count for each in filled)
        cells = [
            (
                _range(each),
                f"{each.confidence:.3f}",
                f"{each.accuracy:.3f}",
                f"{each.count:,}",
                f'<div class="bar" style="width: {100 * each.count / most:.1f}px"></div>',
            )
            for each in filled
        ]
        parts.append(html_table(["confidence", "mean", "accuracy", "rows", ""], cells))
    if metrics.classes is not None and metrics.count:
        parts.append(classes.html(metrics.classes))
    return f'<div class="smoothxent">{STYLE}{"".join(parts)}</div>'


def html_of(lines: Sequence[Line]) -> str:
    """Return lines as an HTML table."""
    return html_table([], [tuple(map(escape, line)) for line in lines])


def title(metrics: Metrics) -> str:
    """Return the title of the tables."""
    return f"Evaluation of {rows(metrics)}"


def rows(metrics: Metrics) -> str:
    """Return the numbers of rows and the unit of losses, for a title."""
    return counts(metrics) + "; losses in nats" * bool(metrics.count)


def counts(metrics: Metrics) -> str:
    """Return how many rows are counted and how many are ignored."""
    ignored = f", {metrics.ignored:,} more ignored" if metrics.ignored else ""
    return f"{plural(metrics.count, 'row')}{ignored}"


def lines(metrics: Metrics, num_bytes: int | None = None) -> list[Line]:
    """Return the lines of the table of metrics; losses are in nats."""
    nll = _mean("nll", metrics.nll, metrics.nll_stderr)
    stderr = metrics.top_k_stderr
    settings = ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else name
        for name, value in metrics._totals.settings.changed().items()
    )
    # Compared as text, because nan != nan.
    if str(metrics.loss) == str(metrics.nll) and not settings:
        losses = [nll._replace(name="loss (nll)")]
    else:
        losses = [Line("loss", number(metrics.loss), settings), nll]
    shown = [
        *losses,
        Line("perplexity", number(metrics.perplexity)),
        *([] if num_bytes is None else [_bits_per_byte(metrics, num_bytes)]),
        *(
            # All rows or none of a sample do not make the share certain.
            _mean("accuracy" if k == 1 else f"top {k}", share, stderr[k] or math.nan)
            for k, share in metrics.top_k.items()
        ),
        _mean("entropy", metrics.entropy, metrics.entropy_stderr),
        _mean("confidence", metrics.confidence, metrics.confidence_stderr),
        _mean("brier", metrics.brier, metrics.brier_stderr),
        Line(
            "calibration error",
            number(metrics.calibration_error),
            plural(len(metrics.bins), "bin"),
        ),
    ]
    if metrics.classes is not None:
        shown += [
            Line("balanced accuracy", number(metrics.classes.balanced_accuracy)),
            Line("macro F1", number(metrics.classes.macro_f1)),
        ]
    if metrics.nan_rows:
        note = "hold nan or +inf, or only -inf"
        shown.append(Line("nan rows", f"{metrics.nan_rows:,}", note))
    if metrics._totals.looks_like_probabilities:
        shown.append(Line("warning", "", "logits look like probabilities; use np.log(p)"))
    if metrics.weight != metrics.count:
        shown.append(Line("weight", number(metrics.weight)))
    return shown


def _mean(name: str, mean: float, stderr: float) -> Line:
    return Line(name, number(mean), deviation(stderr).strip())


def _bits_per_byte(metrics: Metrics, num_bytes: int) -> Line:
    return Line("bits per byte", number(metrics._bits(num_bytes)), plural(num_bytes, "byte"))


def plural(count: int, noun: str) -> str:
    """Return a count and its noun."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _folded(note: str, indent: int) -> str:
    """Return a note that begins at this column, wrapped to the width of the table."""
    return f"\n{' ' * indent}".join(wrap(note, WIDTH - indent))


def _filled_bins(metrics: Metrics) -> list[Bin]:
    bins = metrics.shown_bins()
    return [each for each in bins if each.count] if len(bins) <= MOST_SHOWN else []


def _range(each: Bin) -> str:
    return f"{each.low:.2f}–{each.high:.2f}"


def _bar(share: float) -> str:
    """Return a bar, in steps of an eighth of a column; a share above 0 is always visible."""
    full, eighths = divmod(max(1, round(8 * BAR_WIDTH * share)), 8)
    return "█" * full + EIGHTHS[eighths].strip()
