"""TensorFlow: graphs, plain and compiled by XLA, its two losses with logits, and Keras."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .peer import ALL_DTYPES, IGNORED, Array, Call, Floats, Labels, Peer
from .setting import Setting, sample_weights, targets


class TensorFlow(Peer):
    """Losses without class weights, because gradients assume that targets are a distribution."""

    name = "TensorFlow"
    module = "tensorflow"
    dtypes = ALL_DTYPES

    def start(self, threads: int, *, by_default: bool = False) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        super().start(threads, by_default=by_default)

    def pin(self, threads: int) -> int:
        threading = self.library.config.threading
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(threads)
        return int(threading.get_intra_op_parallelism_threads())

    def place(self, logits: Floats, labels: Labels) -> tuple[Any, Any]:
        return self.library.constant(logits), self.library.constant(labels.astype(np.int32))

    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        return self._compiled(self._formula(eps, x))

    def gradient_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        loss, tape_type = self._formula(eps, x), self.library.GradientTape

        def with_gradient(x: Any, y: Any) -> tuple[Any, Any]:
            with tape_type() as tape:
                tape.watch(x)
                mean = loss(x, y)
            return mean, tape.gradient(mean, x)

        return self._compiled(with_gradient)

    def _compiled(self, function: Call) -> list[Call]:
        return [self.library.function(function, jit_compile=xla) for xla in (True, False)]

    def _formula(self, eps: float, x: Any) -> Call:
        tf = self.library
        dtype = tf.float32 if x.dtype.size == 2 else x.dtype

        def by_log_sum_exp(x: Any, y: Any) -> Any:
            x = tf.cast(x, dtype)
            losses = tf.reduce_logsumexp(x, axis=1) - (1 - eps) * tf.gather(x, y, batch_dims=1)
            return tf.reduce_mean(losses - eps * tf.reduce_mean(x, axis=1) if eps else losses)

        return by_log_sum_exp

    def softmax(self, x: Any) -> Any:
        return self.library.nn.softmax(x, axis=1)

    def log_softmax(self, x: Any) -> Any:
        return self.library.nn.log_softmax(x, axis=1)

    def log_sum_exp(self, x: Any) -> Any:
        return self.library.reduce_logsumexp(x, axis=1)

    def has(self, setting: Setting) -> bool:
        return "class_weight" not in setting.options

    def losses_and_gradient(self, x: Any, setting: Setting) -> tuple[Any, Any]:
        tf = self.library
        with tf.GradientTape() as tape:
            tape.watch(x)
            if setting.is_plain:
                losses = self._of_labels(x, setting.labels)
            else:
                bare = setting.only("label_smoothing", "prior", "ignore_index")
                table = tf.constant(targets(bare, tuple(x.shape)), x.dtype)
                losses = self._of_table(x, table)
                losses = losses * tf.constant(sample_weights(setting), x.dtype)
            total = tf.reduce_sum(losses)
        return losses, tape.gradient(total, x)

    def total(self, losses: Any) -> Any:
        return self.library.reduce_sum(losses)

    def losses(self, x: Array, y: Array, eps: float = 0.0) -> Any:
        if not eps:
            return self._of_labels(x, y).numpy()
        one_hot = self.library.one_hot(y, x.shape[1], dtype=x.dtype)
        return self._of_table(x, (1 - eps) * one_hot + eps / x.shape[1]).numpy()

    def mean(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        return self._mean(x, y, ignoring).numpy()

    def gradient(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        logits = self.library.constant(x)
        with self.library.GradientTape() as tape:
            tape.watch(logits)
            mean = self._mean(logits, y, ignoring)
        return tape.gradient(mean, logits).numpy()

    def _of_labels(self, x: Any, y: Any) -> Any:
        return self.library.nn.sparse_softmax_cross_entropy_with_logits(y, x)

    def _of_table(self, x: Any, table: Any) -> Any:
        return self.library.nn.softmax_cross_entropy_with_logits(table, x)

    def _mean(self, x: Any, y: Array, ignoring: bool) -> Any:
        loss_type = self.library.keras.losses.SparseCategoricalCrossentropy
        return loss_type(from_logits=True, ignore_class=IGNORED if ignoring else None)(y, x)
