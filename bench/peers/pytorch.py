"""PyTorch, eager and compiled."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from .evaluations import torch_evaluation, torchmetrics_evaluation
from .peer import ALL_DTYPES, ALL_GROUPS, EVALUATION, Array, Call, Floats, Labels, Peer
from .setting import Setting


class PyTorch(Peer):
    """torch.nn.functional.cross_entropy, which ignores the label -100 by default."""

    name = "PyTorch"
    module = "torch"
    groups: ClassVar[tuple[str, ...]] = ALL_GROUPS
    dtypes: ClassVar[tuple[str, ...]] = ALL_DTYPES

    def pin(self, threads: int) -> int:
        self.library.set_num_threads(threads)
        return int(self.library.get_num_threads())

    def place(self, logits: Floats, labels: Labels) -> tuple[Any, Any]:
        torch = self.library
        if logits.dtype.name == "bfloat16":
            x = torch.from_numpy(logits.view("int16")).view(torch.bfloat16)
        else:
            x = torch.from_numpy(logits)
        return x, torch.from_numpy(labels)

    def to_numpy(self, array: Any) -> Floats:
        if not hasattr(array, "detach"):
            return super().to_numpy(array)
        array = array.detach()
        return super().to_numpy(array.float() if array.itemsize == 2 else array)

    def loss_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        return [self.optimised(loss) for loss in self._formulas(eps, x)]

    def gradient_ways(self, eps: float, x: Any, y: Any) -> list[Call]:
        grad_of = self.library.autograd.grad

        def with_gradient(loss: Call) -> Call:
            def call(x: Any, y: Any) -> tuple[Any, Any]:
                mean = loss(x.requires_grad_(), y)
                return mean.detach(), grad_of(mean, x)[0]

            return call

        return [with_gradient(self.optimised(loss)) for loss in self._formulas(eps, x)]

    def _formulas(self, eps: float, x: Any) -> list[Call]:
        """Return the loss with half types widened first, as in language models, and without.

        float16 is always widened: otherwise the smoothing term overflows, and the loss is inf.
        """
        torch, cross_entropy = self.library, self.library.nn.functional.cross_entropy

        def as_it_is(x: Any, y: Any) -> Any:
            return cross_entropy(x, y, label_smoothing=eps)

        def widened(x: Any, y: Any) -> Any:
            return cross_entropy(x.float(), y, label_smoothing=eps)

        ways = {torch.bfloat16: [as_it_is, widened], torch.float16: [widened]}
        return ways.get(x.dtype, [as_it_is])

    def evaluations(self, eps: float, x: Any, y: Any) -> list[Call]:
        return [self.optimised(torch_evaluation(self.library, eps))]

    def optimised(self, loss: Call) -> Call:
        return loss

    def softmax(self, x: Any) -> Any:
        return self.library.softmax(x, 1)

    def log_softmax(self, x: Any) -> Any:
        return self.library.log_softmax(x, 1)

    def log_sum_exp(self, x: Any) -> Any:
        return self.library.logsumexp(x, 1)

    def has(self, setting: Setting) -> bool:
        return "prior" not in setting.options

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

    def losses(self, x: Array, y: Array, eps: float = 0.0) -> Any:
        return self._loss(self.library.from_numpy(x), y, label_smoothing=eps, reduction="none")

    def mean(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        return self._loss(self.library.from_numpy(x), y)

    def gradient(self, x: Array, y: Array, *, ignoring: bool = False) -> Any:
        logits = self.library.from_numpy(x).requires_grad_()
        return self.library.autograd.grad(self._loss(logits, y), logits)[0]

    def _loss(self, x: Any, y: Array, **options: Any) -> Any:
        cross_entropy = self.library.nn.functional.cross_entropy
        return cross_entropy(x, self.library.from_numpy(y), **options)


class Compiled(PyTorch):
    name = "torch.compile"
    product = "PyTorch"

    def optimised(self, loss: Call) -> Call:
        # Compile again for every case: after eight shapes of a function PyTorch stops compiling.
        self.library._dynamo.reset()
        compiled: Call = self.library.compile(loss, dynamic=False)
        return compiled


class TorchMetrics(PyTorch):
    """Functions of torchmetrics, and PyTorch's for what it has not."""

    name = product = "torchmetrics"
    module = "torchmetrics"
    groups = (EVALUATION,)
    dtypes = ("float32", "float64")

    def start(self, threads: int, *, by_default: bool = False) -> None:
        super().start(threads, by_default=by_default)
        self.library = import_module("torch")

    def pin(self, threads: int) -> int:
        import_module("torch").set_num_threads(threads)
        return threads

    def details(self) -> dict[str, str]:
        return super().details() | {"version": import_module(self.module).__version__}

    def evaluations(self, eps: float, x: Any, y: Any) -> list[Call]:
        functional = import_module("torchmetrics.functional.classification")
        return [torchmetrics_evaluation(self.library, functional, eps)]
