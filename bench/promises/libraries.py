"""The loss of class indices as the users of each library write it.

Labels are handed over as they are, in their own dtype: what becomes of a bad one is the question.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench import contenders

IGNORED = -100
FEW = 10


class NotOfferedError(Exception):
    """The library has no such function, or the system cannot tell: a dash in the table."""


class Library(ABC):
    """The contender of the benchmarks starts the library."""

    contender: ClassVar[type[contenders.Contender]]

    def __init__(self, threads: int = 1) -> None:
        self.hold = self.contender()
        self.hold.start(threads)
        self.library = self.hold.library

    @abstractmethod
    def losses(self, x: NDArray[Any], y: NDArray[Any], eps: float = 0.0) -> Any:
        """Return the loss of each row."""

    @abstractmethod
    def mean(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        """Return the mean loss: of all rows, or of those whose label is not IGNORED."""

    def gradient(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        """Return the gradient of that mean; a library without one leaves this, and gets a dash."""
        raise NotOfferedError


class Smoothxent(Library):
    contender = contenders.Smoothxent

    def losses(self, x: NDArray[Any], y: NDArray[Any], eps: float = 0.0) -> Any:
        return self.library.cross_entropy(
            x, y, label_smoothing=eps, reduction="none", num_threads=self.hold.threads
        )

    def mean(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        return self.library.cross_entropy(x, y, **self._options(ignoring))

    def gradient(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        return self.library.cross_entropy_and_grad(x, y, **self._options(ignoring))[1]

    def _options(self, ignoring: bool) -> dict[str, Any]:
        return {"num_threads": self.hold.threads} | ({"ignore_index": IGNORED} if ignoring else {})


class PyTorch(Library):
    """Its default ignores the label -100."""

    contender = contenders.PyTorch

    def losses(self, x: NDArray[Any], y: NDArray[Any], eps: float = 0.0) -> Any:
        return self._loss(self.library.from_numpy(x), y, label_smoothing=eps, reduction="none")

    def mean(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        return self._loss(self.library.from_numpy(x), y)

    def gradient(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        logits = self.library.from_numpy(x).requires_grad_()
        return self.library.autograd.grad(self._loss(logits, y), logits)[0]

    def _loss(self, x: Any, y: NDArray[Any], **options: Any) -> Any:
        cross_entropy = self.library.nn.functional.cross_entropy
        return cross_entropy(x, self.library.from_numpy(y), **options)


class Jax(Library):
    """The formulas of optax: log-sum-exp less the label's logit, and a smoothed table."""

    contender = contenders.Jax

    def __init__(self, threads: int = 1) -> None:
        super().__init__(threads)
        self.library.config.update("jax_enable_x64", False)  # its default
        jit, grad, formulas = self.library.jit, self.library.grad, (self._of_all, self._of_kept)
        self._losses = jit(self._of_labels)
        self._means = [jit(formula) for formula in formulas]
        self._gradients = [jit(grad(formula)) for formula in formulas]

    def losses(self, x: NDArray[Any], y: NDArray[Any], eps: float = 0.0) -> Any:
        return self._of_table(x, y, eps) if eps else self._losses(x, y)

    def mean(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        return self.library.block_until_ready(self._means[ignoring](x, y))

    def gradient(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        return self._gradients[ignoring](x, y)

    def _of_labels(self, x: Any, y: Any) -> Any:
        own = self.library.numpy.take_along_axis(x, y[:, None], axis=-1)[:, 0]
        return self.library.nn.logsumexp(x, axis=-1) - own

    def _of_all(self, x: Any, y: Any) -> Any:
        return self._of_labels(x, y).mean()

    def _of_kept(self, x: Any, y: Any) -> Any:
        jnp, kept = self.library.numpy, y != IGNORED
        losses = self._of_labels(x, jnp.where(kept, y, 0))
        return jnp.where(kept, losses, 0).sum() / kept.sum().astype(x.dtype)

    def _of_table(self, x: Any, y: Any, eps: float) -> Any:
        one_hot = self.library.nn.one_hot(y, x.shape[1], dtype=x.dtype)
        table = (1 - eps) * one_hot + eps / x.shape[1]
        return -(table * self.library.nn.log_softmax(x, axis=-1)).sum(axis=-1)


class TensorFlow(Library):
    """Its Keras knows a class to ignore; smoothing needs a table."""

    contender = contenders.TensorFlow

    def losses(self, x: NDArray[Any], y: NDArray[Any], eps: float = 0.0) -> Any:
        nn = self.library.nn
        if not eps:
            return nn.sparse_softmax_cross_entropy_with_logits(y, x).numpy()
        one_hot = self.library.one_hot(y, x.shape[1], dtype=x.dtype)
        table = (1 - eps) * one_hot + eps / x.shape[1]
        return nn.softmax_cross_entropy_with_logits(table, x).numpy()

    def mean(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        return self._mean(x, y, ignoring).numpy()

    def gradient(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        logits = self.library.constant(x)
        with self.library.GradientTape() as tape:
            tape.watch(logits)
            mean = self._mean(logits, y, ignoring)
        return tape.gradient(mean, logits).numpy()

    def _mean(self, x: Any, y: NDArray[Any], ignoring: bool) -> Any:
        loss_type = self.library.keras.losses.SparseCategoricalCrossentropy
        return loss_type(from_logits=True, ignore_class=IGNORED if ignoring else None)(y, x)


class OnnxRuntime(Library):
    """Its loss operator; smoothing by the log-softmax that this gives as well."""

    contender = contenders.OnnxRuntime

    def losses(self, x: NDArray[Any], y: NDArray[Any], eps: float = 0.0) -> Any:
        losses, log_p = self._run(x, y, reduction="none")
        return (1 - eps) * losses - eps * log_p.mean(axis=1) if eps else losses

    def mean(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        options = {"ignore_index": IGNORED} if ignoring else {}
        return self._run(x, y, reduction="mean", **options)[0]

    def _run(self, x: NDArray[Any], y: NDArray[Any], **attributes: Any) -> Any:
        onnx = import_module("onnx")
        make, kind = onnx.helper, onnx.helper.np_dtype_to_tensor_dtype
        graph = make.make_graph(
            [
                make.make_node(
                    "SoftmaxCrossEntropyLoss", ["x", "y"], ["loss", "log_p"], **attributes
                )
            ],
            "loss",
            [
                make.make_tensor_value_info("x", kind(x.dtype), x.shape),
                make.make_tensor_value_info("y", kind(y.dtype), y.shape),
            ],
            [make.make_tensor_value_info(name, kind(x.dtype), None) for name in ("loss", "log_p")],
        )
        model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
        self.hold.options.enable_cpu_mem_arena = False  # it would keep what a call has taken
        self.hold.options.log_severity_level = 4
        session = self.library.InferenceSession(
            model.SerializeToString(), self.hold.options, providers=["CPUExecutionProvider"]
        )
        return session.run(None, {"x": x, "y": y})


class ScikitLearn(Library):
    """Its metric takes probabilities, and gives one mean: few rows can be asked one by one."""

    contender = contenders.ScikitLearn

    def losses(self, x: NDArray[Any], y: NDArray[Any], eps: float = 0.0) -> Any:
        if eps or len(x) > FEW:  # it has no smoothing, and many rows would take minutes: a dash
            raise NotOfferedError
        return np.array([self._log_loss(x[n : n + 1], y[n : n + 1]) for n in range(len(x))])

    def mean(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        if not ignoring:
            return self._log_loss(x, y)
        kept = y != IGNORED
        return self._log_loss(x, np.where(kept, y, 0), sample_weight=kept.astype(float))

    def _log_loss(self, x: NDArray[Any], y: NDArray[Any], **options: Any) -> Any:
        p = import_module("scipy.special").softmax(x, axis=1)
        log_loss = import_module("sklearn.metrics").log_loss
        return log_loss(y, p, labels=range(x.shape[1]), **options)


class NumPy(Library):
    """The textbook: subtract the maximum, exp, sum, log; take the label's; forget the ignored."""

    contender = contenders.NumPy

    def log_softmax(self, x: NDArray[Any]) -> NDArray[Any]:
        shifted = x - x.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))

    def losses(self, x: NDArray[Any], y: NDArray[Any], eps: float = 0.0) -> Any:
        log_p = self.log_softmax(x)
        losses = -log_p[np.arange(len(y)), y]
        return (1 - eps) * losses - eps * log_p.mean(axis=1) if eps else losses

    def mean(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        kept = y != IGNORED if ignoring else slice(None)
        return self.losses(x[kept], y[kept]).mean()

    def gradient(self, x: NDArray[Any], y: NDArray[Any], *, ignoring: bool = False) -> Any:
        rows = np.flatnonzero(y != IGNORED) if ignoring else np.arange(len(y))
        grad = np.zeros_like(x)
        grad[rows] = np.exp(self.log_softmax(x[rows]))
        grad[rows, y[rows]] -= 1
        return grad / x.dtype.type(len(rows))


class SciPy(NumPy):
    """The same with its log_softmax."""

    contender = contenders.SciPy

    def log_softmax(self, x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(import_module("scipy.special").log_softmax(x, axis=1))


OURS = Smoothxent.contender.name
LIBRARIES: dict[str, type[Library]] = {
    library.contender.name: library
    for library in (Smoothxent, PyTorch, Jax, TensorFlow, OnnxRuntime, ScikitLearn, SciPy, NumPy)
}
