"""One measurement per contender, group and case: right first, then timed.

Nothing that was timed is asserted.
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

from .cases import Case, Inputs, make_inputs
from .contenders import Contender
from .reference import Truth, float64_truth, gradient_error, loss_error

# Float32 sums of up to 262144 terms, pairwise, stay far below the loss's tolerance. Entries of
# N * gradient lie in [-1, 1], so theirs is absolute; PyTorch's float32 needs 4.5e-5 of it at
# 262144 classes with smoothing.
LOSS_TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
GRADIENT_TOLERANCE = {"float32": 1e-4, "float64": 1e-12}

# Seconds of one measurement, and of one round at least; a slow call still has FEWEST_ROUNDS.
BUDGET, QUICK_BUDGET = 0.2, 0.1
SHORTEST_ROUND = 100e-6
FEWEST_ROUNDS = 3


@lru_cache(maxsize=1)
def inputs_of(case: Case) -> Inputs:
    return make_inputs(case)


@lru_cache(maxsize=1)
def started(contender: type[Contender], threads: int) -> Contender:
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
    """Return (rounds, calls per round) that fill the budget, judged by one warm call."""
    start = perf_counter()
    call()
    once = perf_counter() - start
    calls = max(1, math.ceil(SHORTEST_ROUND / once))
    rounds = int((QUICK_BUDGET if quick else BUDGET) / (once * calls))
    return min(1000, max(FEWEST_ROUNDS, rounds)), calls


def check(result: Any, group: str, truth: Truth, case: Case) -> dict[str, float]:
    """Return the errors after asserting that they are small."""
    loss, grad = (result, None) if group == "loss" else result
    errors = {"loss_error": loss_error(float(loss), truth)}
    assert errors["loss_error"] <= LOSS_TOLERANCE[case.dtype]
    if grad is not None:
        errors["gradient_error"] = gradient_error(grad, truth, case.num_rows)
        assert errors["gradient_error"] <= GRADIENT_TOLERANCE[case.dtype]
    return errors


def test_speed(
    benchmark: Any,
    contender_class: type[Contender],
    group: str,
    case: Case,
    pytestconfig: pytest.Config,
) -> None:
    inputs = inputs_of(case)
    truth = truth_of(case, pytestconfig.getoption("--bench-truth"))
    contender = started(contender_class, pytestconfig.getoption("--bench-threads"))
    prepare = contender.loss if group == "loss" else contender.loss_and_gradient
    calls = [
        prepare(logits, labels, case.label_smoothing)
        for logits, labels in zip(inputs.logits, inputs.labels, strict=True)
    ]

    errors = check(calls[0](), group, truth, case)
    endless = itertools.cycle(calls)
    call = calls[0] if len(calls) == 1 else lambda: next(endless)()
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
    if benchmark.stats:  # None under --benchmark-disable
        seconds = benchmark.stats.stats.median
        benchmark.extra_info.update(
            gb_per_s=case.logits_bytes / seconds / 1e9,
            rows_per_s=case.num_rows / seconds,
            elements_per_s=case.size / seconds,
        )
