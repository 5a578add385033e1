"""PyTorch, eager and compiled."""

from __future__ import annotations

from typing import Any

from bench.reference import Floats, Labels

from .contender import Call, Contender


class PyTorch(Contender):
    name = "PyTorch"
    module = "torch"
    dtypes = ("float32", "float64", "bfloat16", "float16")

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

    def loss(self, eps: float, x: Any, y: Any) -> list[Call]:
        return [self.optimised(loss) for loss in self._formulas(eps, x)]

    def loss_and_gradient(self, eps: float, x: Any, y: Any) -> list[Call]:
        grad_of = self.library.autograd.grad

        def with_gradient(loss: Call) -> Call:
            def call(x: Any, y: Any) -> tuple[Any, Any]:
                mean = loss(x.requires_grad_(), y)
                return mean.detach(), grad_of(mean, x)[0]

            return call

        return [with_gradient(self.optimised(loss)) for loss in self._formulas(eps, x)]

    def _formulas(self, eps: float, x: Any) -> list[Call]:
        """Half types are widened first, as language models do it, or taken as they are.

        The latter not in float16: there the smoothing term overflows, and the loss is inf.
        """
        torch, cross_entropy = self.library, self.library.nn.functional.cross_entropy

        def as_it_is(x: Any, y: Any) -> Any:
            return cross_entropy(x, y, label_smoothing=eps)

        def widened(x: Any, y: Any) -> Any:
            return cross_entropy(x.float(), y, label_smoothing=eps)

        ways = {torch.bfloat16: [as_it_is, widened], torch.float16: [widened]}
        return ways.get(x.dtype, [as_it_is])

    def optimised(self, loss: Call) -> Call:
        return loss


class Compiled(PyTorch):
    name = "torch.compile"
    product = "PyTorch"

    def optimised(self, loss: Call) -> Call:
        # Compiled again for every case: after eight shapes of one function it would give up.
        self.library._dynamo.reset()
        compiled: Call = self.library.compile(loss, dynamic=False)
        return compiled
