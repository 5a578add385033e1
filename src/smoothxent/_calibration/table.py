"""The table of a fitted temperature as text (80 columns), HTML and Markdown."""

from html import escape

from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.report.columns import (
    STYLE,
    columns,
    markdown_table,
    number,
    number_table,
)
from smoothxent._evaluation.report.table import counts, rows

METRICS = ("nll", "perplexity", "entropy", "confidence", "brier", "calibration_error", "accuracy")


def text(before: Evaluation, after: Evaluation, end: str) -> str:
    """Return the title, the metrics before and after, and the line at the end."""
    body = columns([("", "before", "after"), *lines(before, after)])
    return f"{title(after)}\n\n{body}\n\n{end}"


def line(before: Evaluation, after: Evaluation) -> str:
    """Return one line with the temperature, the nll before and after, and the number of rows."""
    nll = f"nll {number(before.nll)} -> {number(after.nll)}"
    return f"Temperature({digits(after.temperature)}, {nll}, {counts(after)})"


def markdown(before: Evaluation, after: Evaluation, end: str) -> str:
    """Return the metrics before and after as a Markdown table."""
    table = markdown_table([("metric", "before", "after"), *lines(before, after)])
    return f"{title(after)}\n\n{table}\n\n{end}\n"


def html(before: Evaluation, after: Evaluation, end: str) -> str:
    """Return the title and the metrics before and after as HTML."""
    table = number_table(("", "before", "after"), lines(before, after))
    return (
        f'<div class="smoothxent">{STYLE}<strong>{escape(title(after))}</strong>'
        f"{table}{escape(end)}</div>"
    )


def title(after: Evaluation) -> str:
    """Return the title of the tables."""
    return f"Temperature {digits(after.temperature)} from {rows(after)}"


def lines(before: Evaluation, after: Evaluation) -> list[tuple[str, str, str]]:
    """Return the name of each metric and its numbers before and after; losses are in nats."""
    metrics = [
        (name.replace("_", " "), number(getattr(before, name)), number(getattr(after, name)))
        for name in METRICS
    ]
    return [("temperature", digits(before.temperature), digits(after.temperature)), *metrics]


def digits(value: float) -> str:
    """Return all digits of a temperature."""
    return f"{value:.8g}"
