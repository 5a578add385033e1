"""ONNX Runtime: its loss operator, and log-softmax; models are made by onnx."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from .peer import IGNORED, LOSS, Array, Call, Peer

# Operators of a version that all supported runtimes read
MODEL = """<ir_version: 8, opset_import: ["" : 17]>
loss ({x}[{rows}, {classes}] x, {y}[{rows}] y) => ({x}[] {outputs}) {{ {nodes} }}"""

LOG_SOFTMAX = """
log_p = LogSoftmax <axis = 1> (x)
one = Constant <value = int64[1] {{1}}> ()
column = Unsqueeze (y, one)
of_label = GatherElements <axis = 1> (log_p, column)
mean = ReduceMean <keepdims = 0> (of_label)
loss = Neg (mean)
"""
MEAN = 'reduction = "mean"'
LOSS_OPERATOR = "loss, log_p = SoftmaxCrossEntropyLoss <{options}> (x, y)\n"
# From the loss without smoothing; a mean over all elements at once would be inaccurate.
SMOOTHING = """
keep = Constant <value = {x} {{{keep}}}> ()
eps = Constant <value = {x} {{{eps}}}> ()
mean_row = ReduceMean <axes = [1], keepdims = 0> (log_p)
mean_all = ReduceMean <keepdims = 0> (mean_row)
spread = Mul (mean_all, eps)
kept = Mul (loss, keep)
smoothed = Sub (kept, spread)
"""


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
        ways = [LOG_SOFTMAX]
        if x.dtype == np.float32:  # the only dtype of its loss operator
            ways.append(LOSS_OPERATOR)
        return [self._way(nodes, eps, x, y) for nodes in ways]

    def _way(self, nodes: str, eps: float, x: Array, y: Array) -> Call:
        if eps:
            session = self._session(x, y, nodes + SMOOTHING, "smoothed", keep=1 - eps, eps=eps)
        else:
            session = self._session(x, y, nodes, "loss")
        return lambda x, y: session.run(None, {"x": x, "y": y})[0]

    def losses(self, x: Array, y: Array, eps: float = 0.0) -> Any:
        losses, log_p = self._run(x, y, 'reduction = "none"')
        return (1 - eps) * losses - eps * log_p.mean(axis=1) if eps else losses

    def mean(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        return self._run(x, y, f"ignore_index = {IGNORED}" if ignoring else MEAN)[0]

    def _run(self, x: Array, y: Array, options: str) -> Any:
        self.options.enable_cpu_mem_arena = False  # an arena would keep the memory after a call
        self.options.log_severity_level = 4
        outputs = f"loss, {_TYPES[x.dtype.name]}[] log_p"
        session = self._session(x, y, LOSS_OPERATOR, outputs, options=options)
        return session.run(None, {"x": x, "y": y})

    def _session(
        self, x: Array, y: Array, nodes: str, outputs: str, options: str = MEAN, **constants: float
    ) -> Any:
        types = {name: _TYPES.get(a.dtype.name, a.dtype.name) for name, a in (("x", x), ("y", y))}
        rows, classes = x.shape
        nodes = nodes.format(x=types["x"], options=options, **constants)
        text = MODEL.format(**types, rows=rows, classes=classes, outputs=outputs, nodes=nodes)
        model = import_module("onnx.parser").parse_model(text)
        return self.library.InferenceSession(
            model.SerializeToString(), self.options, providers=["CPUExecutionProvider"]
        )


_TYPES = {"float32": "float", "float64": "double"}
