"""`python -m bench.jax_in_jit`: smoothxent.jax against jitted JAX.

The mean loss of float32 logits with label_smoothing=0.1: the loss, the loss with its gradient, and
a step of gradient descent, which needs the gradient only for a moment. One row of ten classes shows
the constant cost of a call.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from .duels import Duel
from .torch_drop_in import SHAPES

OURS, THEIRS = "smoothxent.jax", "jitted JAX"
WAYS = ("loss", "loss + gradient", "step of descent")


def call(name: str, way: str, num_rows: int, num_classes: int) -> Callable[[], Any]:
    """Return the function to time; all functions get the same inputs."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp

    import smoothxent.jax

    def theirs(logits: Any, labels: Any) -> Any:
        log_sum_exp = jax.nn.logsumexp(logits, axis=1)
        of_label = jnp.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
        return jnp.mean(log_sum_exp - 0.9 * of_label - 0.1 * logits.mean(axis=1))

    def ours(logits: Any, labels: Any) -> Any:
        return smoothxent.jax.cross_entropy(logits, labels, label_smoothing=0.1)

    loss = ours if name == OURS else theirs
    ways = {
        "loss": loss,
        "loss + gradient": jax.value_and_grad(loss),
        "step of descent": lambda logits, labels: logits - 0.1 * jax.grad(loss)(logits, labels),
    }
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.normal(0, 3, (num_rows, num_classes)).astype(np.float32))
    labels = jnp.asarray(rng.integers(0, num_classes, num_rows).astype(np.int32))
    np.testing.assert_allclose(ours(logits, labels), theirs(logits, labels), rtol=1e-5)
    jitted = jax.jit(ways[way])
    return lambda: jax.block_until_ready(jitted(logits, labels))


CASES = {f"{n} x {c}, {way}": (way, n, c) for (n, c), way in product(SHAPES, WAYS)}

if __name__ == "__main__":
    Duel("bench.jax_in_jit", __doc__, [THEIRS, OURS], CASES, call).main()
