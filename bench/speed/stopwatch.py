"""One measurement for each group and case of a contender: check the result, then time the calls.

No test depends on a time. passes.py runs this file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import lru_cache
from itertools import cycle
from pathlib import Path
from timeit import repeat
from typing import Any

import numpy as np
import pytest

from bench.peers import PEERS
from bench.peers.peer import EVALUATION, GRADIENT, Peer

from .cases import Case, make_inputs, selected
from .passes import VARIABLE, Pass
from .truth import float64_truth

PASS = Pass(**json.loads(os.environ[VARIABLE]))
PEER = PEERS[PASS.contender]

# Of the mean loss, relative, and of the entries of N * gradient, which lie in [-1, 1]. ONNX Runtime
# has an error of 5e-5, because it adds up a million float32 losses one by one; PyTorch's gradient
# has 4.5e-5 at 262144 classes with smoothing. Half types may round the loss, and terms of it.
TOLERANCE = {"float32": 1e-4, "float64": 1e-12, "bfloat16": 1e-2, "float16": 2e-3}

inputs_of = lru_cache(maxsize=1)(make_inputs)


@lru_cache(maxsize=1)
def started() -> Peer:
    contender = PEER()
    contender.start(PASS.threads)
    return contender


@lru_cache(maxsize=1)
def truth_of(case: Case) -> dict[str, Any]:
    path = Path(PASS.folder, f"{case.id}.npz")
    if not path.exists():
        inputs = inputs_of(case)
        np.savez(path, **float64_truth(inputs.logits[0], inputs.labels[0], case.label_smoothing))
    with np.load(path) as truth:
        return dict(truth)


def check(result: Any, group: str, case: Case) -> dict[str, float]:
    """Assert that the errors are small, and return them."""
    to_numpy, truth = started().to_numpy, truth_of(case)
    loss, grad = result if group == GRADIENT else (result, None)
    if group == EVALUATION:
        loss, *others, _ = map(float, map(to_numpy, result))
        assert np.abs(others - truth["means"][1:]).max() <= TOLERANCE[case.dtype]
    errors = {"loss_error": abs(float(to_numpy(loss)) / float(truth["means"][0]) - 1)}
    if grad is not None:
        apart = np.abs(np.asarray(to_numpy(grad))[truth["rows"]] - truth["grad"])
        errors["gradient_error"] = float(apart.max()) * case.num_rows
    assert max(errors.values()) <= TOLERANCE[case.dtype]
    return errors


@pytest.mark.parametrize(
    "group, case", selected(PEER, quick=PASS.quick), ids=lambda each: getattr(each, "id", each)
)
def test_speed(benchmark: Any, group: str, case: Case) -> None:
    inputs, contender = inputs_of(case), started()
    placed = [contender.place(*pair) for pair in zip(inputs.logits, inputs.labels, strict=True)]

    def seconds(way: Callable[..., Any]) -> float:
        way(*placed[0])  # compiles
        return min(repeat(lambda: way(*placed[0]), number=1, repeat=3))

    fastest = min(contender.ways(group, case.label_smoothing, *placed[0]), key=seconds)
    errors = check(fastest(*placed[0]), group, case)
    endless = cycle(placed)
    benchmark(lambda: fastest(*next(endless)))
    benchmark.extra_info.update(
        contender=contender.name,
        group=group,
        case=case.id,
        threads=contender.threads,
        **errors,
        **contender.details(),
    )
