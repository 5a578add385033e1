"""The table of a fitted temperature as text (80 columns), HTML and Markdown."""

from html import escape
from typing import NamedTuple

from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.report.columns import STYLE, number
from smoothxent._evaluation.report.table import counts, rows

METRICS = ("nll", "perplexity", "entropy", "confidence", "brier", "calibration_error", "accuracy")


class Line(NamedTuple):
    """One metric: name, number before, number after."""

    name: str
    before: str
    after: str


def text(before: Evaluation, after: Evaluation, end: str) -> str:
    """Return the title, the metrics before and after, and the line at the end."""
    shown = (Line("", "before", "after"), *lines(before, after))
    body = "\n".join(f"{line.name:<18}{line.before:>12}{line.after:>12}" for line in shown)
    return f"{title(after)}\n\n{body}\n\n{end}"


def line(before: Evaluation, after: Evaluation) -> str:
    """Return one line with the temperature, the nll before and after, and the number of rows."""
    nll = f"nll {number(before.nll)} -> {number(after.nll)}"
    return f"Temperature({digits(after.temperature)}, {nll}, {counts(after)})"


def markdown(before: Evaluation, after: Evaluation, end: str) -> str:
    """Return the metrics before and after as a Markdown table."""
    shown = [f"| {' | '.join(line)} |" for line in lines(before, after)]
    head = ["| metric | before | after |", "|---|--:|--:|"]
    return "\n".join([title(after), "", *head, *shown, "", end, ""])


def html(before: Evaluation, after: Evaluation, end: str) -> str:
    """Return the title and the metrics before and after as HTML."""
    head = "<tr><th></th><th>before</th><th>after</th></tr>"
    body = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines(before, after)
    )
    return (
        f'<div class="smoothxent">{STYLE}<strong>{escape(title(after))}</strong>'
        f"<table><thead>{head}</thead><tbody>{body}</tbody></table>{escape(end)}</div>"
    )


def title(after: Evaluation) -> str:
    """Return the title of the tables."""
    return f"Temperature {digits(after.temperature)} from {rows(after)}"


def lines(before: Evaluation, after: Evaluation) -> list[Line]:
    """Return the lines of the table; nll and entropy are in nats."""
    return [
        Line("temperature", digits(before.temperature), digits(after.temperature)),
        *(
            Line(
                name.replace("_", " "), number(getattr(before, name)), number(getattr(after, name))
            )
            for name in METRICS
        ),
    ]


def digits(value: float) -> str:
    """Return all digits of a temperature."""
    return f"{value:.8g}"
