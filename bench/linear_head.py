"""`python -m bench.linear_head`: a linear head without stored logits, and the matrix product.

The logits are rows of hidden features times a weight for each class. The mean loss in float32 with
label_smoothing=0.1 is computed by `linear_cross_entropy`, by a product followed by `cross_entropy`,
and, if PyTorch is installed, by its functions, of which linear_cross_entropy has no label
smoothing. All times are relative to the bare product, which writes into an existing array; the
other calls allocate their arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from .duels import Duel

Way = Callable[[], Any]  # the function to time

SHAPES = ((1024, 768, 50257), (4096, 768, 1000), (2048, 2048, 32000))


def product(hidden: Any, weight: Any, labels: Any) -> Way:
    out = np.empty((len(hidden), len(weight)), np.float32)
    return lambda: np.matmul(hidden, weight.T, out=out)


def ours(hidden: Any, weight: Any, labels: Any) -> Way:
    from smoothxent import linear_cross_entropy

    return lambda: linear_cross_entropy(hidden, weight, labels, label_smoothing=0.1)


def ours_with_gradients(hidden: Any, weight: Any, labels: Any) -> Way:
    from smoothxent import linear_cross_entropy_and_grad

    return lambda: linear_cross_entropy_and_grad(hidden, weight, labels, label_smoothing=0.1)


def two_steps(hidden: Any, weight: Any, labels: Any) -> Way:
    from smoothxent import cross_entropy

    return lambda: cross_entropy(hidden @ weight.T, labels, label_smoothing=0.1)


def of_torch(hidden: Any, weight: Any, labels: Any, *, chunked: bool, backward: bool) -> Way:
    import torch

    h, w, y = (torch.from_numpy(array) for array in (hidden, weight, labels))
    functional: Any = torch.nn.functional
    if chunked:  # linear_cross_entropy, which has no label smoothing
        options = torch.nn.LinearCrossEntropyOptions()

        def loss() -> Any:
            return functional.linear_cross_entropy(h, w, y, options=options)

    else:

        def loss() -> Any:
            return functional.cross_entropy(functional.linear(h, w), y, label_smoothing=0.1)

    if not backward:
        return loss
    h.requires_grad_(), w.requires_grad_()

    def forward_and_backward() -> None:
        h.grad = w.grad = None
        loss().backward()

    return forward_and_backward


WAYS: dict[str, Callable[..., Way]] = {
    "bare product": product,
    "linear_cross_entropy": ours,
    "product, cross_entropy": two_steps,
    "PyTorch, linear and cross_entropy": lambda *a: of_torch(*a, chunked=False, backward=False),
    "PyTorch, linear_cross_entropy": lambda *a: of_torch(*a, chunked=True, backward=False),
    "linear_cross_entropy_and_grad": ours_with_gradients,
    "PyTorch, backward too": lambda *a: of_torch(*a, chunked=False, backward=True),
    "PyTorch, linear_cross_entropy, backward too": lambda *a: of_torch(
        *a, chunked=True, backward=True
    ),
}


def call(name: str, num_rows: int, num_features: int, num_classes: int) -> Way:
    """Return the function to time; all functions get the same inputs."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((num_rows, num_features), dtype=np.float32)
    weight = rng.standard_normal((num_classes, num_features), dtype=np.float32)
    weight *= np.float32(3 / num_features**0.5)
    return WAYS[name](hidden, weight, rng.integers(0, num_classes, num_rows))


NAMES = [name for name in WAYS if find_spec("torch") or not name.startswith("PyTorch")]
CASES = {" x ".join(map(str, shape)): shape for shape in SHAPES}

if __name__ == "__main__":
    Duel("bench.linear_head", __doc__, NAMES, CASES, call).main()
