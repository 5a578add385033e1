"""The table of a fitted temperature as text (80 columns), HTML and Markdown."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from smoothxent._evaluation.columns import STYLE, number
from smoothxent._evaluation.table import counts, rows

if TYPE_CHECKING:
    from smoothxent._calibration.temperature import Temperature

METRICS = ("nll", "perplexity", "entropy", "confidence", "brier", "calibration_error", "accuracy")


class Line(NamedTuple):
    """One metric: name, number before, number after."""

    name: str
    before: str
    after: str


def text(temperature: Temperature) -> str:
    """Return the title and the metrics before and after."""
    shown = (Line("", "before", "after"), *lines(temperature))
    body = "\n".join(f"{line.name:<18}{line.before:>12}{line.after:>12}" for line in shown)
    return f"{title(temperature)}\n\n{body}\n\n{search(temperature)}"


def line(temperature: Temperature) -> str:
    """Return one line with the temperature, the nll before and after, and the number of rows."""
    nll = f"nll {number(temperature.nll_before)} -> {number(temperature.nll_after)}"
    return f"Temperature({digits(temperature.value)}, {nll}, {counts(temperature.evaluation)})"


def markdown(temperature: Temperature) -> str:
    """Return the metrics before and after as a Markdown table."""
    shown = [f"| {' | '.join(line)} |" for line in lines(temperature)]
    head = ["| metric | before | after |", "|---|--:|--:|"]
    return "\n".join([title(temperature), "", *head, *shown, "", search(temperature), ""])


def html(temperature: Temperature) -> str:
    """Return the title and the metrics before and after as HTML."""
    head = "<tr><th></th><th>before</th><th>after</th></tr>"
    body = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines(temperature)
    )
    return (
        f'<div class="smoothxent">{STYLE}<strong>{escape(title(temperature))}</strong>'
        f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"
        f"{escape(search(temperature))}</div>"
    )


def title(temperature: Temperature) -> str:
    """Return the title of the tables."""
    return f"Temperature {digits(temperature.value)} from {rows(temperature.evaluation)}"


def search(temperature: Temperature) -> str:
    """Return how the search ended."""
    ends = {
        None: "",
        "lower": "; at the lower bound, below which the nll falls further",
        "upper": "; at the upper bound, above which the nll falls further",
    }
    return f"{temperature.iterations} reads of the logits{ends[temperature.bound]}"


def lines(temperature: Temperature) -> list[Line]:
    """Return the lines of the table; nll and entropy are in nats."""
    before, after = temperature.evaluation_before, temperature.evaluation
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
