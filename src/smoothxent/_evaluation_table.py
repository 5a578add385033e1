"""The table of an evaluation."""

from smoothxent._metrics import Metrics


def text(metrics: Metrics) -> str:
    """Return the table as text of 80 columns."""
    return f"Evaluation of {metrics.count} rows: nll {metrics.nll:.6g}"
