"""Libraries that compile a graph: JAX, TensorFlow, ONNX Runtime.

All are offered log-sum-exp and log-softmax, whichever is faster on a shape.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from bench.cases import LOSS
from bench.reference import Floats, Labels

from .contender import Call, Contender

Node = tuple[str, str, str, dict[str, Any]]  # operator, inputs, outputs, attributes


class Jax(Contender):
    name = "JAX"
    module = "jax"
    dtypes = ("float32", "float64", "bfloat16", "float16")

    def start(self, threads: int) -> None:
        """XLA starts as many threads as the process may use CPUs, and has no call to say so."""
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        super().start(threads)
        self.library.config.update("jax_enable_x64", True)

    def pin(self, threads: int) -> int:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads

    def place(self, logits: Floats, labels: Labels) -> tuple[Any, Any]:
        put = self.library.device_put
        return put(logits), put(labels.astype(np.int32))

    def loss(self, eps: float, x: Any, y: Any) -> list[Call]:
        return [self._compiled(formula) for formula in self._formulas(eps)]

    def loss_and_gradient(self, eps: float, x: Any, y: Any) -> list[Call]:
        value_and_grad = self.library.value_and_grad
        return [self._compiled(value_and_grad(formula)) for formula in self._formulas(eps)]

    def _compiled(self, function: Call) -> Call:
        compiled, ready = self.library.jit(function), self.library.block_until_ready
        return lambda x, y: ready(compiled(x, y))

    def _formulas(self, eps: float) -> list[Call]:
        jax, jnp = self.library, self.library.numpy

        def of_label(table: Any, y: Any) -> Any:
            return jnp.take_along_axis(table, y[:, None], axis=1)[:, 0]

        def by_log_sum_exp(x: Any, y: Any) -> Any:
            x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
            losses = jax.nn.logsumexp(x, axis=1) - (1 - eps) * of_label(x, y)
            return (losses - eps * x.mean(axis=1) if eps else losses).mean()

        def by_log_softmax(x: Any, y: Any) -> Any:
            log_p = jax.nn.log_softmax(x.astype(jnp.promote_types(x.dtype, jnp.float32)))
            losses = (eps - 1) * of_label(log_p, y)
            return (losses - eps * log_p.mean(axis=1) if eps else losses).mean()

        return [by_log_sum_exp, by_log_softmax]


class TensorFlow(Contender):
    """Graphs as they are and compiled by XLA."""

    name = "TensorFlow"
    module = "tensorflow"
    dtypes = ("float32", "float64", "bfloat16", "float16")

    def start(self, threads: int) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        super().start(threads)

    def pin(self, threads: int) -> int:
        threading = self.library.config.threading
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(threads)
        return int(threading.get_intra_op_parallelism_threads())

    def place(self, logits: Floats, labels: Labels) -> tuple[Any, Any]:
        return self.library.constant(logits), self.library.constant(labels.astype(np.int32))

    def loss(self, eps: float, x: Any, y: Any) -> list[Call]:
        return self._compiled(self._formula(eps, x))

    def loss_and_gradient(self, eps: float, x: Any, y: Any) -> list[Call]:
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


class OnnxRuntime(Contender):
    """Its SoftmaxCrossEntropyLoss has no smoothing; where asked, it gives log-softmax as well."""

    name = "ONNX Runtime"
    module = "onnxruntime"
    groups = (LOSS,)

    @classmethod
    def installed(cls) -> bool:
        return super().installed() and find_spec("onnx") is not None

    def pin(self, threads: int) -> int:
        self.options = self.library.SessionOptions()
        self.options.intra_op_num_threads = threads
        return threads

    def loss(self, eps: float, x: Any, y: Any) -> list[Call]:
        ways = [self._session(_log_softmax_nodes(eps), eps, x)]
        if x.dtype == np.float32:  # its loss operator knows no other
            ways.append(self._session(_loss_operator_nodes(eps), eps, x))
        return ways

    def _session(self, nodes: list[Node], eps: float, x: Floats) -> Call:
        onnx = import_module("onnx")
        make, kind = onnx.helper, onnx.helper.np_dtype_to_tensor_dtype(x.dtype)
        values = {"keep": 1 - eps, "eps": eps} if eps else {}
        constants = [make.make_tensor(name, kind, [], [value]) for name, value in values.items()]
        constants += [make.make_tensor("one", onnx.TensorProto.INT64, [1], [1])]
        graph = make.make_graph(
            [
                make.make_node(operator, inputs.split(), outputs.split(), **attributes)
                for operator, inputs, outputs, attributes in nodes
            ],
            "loss",
            [
                make.make_tensor_value_info("x", kind, x.shape),
                make.make_tensor_value_info("y", onnx.TensorProto.INT64, x.shape[:1]),
            ],
            [make.make_tensor_value_info("loss", kind, [])],
            constants,
        )
        # Of the newest versions that all supported runtimes read.
        model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        run = self.library.InferenceSession(
            model.SerializeToString(), self.options, providers=["CPUExecutionProvider"]
        ).run
        return lambda x, y: run(None, {"x": x, "y": y})[0]


_ROWS: dict[str, Any] = {"axes": [1], "keepdims": 0}  # one mean of all would add up badly
_SCALAR: dict[str, Any] = {"keepdims": 0}


def _log_softmax_nodes(eps: float) -> list[Node]:
    nodes: list[Node] = [
        ("LogSoftmax", "x", "log_p", {"axis": 1}),
        ("Unsqueeze", "y one", "column", {}),
        ("GatherElements", "log_p column", "of_label", {"axis": 1}),
        ("ReduceMean", "of_label", "mean_label", _SCALAR),
    ]
    if eps:
        nodes += [
            *_mean_of_all(),
            ("Mul", "mean_label keep", "kept", {}),
            ("Add", "kept spread", "gain", {}),
        ]
    return [*nodes, ("Neg", "gain" if eps else "mean_label", "loss", {})]


def _loss_operator_nodes(eps: float) -> list[Node]:
    if not eps:
        return [("SoftmaxCrossEntropyLoss", "x y", "loss", {})]
    return [
        ("SoftmaxCrossEntropyLoss", "x y", "plain log_p", {}),
        *_mean_of_all(),
        ("Mul", "plain keep", "kept", {}),
        ("Sub", "kept spread", "loss", {}),
    ]


def _mean_of_all() -> list[Node]:
    return [
        ("ReduceMean", "log_p", "mean_row", _ROWS),
        ("ReduceMean", "mean_row", "mean_all", _SCALAR),
        ("Mul", "mean_all eps", "spread", {}),
    ]
