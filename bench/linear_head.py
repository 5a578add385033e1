"""`python -m bench.linear_head`: the head without its logits, against the bare matrix product.

Rows of hidden features times a weight per class, and the mean loss of that, label_smoothing=0.1,
float32: by `linear_cross_entropy`, by the product and then `cross_entropy`, and by PyTorch's two
ways where it is installed; each in a process of its own. The bare product goes into an array that
is there already; what others allocate is their own affair.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import load
from .contenders import default_threads
from .timing import seconds, show

ROOT = Path(__file__).resolve().parent.parent
SAVED = ROOT / "bench" / "results" / "linear_head.json"
SHAPES = ((1024, 768, 50257), (4096, 768, 1000), (2048, 2048, 32000))
PASSES = 3
PRODUCT = "bare product"


def product(hidden: Any, weight: Any, labels: Any) -> Callable[[], Any]:
    import numpy as np

    out = np.empty((len(hidden), len(weight)), np.float32)
    return lambda: np.matmul(hidden, weight.T, out=out)


def ours(hidden: Any, weight: Any, labels: Any) -> Callable[[], Any]:
    from smoothxent import linear_cross_entropy

    return lambda: linear_cross_entropy(hidden, weight, labels, label_smoothing=0.1)


def ours_with_gradients(hidden: Any, weight: Any, labels: Any) -> Callable[[], Any]:
    from smoothxent import linear_cross_entropy_and_grad

    return lambda: linear_cross_entropy_and_grad(hidden, weight, labels, label_smoothing=0.1)


def two_steps(hidden: Any, weight: Any, labels: Any) -> Callable[[], Any]:
    from smoothxent import cross_entropy

    return lambda: cross_entropy(hidden @ weight.T, labels, label_smoothing=0.1)


def of_torch(hidden: Any, weight: Any, labels: Any, *, chunked: bool, backward: bool) -> Any:
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    h, w, y = (torch.from_numpy(array) for array in (hidden, weight, labels))
    functional: Any = torch.nn.functional
    if chunked:  # which refuses label smoothing
        options = torch.nn.LinearCrossEntropyOptions()
        loss = lambda: functional.linear_cross_entropy(h, w, y, options=options)  # noqa: E731
    else:
        loss = lambda: functional.cross_entropy(  # noqa: E731
            functional.linear(h, w), y, label_smoothing=0.1
        )
    if not backward:
        return loss
    h.requires_grad_(), w.requires_grad_()

    def forward_and_backward() -> None:
        h.grad = w.grad = None
        loss().backward()

    return forward_and_backward


WAYS: dict[str, Callable[..., Any]] = {
    PRODUCT: product,
    "linear_cross_entropy": ours,
    "product, cross_entropy": two_steps,
    "PyTorch, linear and cross_entropy": lambda *a: of_torch(*a, chunked=False, backward=False),
    "PyTorch, linear_cross_entropy": lambda *a: of_torch(*a, chunked=True, backward=False),
    "linear_cross_entropy_and_grad": ours_with_gradients,
    "PyTorch, backward too": lambda *a: of_torch(*a, chunked=False, backward=True),
    "PyTorch, linear_cross_entropy, backward too": lambda *a: of_torch(
        *a, chunked=True, backward=True
    ),
}


def call(name: str, num_rows: int, num_features: int, num_classes: int) -> Callable[[], Any]:
    """What is timed, on inputs of the same seed for everyone."""
    import numpy as np

    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((num_rows, num_features), dtype=np.float32)
    weight = rng.standard_normal((num_classes, num_features), dtype=np.float32)
    weight *= np.float32(3 / num_features**0.5)
    return WAYS[name](hidden, weight, rng.integers(0, num_classes, num_rows))  # type: ignore[no-any-return]


def in_a_process_of_its_own(threads: int, *what: object) -> float:
    command = [sys.executable, "-m", "bench.linear_head", "--child", json.dumps(what)]
    # What sets OpenBLAS to another CPU than this is for other purposes, and slows it.
    strange = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
    environment = {name: value for name, value in os.environ.items() if name not in strange}
    environment |= {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.linear_head", description=__doc__)
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--save", action="store_true", help=f"to {SAVED.relative_to(ROOT)}")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(seconds(call(*options.child)))
        return
    names = [name for name in WAYS if find_spec("torch") or not name.startswith("PyTorch")]
    begin = load.now()
    figures: dict[str, dict[str, float]] = {}
    for shape in SHAPES:
        least = dict.fromkeys(names, float("inf"))
        for _ in range(PASSES):  # interleaved, so that a drift favours nobody
            for name in names:
                taken = in_a_process_of_its_own(options.threads, name, *shape)
                least[name] = min(least[name], taken)
        case = " x ".join(map(str, shape))
        figures[case] = least
        print(case)
        for name, value in least.items():
            print(
                f"  {name:44} {show(value):>8}  {value / least[PRODUCT]:.2f} products", flush=True
            )
    busy = load.others_busy(begin, load.now())
    print(f"other processes kept {busy} cores busy meanwhile")
    if options.save:
        record = {"threads": options.threads, "others_busy": busy, "seconds": figures}
        SAVED.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
