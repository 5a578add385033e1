"""The calls whose instructions are counted; bench.instructions runs this file under callgrind.

Each count begins and ends with os.getppid(), which nothing else here calls: at every entry of that
function callgrind writes its count and starts again from 0 (--dump-before=getppid). Python adds
about 500 instructions to each call, the same number every time.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import smoothxent

from .speed.cases import Case, make_inputs

Call = Callable[[], Any]

# Number of calls before the count: caches fill, the interpreter specialises its code.
WARM_UP = 8
# A call on fewer logits is counted many times: the addresses of its arrays change a single count.
MANY_LOGITS = 1000


def loss(case: Case) -> Call:
    x, y, eps = *_inputs(case), case.label_smoothing
    return lambda: smoothxent.cross_entropy(x, y, label_smoothing=eps, num_threads=1)


def loss_and_gradient(case: Case) -> Call:
    x, y, eps = *_inputs(case), case.label_smoothing
    call, grad = smoothxent.cross_entropy_and_grad, np.zeros_like(x)
    return lambda: call(x, y, label_smoothing=eps, grad_out=grad, num_threads=1)


def loss_of_probabilities(case: Case) -> Call:
    x, y, eps = *_inputs(case), case.label_smoothing
    q = smoothxent.smooth_labels(y, 0.2, num_classes=case.num_classes).astype(x.dtype)
    return lambda: smoothxent.cross_entropy(x, q, label_smoothing=eps, num_threads=1)


def softmax(case: Case) -> Call:
    x, _ = _inputs(case)
    return lambda: smoothxent.softmax(x, num_threads=1)


def evaluation(case: Case) -> Call:
    x, y, eps = *_inputs(case), case.label_smoothing
    return lambda: smoothxent.evaluate(x, y, label_smoothing=eps, num_threads=1)


def row_statistics(case: Case) -> Call:
    x, y = _inputs(case)
    return lambda: smoothxent.row_statistics(x, y, num_threads=1)


def _inputs(case: Case) -> tuple[Any, Any]:
    inputs = make_inputs(case)
    return inputs.logits[0], inputs.labels[0]


Kind = Callable[[Case], Call]


@dataclass(frozen=True)
class Counted:
    """One call on one shape."""

    kind: Kind
    case: Case

    @property
    def name(self) -> str:
        return f"{self.kind.__name__.replace('_', ' ')}, {self.case.label}"

    @property
    def times(self) -> int:
        return max(1, MANY_LOGITS // self.case.size)


def _on(kind: Kind, num_rows: int, num_classes: int, **options: Any) -> Counted:
    return Counted(kind, Case("counted", num_rows, num_classes, from_memory=False, **options))


COUNTED = (
    _on(loss, 1, 10),
    _on(loss, 4096, 2),
    _on(loss, 4096, 3),
    _on(loss, 4096, 10),
    _on(loss, 1024, 100),
    _on(loss, 512, 256),
    _on(loss, 512, 1000),
    _on(loss, 512, 1000, label_smoothing=0.0),
    _on(loss, 64, 30_522),
    _on(loss, 8, 128_256),
    _on(loss, 256, 1000, dtype="float64"),
    _on(loss_and_gradient, 4096, 3),
    _on(loss_and_gradient, 512, 1000),
    _on(loss_and_gradient, 64, 30_522),
    _on(loss_of_probabilities, 512, 1000),
    _on(softmax, 1, 10),
    _on(softmax, 512, 1000),
    _on(evaluation, 1, 10),
    _on(evaluation, 4096, 3),
    _on(evaluation, 4096, 10),
    _on(evaluation, 1024, 100),
    _on(evaluation, 512, 1000),
    _on(evaluation, 64, 30_522),
    _on(evaluation, 256, 1000, dtype="float64"),
    _on(row_statistics, 1, 10),
    _on(row_statistics, 4096, 10),
    _on(row_statistics, 512, 1000),
)


def versions() -> dict[str, str]:
    """Return the versions on which the counts depend, in addition to the sources."""
    kernel = next(m for name, m in sys.modules.items() if name.endswith("_float32"))
    compilers = re.findall(
        rb"GCC: \([^)]*\) [\d.]+|clang version [\w.~+-]+", Path(str(kernel.__file__)).read_bytes()
    )
    shared = next((name for name in sys.modules if name.startswith("_cython_")), "_cython_unknown")
    return {
        "machine": platform.machine(),
        "instruction set": smoothxent.info()["isa"],
        "compiler": ", ".join(sorted({text.decode() for text in compilers})) or "unknown",
        "C library": " ".join(platform.libc_ver()),
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "Cython": shared.removeprefix("_cython_").replace("_", "."),
    }


def repeat(call: Call, times: int) -> None:
    for _ in range(times):
        call()


def main() -> None:
    gc.disable()
    for counted in COUNTED:
        call = counted.kind(counted.case)
        repeat(call, WARM_UP * counted.times)
        os.getppid()
        repeat(call, counted.times)
        os.getppid()
    print(json.dumps(versions()))


if __name__ == "__main__":
    main()
