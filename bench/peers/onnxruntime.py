"""ONNX Runtime: its loss operator, and log-softmax; models are made by onnx."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from .peer import IGNORED, LOSS, Array, Call, Floats, Peer

Node = tuple[str, str, str, dict[str, Any]]  # operator, inputs, outputs, attributes
NEWEST = 17  # version of the operators; all supported runtimes read it


class OnnxRuntime(Peer):
    """SoftmaxCrossEntropyLoss has no smoothing, but log-softmax as a second output."""

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

    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        ways = [self._way(_log_softmax_nodes(eps), eps, x)]
        if x.dtype == np.float32:  # the only dtype of its loss operator
            ways.append(self._way(_loss_operator_nodes(eps), eps, x))
        return ways

    def _way(self, nodes: list[Node], eps: float, x: Floats) -> Call:
        onnx = import_module("onnx")
        make, kind = onnx.helper, onnx.helper.np_dtype_to_tensor_dtype(x.dtype)
        values = {"keep": 1 - eps, "eps": eps} if eps else {}
        constants = [make.make_tensor(name, kind, [], [value]) for name, value in values.items()]
        constants += [make.make_tensor("one", onnx.TensorProto.INT64, [1], [1])]
        model = _model(
            nodes,
            [
                make.make_tensor_value_info("x", kind, x.shape),
                make.make_tensor_value_info("y", onnx.TensorProto.INT64, x.shape[:1]),
            ],
            [make.make_tensor_value_info("loss", kind, [])],
            constants,
        )
        onnx.checker.check_model(model)
        run = self._session(model).run
        return lambda x, y: run(None, {"x": x, "y": y})[0]

    def losses(self, x: Array, y: Array, eps: float = 0.0) -> Any:
        losses, log_p = self._run(x, y, reduction="none")
        return (1 - eps) * losses - eps * log_p.mean(axis=1) if eps else losses

    def mean(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        options = {"ignore_index": IGNORED} if ignoring else {}
        return self._run(x, y, reduction="mean", **options)[0]

    def _run(self, x: Array, y: Array, **attributes: Any) -> Any:
        make = import_module("onnx").helper
        kind = make.np_dtype_to_tensor_dtype
        model = _model(
            [("SoftmaxCrossEntropyLoss", "x y", "loss log_p", attributes)],
            [
                make.make_tensor_value_info("x", kind(x.dtype), x.shape),
                make.make_tensor_value_info("y", kind(y.dtype), y.shape),
            ],
            [make.make_tensor_value_info(name, kind(x.dtype), None) for name in ("loss", "log_p")],
        )
        self.options.enable_cpu_mem_arena = False  # an arena would keep the memory after a call
        self.options.log_severity_level = 4
        return self._session(model).run(None, {"x": x, "y": y})

    def _session(self, model: Any) -> Any:
        return self.library.InferenceSession(
            model.SerializeToString(), self.options, providers=["CPUExecutionProvider"]
        )


def _model(
    nodes: list[Node], inputs: list[Any], outputs: list[Any], constants: list[Any] | None = None
) -> Any:
    make = import_module("onnx").helper
    graph = make.make_graph(
        [
            make.make_node(operator, inputs.split(), outputs.split(), **attributes)
            for operator, inputs, outputs, attributes in nodes
        ],
        "loss",
        inputs,
        outputs,
        constants,
    )
    return make.make_model(graph, opset_imports=[make.make_opsetid("", NEWEST)], ir_version=8)


_ROWS: dict[str, Any] = {
    "axes": [1],
    "keepdims": 0,
}  # a mean over all elements at once would be inaccurate
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
