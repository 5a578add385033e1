"""The table of the classes with the lowest recall, as text (80 columns), HTML and Markdown."""

from html import escape

from smoothxent._evaluation.classes.metrics import ClassMetrics
from smoothxent._evaluation.report.columns import columns, markdown_table, number, number_table

SHOWN = 10  # classes
LEAST_ROWS = 10  # of a class that is shown, if there is one with so many
HEAD = ("class", "rows", "predicted", "recall", "precision", "F1", "nll")


def text(classes: ClassMetrics) -> str:
    """Return the title and the classes."""
    return f"{title(classes)}\n{columns([HEAD, *rows(classes)])}"


def markdown(classes: ClassMetrics) -> str:
    """Return the title and a Markdown table."""
    return f"{title(classes)}\n\n{markdown_table([HEAD, *rows(classes)])}"


def html(classes: ClassMetrics) -> str:
    """Return the title and a table."""
    return f"<p>{escape(title(classes))}</p>{number_table(HEAD, rows(classes))}"


def title(classes: ClassMetrics) -> str:
    """Return the title of the table."""
    least = _least_rows(classes)
    only = f", of those with {least} rows or more" if least > 1 else ""
    return f"classes with the lowest recall{only}"


def rows(classes: ClassMetrics) -> list[tuple[str, ...]]:
    """Return the cells of the table."""
    worst = classes.worst(SHOWN, _least_rows(classes))
    arrays = (classes.recall, classes.precision, classes.f1, classes.nll)
    return [
        (str(k), f"{count:,}", _weight(predicted), *map(number, numbers))
        for k, count, predicted, *numbers in zip(
            worst.tolist(),
            classes.count[worst].tolist(),
            classes.predicted[worst].tolist(),
            *(each[worst].tolist() for each in arrays),
            strict=True,
        )
    ]


def _weight(weight: float) -> str:
    return f"{weight:,.0f}" if weight.is_integer() else number(weight)


def _least_rows(classes: ClassMetrics) -> int:
    return LEAST_ROWS if classes.count.max() >= LEAST_ROWS else 1
