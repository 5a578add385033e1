"""Loss and gradient in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.peers.evaluations import numpy_evaluation
from bench.peers.peer import Floats, Labels
from bench.peers.textbook import numpy_loss_and_gradient


def float64_truth(logits: Floats, labels: Labels, eps: float) -> dict[str, Any]:
    """Return the means of all rows, and the gradient of some; a part at a time, to save memory."""
    num_rows = len(logits)
    count = min(num_rows, logits.size // 2**18 + 1)
    parts = zip(np.array_split(logits, count), np.array_split(labels, count), strict=True)
    totals = [np.multiply(numpy_evaluation(x.astype(np.float64), y, eps), len(y)) for x, y in parts]
    *means, _ = np.sum(totals, axis=0) / num_rows  # the calibration error of parts is none of all
    rows = np.unique(np.linspace(0, num_rows - 1, 17).astype(np.int64))
    _, grad = numpy_loss_and_gradient(logits[rows].astype(np.float64), labels[rows], eps)
    return {"means": means, "rows": rows, "grad": grad * (len(rows) / num_rows)}
