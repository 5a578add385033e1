"""Libraries with arrays and gradients of their own: PyTorch, JAX, TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench import contenders
from bench.accuracy.settings import Setting

from .library import Peer, row_weights, targets


class PyTorch(Peer):
    contender = contenders.PyTorch

    def takes(self, setting: Setting) -> bool:
        return "prior" not in setting.options

    def softmax(self, x: Any) -> Any:
        return self.library.softmax(x, 1)

    def log_softmax(self, x: Any) -> Any:
        return self.library.log_softmax(x, 1)

    def log_sum_exp(self, x: Any) -> Any:
        return self.library.logsumexp(x, 1)

    def losses_and_gradient(self, x: Any, setting: Setting) -> tuple[Any, Any]:
        options, tensor = setting.options, self.library.as_tensor
        labels, x = tensor(setting.labels), x.detach().requires_grad_()
        if setting.has_probabilities:
            labels = labels.to(x.dtype)
        weight = options.get("class_weight")
        losses = self.library.nn.functional.cross_entropy(
            x,
            labels,
            reduction="none",
            label_smoothing=options.get("label_smoothing", 0.0),
            weight=None if weight is None else tensor(weight).to(x.dtype),
        )
        if "sample_weight" in options:
            losses = losses * tensor(options["sample_weight"]).to(x.dtype)
        (grad,) = self.library.autograd.grad(losses.sum(), x)
        return losses.detach(), grad

    def total(self, losses: Any) -> Any:
        return losses.sum()


class Jax(Peer):
    """Index labels as optax takes them: log-sum-exp less the label's logit."""

    contender = contenders.Jax

    def __init__(self) -> None:
        super().__init__()
        jax = self.library
        self.compiled = [
            jax.jit(f)
            for f in (
                lambda x: jax.nn.softmax(x, axis=1),
                lambda x: jax.nn.log_softmax(x, axis=1),
                lambda x: jax.nn.logsumexp(x, axis=1),
            )
        ]
        self.with_labels = jax.jit(lambda x, y: self._with_gradient(self._of_labels, x, y))
        self.with_table = jax.jit(lambda x, t: self._with_gradient(self._of_table, x, t))

    def softmax(self, x: Any) -> Any:
        return self.compiled[0](x)

    def log_softmax(self, x: Any) -> Any:
        return self.compiled[1](x)

    def log_sum_exp(self, x: Any) -> Any:
        return self.compiled[2](x)

    def losses_and_gradient(self, x: Any, setting: Setting) -> tuple[Any, Any]:
        if setting.is_plain:
            return self.with_labels(x, setting.labels.astype(np.int32))
        return self.with_table(x, targets(setting, x.shape).astype(x.dtype))

    def total(self, losses: Any) -> Any:
        return self.library.numpy.sum(losses)

    def _of_labels(self, x: Any, y: Any) -> Any:
        own = self.library.numpy.take_along_axis(x, y[:, None], axis=1)[:, 0]
        return self.library.nn.logsumexp(x, axis=1) - own

    def _of_table(self, x: Any, table: Any) -> Any:
        return -self.library.numpy.sum(table * self.library.nn.log_softmax(x, axis=1), axis=1)

    def _with_gradient(self, loss: Any, x: Any, y: Any) -> tuple[Any, Any]:
        def total(x: Any) -> tuple[Any, Any]:
            losses = loss(x, y)
            return losses.sum(), losses

        grad, losses = self.library.grad(total, has_aux=True)(x)
        return losses, grad


class TensorFlow(Peer):
    """Its gradient takes targets for a distribution: with class weights it has no loss."""

    contender = contenders.TensorFlow

    def takes(self, setting: Setting) -> bool:
        return "class_weight" not in setting.options

    def softmax(self, x: Any) -> Any:
        return self.library.nn.softmax(x, axis=1)

    def log_softmax(self, x: Any) -> Any:
        return self.library.nn.log_softmax(x, axis=1)

    def log_sum_exp(self, x: Any) -> Any:
        return self.library.reduce_logsumexp(x, axis=1)

    def losses_and_gradient(self, x: Any, setting: Setting) -> tuple[Any, Any]:
        tf = self.library
        with tf.GradientTape() as tape:
            tape.watch(x)
            if setting.is_plain:
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(setting.labels, x)
            else:
                bare = Setting(
                    setting.name,
                    setting.labels,
                    {
                        name: value
                        for name, value in setting.options.items()
                        if name in ("label_smoothing", "prior", "ignore_index")
                    },
                )
                table = targets(bare, tuple(x.shape))
                losses = tf.nn.softmax_cross_entropy_with_logits(tf.constant(table, x.dtype), x)
                losses = losses * tf.constant(row_weights(setting), x.dtype)
            total = tf.reduce_sum(losses)
        return losses, tape.gradient(total, x)

    def total(self, losses: Any) -> Any:
        return self.library.reduce_sum(losses)
