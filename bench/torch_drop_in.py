"""`python -m bench.torch_drop_in`: smoothxent.torch and PyTorch's own cross_entropy.

The mean loss of float32 logits with label_smoothing=0.1: only forward, and forward with backward,
as in training code. One row of ten classes shows the constant cost of a call.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from .duels import Duel

SHAPES = ((1, 10), (64, 1000), (2048, 8000), (1024, 32000))
NUMPY, OURS, THEIRS = "smoothxent", "smoothxent.torch", "torch.nn.functional"
FORWARD, BOTH = "forward", "forward + backward"


def call(name: str, way: str, num_rows: int, num_classes: int) -> Callable[[], Any]:
    """Return the function to time; all functions get the same inputs."""
    import torch

    import smoothxent
    from smoothxent.torch import cross_entropy

    torch.manual_seed(0)
    logits = 3 * torch.randn(num_rows, num_classes)
    target = torch.randint(0, num_classes, (num_rows,))
    if name == NUMPY:
        function: Any = smoothxent.cross_entropy
        if way == BOTH:
            function = smoothxent.cross_entropy_and_grad
        x, y = logits.numpy(), target.numpy()
        return lambda: function(x, y, label_smoothing=0.1, ignore_index=-100, axis=1)
    loss = cross_entropy if name == OURS else torch.nn.functional.cross_entropy
    if way == FORWARD:
        return lambda: loss(logits, target, label_smoothing=0.1)
    logits.requires_grad_()

    def forward_and_backward() -> None:
        logits.grad = None
        loss(logits, target, label_smoothing=0.1).backward()

    return forward_and_backward


CASES = {f"{n} x {c}, {way}": (way, n, c) for (n, c), way in product(SHAPES, (FORWARD, BOTH))}

if __name__ == "__main__":
    Duel("bench.torch_drop_in", __doc__, [THEIRS, OURS, NUMPY], CASES, call).main()
