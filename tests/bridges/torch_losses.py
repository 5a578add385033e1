"""The losses of smoothxent.torch, of logits and of a linear head, for tests of what both promise.

The leaves of a loss are its logits, or the input, weight and bias of its head.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
drop_in = pytest.importorskip("smoothxent.torch")
functional = torch.nn.functional

# Against PyTorch in float64 on the same numbers: losses of rows are within `oracle.LOSS_ULPS` and
# elements of gradients within 4 + |log2 p| of the larger of the terms; then one rounding for half
# precision.
TOLERANCE = {
    torch.float32: 2e-6,
    torch.float64: 1e-12,
    torch.float16: 2e-6 + 2**-11,
    torch.bfloat16: 2e-6 + 2**-8,
}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
LEAVES = {
    "logits": lambda rows: [(rows, 7)],
    "head": lambda rows: [(rows, 6), (7, 6), (7,)],
    "head without bias": lambda rows: [(rows, 6), (7, 6)],
}
LOSSES = pytest.mark.parametrize("loss", ["logits", "head"])
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
KINDS = pytest.mark.parametrize("kind", ["indices", "probabilities"])
WEIGHTED = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


class Tagged(torch.Tensor):
    """A subclass, whose losses PyTorch computes."""


def draw(rng, loss, kind="indices", num_rows=5):
    """Return float64 leaves, which require gradients, target with an ignored row, and weight."""
    shapes = LEAVES[loss](num_rows)
    leaves = [torch.from_numpy(rng.normal(0, 1, shape)).requires_grad_() for shape in shapes]
    weight = torch.from_numpy(rng.uniform(0.2, 2, 7))
    if kind == "probabilities":
        return leaves, torch.from_numpy(rng.dirichlet(np.ones(7), num_rows)), weight
    target = torch.from_numpy(rng.integers(0, 7, num_rows))
    target[2] = -100
    return leaves, target, weight


def arguments_of(leaves):
    """Return the leaves as arguments of an operator: None for a bias that is not there."""
    return leaves if len(leaves) == 1 else (*leaves, None)[:3]


def ours(leaves, target, weight=None, **options):
    """Return the loss of smoothxent.torch."""
    if len(leaves) == 1:
        return drop_in.cross_entropy(*leaves, target, weight, **options)
    input, linear_weight, linear_bias = arguments_of(leaves)
    options |= {"linear_bias": linear_bias, "weight": weight}
    return drop_in.linear_cross_entropy(input, linear_weight, target, **options)


def theirs(leaves, target, weight=None, **options):
    """Return PyTorch's loss, for a head that of stored logits."""
    logits = leaves[0] if len(leaves) == 1 else functional.linear(*leaves)
    return functional.cross_entropy(logits, target, weight, **options)


def widened(value):
    """Return floating-point tensors in float64, and other values unchanged."""
    is_real = isinstance(value, torch.Tensor) and value.is_floating_point()
    return value.double() if is_real else value


def loss_and_gradients(function, leaves, target, factor, **options):
    """Return the loss, and the gradients of its product with the factor, summed."""
    leaves = [leaf.detach().clone().requires_grad_() for leaf in leaves]
    loss = function(leaves, target, **options)
    (loss * factor).sum().backward()
    return loss.detach(), *(leaf.grad for leaf in leaves)
