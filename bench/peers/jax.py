"""JAX, compiled: log-sum-exp and log-softmax, and the formulas of optax."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .peer import ALL_DTYPES, IGNORED, Array, Call, Floats, Labels, Peer
from .setting import Setting, targets


class Jax(Peer):
    """JAX has no loss: users subtract the label's logit from log-sum-exp, or use target tables."""

    name = "JAX"
    module = "jax"
    dtypes = ALL_DTYPES

    def start(self, threads: int, *, by_default: bool = False) -> None:
        """Restrict the process to some CPUs: XLA starts a thread for each, and has no option."""
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        super().start(threads, by_default=by_default)
        self.library.config.update("jax_enable_x64", not by_default)
        jit, grad, nn = self.library.jit, self.library.grad, self.library.nn
        self.softmax = jit(lambda x: nn.softmax(x, axis=1))
        self.log_softmax = jit(lambda x: nn.log_softmax(x, axis=1))
        self.log_sum_exp = jit(lambda x: nn.logsumexp(x, axis=1))
        self._losses = jit(self._of_labels)
        self._with_labels = jit(lambda x, y: self._with_gradient(self._of_labels, x, y))
        self._with_table = jit(lambda x, table: self._with_gradient(self._of_table, x, table))
        formulas = (self._mean_of_all, self._mean_of_kept)
        self._means = [jit(formula) for formula in formulas]
        self._gradients = [jit(grad(formula)) for formula in formulas]

    def pin(self, threads: int) -> int:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads

    def place(self, logits: Floats, labels: Labels) -> tuple[Any, Any]:
        put = self.library.device_put
        return put(logits), put(labels.astype(np.int32))

    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        return [self._compiled(formula) for formula in self._formulas(eps)]

    def gradient_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        value_and_grad = self.library.value_and_grad
        return [self._compiled(value_and_grad(formula)) for formula in self._formulas(eps)]

    def _compiled(self, function: Call) -> Call:
        compiled, ready = self.library.jit(function), self.library.block_until_ready
        return lambda x, y: ready(compiled(x, y))

    def _formulas(self, eps: float) -> list[Call]:
        jax, jnp, of_label = self.library, self.library.numpy, self._of_label

        def by_log_sum_exp(x: Any, y: Any) -> Any:
            x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
            losses = jax.nn.logsumexp(x, axis=1) - (1 - eps) * of_label(x, y)
            return (losses - eps * x.mean(axis=1) if eps else losses).mean()

        def by_log_softmax(x: Any, y: Any) -> Any:
            log_p = jax.nn.log_softmax(x.astype(jnp.promote_types(x.dtype, jnp.float32)))
            losses = (eps - 1) * of_label(log_p, y)
            return (losses - eps * log_p.mean(axis=1) if eps else losses).mean()

        return [by_log_sum_exp, by_log_softmax]

    def losses_and_gradient(self, x: Any, setting: Setting) -> tuple[Any, Any]:
        if setting.is_plain:
            losses, grad = self._with_labels(x, setting.labels.astype(np.int32))
        else:
            losses, grad = self._with_table(x, targets(setting, x.shape).astype(x.dtype))
        return losses, grad

    def losses(self, x: Array, y: Array, eps: float = 0.0) -> Any:
        if not eps:
            return self._losses(x, y)
        one_hot = self.library.nn.one_hot(y, x.shape[1], dtype=x.dtype)
        return self._of_table(x, (1 - eps) * one_hot + eps / x.shape[1])

    def mean(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        return self.library.block_until_ready(self._means[ignoring](x, y))

    def gradient(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        return self._gradients[ignoring](x, y)

    def _of_label(self, table: Any, y: Any) -> Any:
        return self.library.numpy.take_along_axis(table, y[:, None], axis=1)[:, 0]

    def _of_labels(self, x: Any, y: Any) -> Any:
        own = self._of_label(x, y)
        return self.library.nn.logsumexp(x, axis=1) - own

    def _of_table(self, x: Any, table: Any) -> Any:
        return -self.library.numpy.sum(table * self.library.nn.log_softmax(x, axis=1), axis=1)

    def _with_gradient(self, loss: Any, x: Any, y: Any) -> tuple[Any, Any]:
        def total(x: Any) -> tuple[Any, Any]:
            losses = loss(x, y)
            return losses.sum(), losses

        grad, losses = self.library.grad(total, has_aux=True)(x)
        return losses, grad

    def _mean_of_all(self, x: Any, y: Any) -> Any:
        return self._of_labels(x, y).mean()

    def _mean_of_kept(self, x: Any, y: Any) -> Any:
        jnp, kept = self.library.numpy, y != IGNORED
        losses = self._of_labels(x, jnp.where(kept, y, 0))
        return jnp.where(kept, losses, 0).sum() / kept.sum().astype(x.dtype)
