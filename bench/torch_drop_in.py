"""`python -m bench.torch_drop_in`: smoothxent.torch against PyTorch's own, each in its own process.

The mean loss of float32 logits, label_smoothing=0.1: forward alone and forward with backward, as
training code writes them. One row of ten classes shows what a call costs beside its work. One
thread is timed by its processor's clock, which a busy neighbour hardly touches.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import load
from .contenders import default_threads
from .timing import seconds, show

ROOT = Path(__file__).resolve().parent.parent
SAVED = ROOT / "bench" / "results" / "torch_drop_in.json"
SHAPES = ((1, 10), (64, 1000), (2048, 8000), (1024, 32000))
NUMPY, OURS, THEIRS = "smoothxent", "smoothxent.torch", "torch.nn.functional"
FORWARD, BOTH = "forward", "forward + backward"
PASSES = 3


def call(way: str, name: str, num_rows: int, num_classes: int, threads: int) -> Callable[[], Any]:
    """What is timed, on inputs of the same seed for everyone."""
    import torch

    import smoothxent
    from smoothxent.torch import cross_entropy

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    logits = 3 * torch.randn(num_rows, num_classes)
    target = torch.randint(0, num_classes, (num_rows,))
    if name == NUMPY:
        function: Any = smoothxent.cross_entropy
        if way == BOTH:
            function = smoothxent.cross_entropy_and_grad
        x, y = logits.numpy(), target.numpy()
        return lambda: function(
            x, y, label_smoothing=0.1, ignore_index=-100, axis=1, num_threads=threads
        )
    loss = cross_entropy if name == OURS else torch.nn.functional.cross_entropy
    if way == FORWARD:
        return lambda: loss(logits, target, label_smoothing=0.1)
    logits.requires_grad_()

    def forward_and_backward() -> None:
        logits.grad = None
        loss(logits, target, label_smoothing=0.1).backward()

    return forward_and_backward


def in_a_process_of_its_own(*what: object) -> float:
    command = [sys.executable, "-m", "bench.torch_drop_in", "--child", json.dumps(what)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.torch_drop_in", description=__doc__)
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--save", action="store_true", help=f"to {SAVED.relative_to(ROOT)}")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        is_one_thread = options.child[-1] == 1
        clock = time.process_time if is_one_thread else time.perf_counter
        print(seconds(call(*options.child), clock))
        return
    begin = load.now()
    figures: dict[str, dict[str, float]] = {}
    for shape in SHAPES:
        for way in (FORWARD, BOTH):
            least = dict.fromkeys((NUMPY, OURS, THEIRS), float("inf"))
            for _ in range(PASSES):  # interleaved, so that a drift favours nobody
                for name in least:
                    taken = in_a_process_of_its_own(way, name, *shape, options.threads)
                    least[name] = min(least[name], taken)
            case = f"{shape[0]} x {shape[1]}, {way}"
            figures[case] = least
            shown = ", ".join(f"{name} {show(value)}" for name, value in least.items())
            print(f"{case}: {shown}; {least[THEIRS] / least[OURS]:.1f} times as fast", flush=True)
    busy = load.others_busy(begin, load.now())
    print(f"other processes kept {busy} cores busy meanwhile")
    if options.save:
        record = {"threads": options.threads, "others_busy": busy, "seconds": figures}
        SAVED.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
