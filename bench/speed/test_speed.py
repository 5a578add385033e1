"""One measurement for each contender, group and case: check the result, then measure the time.

No test depends on a time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from bench.peers import Peer
from bench.peers.peer import GRADIENT

from .cases import Case, Inputs, make_inputs
from .contenders import fastest_way
from .truth import Truth, float64_truth, gradient_error, loss_error

pytestmark = pytest.mark.filterwarnings(
    "ignore"
)  # warnings of the libraries, which this repository can't fix

# float32 losses: ONNX Runtime has an error of 5e-5, because it adds up a million rows one by one.
# Half types may round the loss, and terms of it. Entries of N * gradient lie in [-1, 1], so their
# tolerance is absolute; PyTorch's float32 has 4.5e-5 at 262144 classes with smoothing.
LOSS_TOLERANCE = {"float32": 1e-4, "float64": 1e-12, "bfloat16": 1e-2, "float16": 2e-3}
GRADIENT_TOLERANCE = {"float32": 1e-4, "float64": 1e-12, "bfloat16": 1e-2, "float16": 2e-3}

# Seconds of one measurement; seconds of one round, at least. A slow call has FEWEST_ROUNDS.
BUDGET, QUICK_BUDGET = 0.2, 0.1
SHORTEST_ROUND = 100e-6
FEWEST_ROUNDS = 3


@lru_cache(maxsize=1)
def inputs_of(case: Case) -> Inputs:
    return make_inputs(case)


@lru_cache(maxsize=1)
def started(contender: type[Peer], threads: int) -> Peer:
    instance = contender()
    instance.start(threads)
    return instance


@lru_cache(maxsize=1)
def truth_of(case: Case, folder: Path | None) -> Truth:
    kept = folder / f"{case.id}.npz" if folder else None
    if kept and kept.exists():
        with np.load(kept) as arrays:
            return Truth(float(arrays["loss"]), arrays["rows"], arrays["grad"])
    inputs = inputs_of(case)
    truth = float64_truth(inputs.logits[0], inputs.labels[0], case.label_smoothing)
    if kept:
        np.savez(kept, loss=truth.loss, rows=truth.rows, grad=truth.grad)
    return truth


def rounds_for(call: Callable[[], Any], *, quick: bool) -> tuple[int, int]:
    """Return (rounds, calls per round) that fill the budget, estimated from one warm call."""
    start = perf_counter()
    call()
    once = perf_counter() - start
    calls = max(1, math.ceil(SHORTEST_ROUND / once))
    rounds = int((QUICK_BUDGET if quick else BUDGET) / (once * calls))
    return min(1000, max(FEWEST_ROUNDS, rounds)), calls


def check(contender: Peer, result: Any, group: str, truth: Truth, case: Case) -> dict[str, float]:
    """Assert that the errors are small, and return them."""
    loss, grad = result if group == GRADIENT else (result, None)
    errors = {"loss_error": loss_error(float(contender.to_numpy(loss)), truth)}
    assert errors["loss_error"] <= LOSS_TOLERANCE[case.dtype]
    if grad is not None:
        grad = contender.to_numpy(grad)
        errors["gradient_error"] = gradient_error(grad, truth, case.num_rows)
        assert errors["gradient_error"] <= GRADIENT_TOLERANCE[case.dtype]
    return errors


def test_speed(
    benchmark: Any,
    contender_class: type[Peer],
    group: str,
    case: Case,
    pytestconfig: pytest.Config,
) -> None:
    inputs = inputs_of(case)
    contender = started(contender_class, pytestconfig.getoption("--bench-threads"))
    placed = [contender.place(*pair) for pair in zip(inputs.logits, inputs.labels, strict=True)]
    function = fastest_way(contender, group, case.label_smoothing, *placed[0])

    result = function(*placed[0])
    truth = truth_of(case, pytestconfig.getoption("--bench-truth"))
    errors = check(contender, result, group, truth, case)
    endless = itertools.cycle(placed)

    def call() -> None:
        function(*next(endless))

    rounds, iterations = rounds_for(call, quick=pytestconfig.getoption("--bench-quick"))
    benchmark.group = f"{group}: {case.id}"
    benchmark.pedantic(call, rounds=rounds, iterations=iterations)
    benchmark.extra_info.update(
        contender=contender.name,
        group=group,
        case=case.id,
        threads=contender.threads,
        **errors,
        **contender.details(),
    )
