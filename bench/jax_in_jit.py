"""`python -m bench.jax_in_jit`: smoothxent.jax against jitted JAX, each in its own process.

The mean loss of float32 logits, label_smoothing=0.1, alone, with its gradient, and in a step of
descent, which needs the gradient for a moment only. One row of ten classes shows what a call costs
beside its work. `--cpu` counts the time of the processor on one core, which stays the same on a
machine that others use too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .contenders import default_threads
from .timing import seconds, show
from .torch_drop_in import PASSES, ROOT, SHAPES

SAVED = ROOT / "bench" / "results" / "jax_in_jit.json"
OURS, THEIRS = "smoothxent.jax", "jitted JAX"
WAYS = ("loss", "loss + gradient", "step of descent")


def call(way: str, name: str, num_rows: int, num_classes: int) -> Callable[[], Any]:
    """What is timed, on inputs of the same seed for everyone."""
    import jax
    import jax.numpy as jnp

    import smoothxent.jax

    def theirs(logits: Any, labels: Any) -> Any:
        log_sum_exp = jax.nn.logsumexp(logits, axis=1)
        of_label = jnp.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
        return jnp.mean(log_sum_exp - 0.9 * of_label - 0.1 * logits.mean(axis=1))

    def ours(logits: Any, labels: Any) -> Any:
        return smoothxent.jax.cross_entropy(logits, labels, label_smoothing=0.1)

    loss = ours if name == OURS else theirs
    ways = {
        "loss": loss,
        "loss + gradient": jax.value_and_grad(loss),
        "step of descent": lambda logits, labels: logits - 0.1 * jax.grad(loss)(logits, labels),
    }
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.normal(0, 3, (num_rows, num_classes)).astype(np.float32))
    labels = jnp.asarray(rng.integers(0, num_classes, num_rows).astype(np.int32))
    np.testing.assert_allclose(ours(logits, labels), theirs(logits, labels), rtol=1e-5)
    jitted = jax.jit(ways[way])
    return lambda: jax.block_until_ready(jitted(logits, labels))


def in_a_process_of_its_own(*what: object, threads: int, cpu: bool) -> float:
    command = [sys.executable, "-m", "bench.jax_in_jit", "--child", json.dumps(what)]
    settings = {"JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [*command, *(["--cpu"] if cpu else [])],
        cwd=ROOT, env=os.environ | settings, check=True, capture_output=True,
    )  # fmt: skip
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.jax_in_jit", description=__doc__)
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--cpu", action="store_true", help="time of the processor, on one core")
    parser.add_argument("--save", action="store_true", help=f"to {SAVED.relative_to(ROOT)}")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    threads = 1 if options.cpu else options.threads
    cores = sorted(os.sched_getaffinity(0))[:threads]  # JAX knows no other way to say how many
    if options.child:
        os.sched_setaffinity(0, cores)
        clock = time.process_time if options.cpu else time.perf_counter
        print(seconds(call(*options.child), clock))
        return
    figures: dict[str, dict[str, float]] = {}
    for shape in SHAPES:
        for way in WAYS:
            least = dict.fromkeys((OURS, THEIRS), float("inf"))
            for _ in range(PASSES):  # interleaved, so that a drift favours nobody
                for name in least:
                    taken = in_a_process_of_its_own(
                        way, name, *shape, threads=threads, cpu=options.cpu
                    )
                    least[name] = min(least[name], taken)
            case = f"{shape[0]} x {shape[1]}, {way}"
            figures[case] = least
            shown = ", ".join(f"{name} {show(value)}" for name, value in least.items())
            print(f"{case}: {shown}; {least[THEIRS] / least[OURS]:.2f} times as fast", flush=True)
    if options.save:
        record = {"threads": threads, "clock": "cpu" if options.cpu else "wall", "seconds": figures}
        SAVED.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
