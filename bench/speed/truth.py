"""Loss and gradient in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.peers.peer import Floats, Labels
from bench.peers.textbook import numpy_loss, numpy_loss_and_gradient


def float64_truth(logits: Floats, labels: Labels, eps: float) -> dict[str, Any]:
    """Return the mean loss, and the gradient of some rows; a part at a time, to save memory."""
    num_rows = len(logits)
    count = min(num_rows, logits.size // 2**18 + 1)
    parts = zip(np.array_split(logits, count), np.array_split(labels, count), strict=True)
    total = sum(numpy_loss(x.astype(np.float64), y, eps) * len(y) for x, y in parts)
    rows = np.unique(np.linspace(0, num_rows - 1, 17).astype(np.int64))
    _, grad = numpy_loss_and_gradient(logits[rows].astype(np.float64), labels[rows], eps)
    return {"loss": total / num_rows, "rows": rows, "grad": grad * (len(rows) / num_rows)}
