"""The cases with their exact values, by table of docs/promises.md."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.peers.peer import IGNORED, NotOfferedError, Peer

Ask = Callable[[Peer], str]
MEMORY, DIGITS, BITS = "memory", "digits", "bits"
LABELS, MASKS, FORK = "labels", "masks", "fork"
ONE_THREAD, TWO_THREADS = 1, 2
DIGEST = 64  # characters


@dataclass(frozen=True)
class Case:
    """A call and its exact result; a case with `alone` may crash or hang its process."""

    table: str
    name: str
    exact: str
    ask: Ask
    alone: bool = False
    threads: int = ONE_THREAD


def cases() -> list[Case]:
    return [
        Case(MEMORY, "mean loss of 64 x 262,144, 64 MiB of logits", "-", _memory, alone=True),
        *_digits(),
        *_bits(),
        *_labels(),
        *_masks(),
        Case(
            FORK,
            "fork after a call of two threads, and the same call in the child",
            "same bits",
            _fork,
            alone=True,
            threads=TWO_THREADS,
        ),
    ]


def number(value: Any) -> str:
    """Write six digits, and zero without its sign, which nobody promises."""
    return f"{float(value) + 0.0:.6g}"


def _loss_of(x: NDArray[Any], label: int) -> Ask:
    return lambda library: number(np.asarray(library.losses(x, np.array([label])))[0])


def _gradient_of(x: NDArray[Any], label: int) -> Ask:
    return lambda library: number(np.asarray(library.gradient(x, np.array([label])))[0, label])


def _exactly(gaps: dict[str, int], label: str = "0") -> Decimal:
    """Return log(sum of counts * exp(gap)) - label: the loss of logits that are exact decimals."""
    with localcontext(prec=80):
        total = sum(count * Decimal(gap).exp() for gap, count in gaps.items())
        return Decimal(total).ln() - Decimal(label)


def _digits() -> list[Case]:
    """Return cases whose label leads by a gap that float32 softmaxes round away."""
    leading = []
    for gap in (17, 40, 100):
        x, tail = np.array([[gap, 0]], np.float32), _exactly({"0": 1, f"-{gap}": 1})
        with localcontext(prec=80):
            grad = -1 / (1 + Decimal(gap).exp())
        leading += [
            Case(DIGITS, f"loss of [{gap}, 0], label 0", number(tail), _loss_of(x, 0)),
            Case(DIGITS, f"gradient of [{gap}, 0] at label 0", number(grad), _gradient_of(x, 0)),
        ]
    far = np.array([[1_000_000, 1_000_000.5, 999_998.75]], np.float32)
    levels = (np.arange(262_144) % 64 / 8).astype(np.float32)[None]
    leader = np.zeros((1, 262_144), np.float32)
    leader[0, 0] = 30
    return [
        *leading,
        Case(
            DIGITS,
            "loss of 1e6 + [0, 0.5, -1.25], label 1",
            number(_exactly({"0": 1, "0.5": 1, "-1.25": 1}, "0.5")),
            _loss_of(far, 1),
        ),
        Case(
            DIGITS,
            "loss of 262,144 classes, 0 to 7.875, label 63",
            number(_exactly({f"{k / 8}": 4096 for k in range(64)}, "7.875")),
            _loss_of(levels, 63),
        ),
        Case(
            DIGITS,
            "loss of 262,144 classes, the label's 30, the others 0",
            number(_exactly({"0": 1, "-30": 262_143})),
            _loss_of(leader, 0),
        ),
    ]


def _batches() -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return several batches: a single float32 mean may have the same bits by chance."""
    rng = np.random.default_rng(0)
    return [
        (rng.normal(0, 4, (20_001, 10)).astype(np.float32), rng.integers(0, 10, 20_001))
        for _ in range(8)
    ]


def _digest(values: Iterable[Any]) -> str:
    return hashlib.sha256(b"".join(np.asarray(value).tobytes() for value in values)).hexdigest()


def _means(library: Peer) -> str:
    return _digest(library.mean(x, y) for x, y in _batches())


def _bits() -> list[Case]:
    """Return cases that compare the bytes of all results."""

    def reversed_rows(library: Peer) -> str:
        backwards = (library.mean(x[::-1].copy(), y[::-1].copy()) for x, y in _batches())
        return _same(_means(library), _digest(backwards))

    def cut(library: Peer) -> str:
        whole = (library.losses(x, y) for x, y in _batches())
        parts = (
            library.losses(x[a:b].copy(), y[a:b])
            for x, y in _batches()
            for a, b in ((0, 1), (1, 9_000), (9_000, len(y)))
        )
        return _same(_digest(whole), _digest(parts))

    def of_threads(threads: int) -> Case:
        return Case(
            BITS,
            "means of eight batches of 20,001 x 10 by 1 and by 2 threads",
            "same bits",
            _means,
            threads=threads,
        )

    return [
        of_threads(ONE_THREAD),
        of_threads(TWO_THREADS),
        Case(BITS, "the same with the rows reversed", "same bits", reversed_rows),
        Case(
            BITS,
            "their losses, each batch cut into 1, 8,999 and 11,001 rows",
            "same bits",
            cut,
            threads=TWO_THREADS,
        ),
    ]


def _same(one: str, other: str) -> str:
    return "same bits" if one == other else "other bits"


def joined(answers: list[str]) -> str:
    """Return one answer from the digests of processes with different numbers of threads."""
    others = [answer for answer in answers if len(answer) < DIGEST]
    return others[0] if others else _same(answers[0], answers[-1])


def _labels() -> list[Case]:
    """Return cases with two rows of three classes; the first row has the bad label."""
    x = np.array([[0.5, 1.5, 3.25], [-2.0, 0.25, 1.0]], np.float32)
    log_sum_exp = float(np.log(np.exp(x[0].astype(float)).sum()))
    of_next_row = x[1] - np.log(np.exp(x[1].astype(float)).sum())
    meanings = {
        log_sum_exp - float(x[0, 2]): "loss of the last class",
        log_sum_exp - float(x[0, 1]): "loss of class 1",
        -float(of_next_row[0]): "loss of the next row",
        log_sum_exp: "loss without its label",
    }

    def bad(label: Any, dtype: Any) -> Ask:
        labels = np.array([label, 1], dtype)

        def ask(library: Peer) -> str:
            loss = float(np.asarray(library.losses(x, labels))[0])
            texts = (text for value, text in meanings.items() if abs(value - loss) < 1e-5)
            return next(texts, number(loss))

        return ask

    wanted = "no such class"
    return [
        Case(LABELS, "label 3 of 3 classes", wanted, bad(3, np.int64), alone=True),
        Case(LABELS, "label -1", wanted, bad(-1, np.int64), alone=True),
        Case(LABELS, "label 2^63 - 1", wanted, bad(2**63 - 1, np.int64), alone=True),
        Case(LABELS, "label 2^32 + 1", wanted, bad(2**32 + 1, np.int64), alone=True),
        Case(LABELS, "label 2^64 - 1, uint64", wanted, bad(2**64 - 1, np.uint64), alone=True),
        Case(LABELS, "label 1.0, float32", "no index", bad(1.0, np.float32), alone=True),
        Case(LABELS, "label 1.5, float32", "no index", bad(1.5, np.float32), alone=True),
    ]


def _masks() -> list[Case]:
    bad_row = np.array([[0, 0], [np.nan, 0]], np.float32)
    ignored = np.array([0, IGNORED])
    absent = np.array([[0, 1, -np.inf]], np.float32)

    def mean(x: NDArray[Any], y: NDArray[Any]) -> Ask:
        return lambda library: number(library.mean(x, y, ignoring=True))

    def gradient(library: Peer) -> str:
        return number(np.asarray(library.gradient(bad_row, ignored, ignoring=True))[1, 1])

    def smoothed(library: Peer) -> str:
        return number(np.asarray(library.losses(absent, np.array([1]), 0.1))[0])

    return [
        Case(
            MASKS,
            "mean of two rows, the second ignored and nan",
            number(_exactly({"0": 2})),
            mean(bad_row, ignored),
        ),
        Case(MASKS, "its gradient in the ignored row", "0", gradient),
        Case(
            MASKS,
            "mean where all rows are ignored",
            "0 / 0",
            mean(bad_row, np.array([IGNORED, IGNORED])),
        ),
        Case(
            MASKS,
            "loss of [0, 1, -inf], label 1",
            number(_exactly({"-1": 1, "0": 1})),
            _loss_of(absent, 1),
        ),
        Case(MASKS, "the same with smoothing 0.1", "inf", smoothed),
    ]


def _memory(library: Peer) -> str:
    """Return how much the resident set grows during a second equal call."""
    x = np.random.default_rng(0).standard_normal((64, 262_144), np.float32)
    y = np.zeros(64, np.int64)
    library.mean(x, y)  # compiles, starts threads
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # reset the peak
    except OSError as error:  # not on this system
        raise NotOfferedError from error
    before = _resident("VmRSS")
    library.mean(x, y)
    grown = (_resident("VmHWM") - before) / 1024
    return "< 1 MiB" if grown < 1 else f"{grown:.0f} MiB"


def _resident(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{name}:\s*(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1])


def _fork(library: Peer) -> str:
    """Compare parent and child; if the child hangs, processes.py kills both and answers "hangs"."""
    before = _means(library)
    child = os.fork()
    if not child:
        os._exit(0 if _means(library) == before else 1)
    status = os.waitpid(child, 0)[1]
    return {0: "same bits", 256: "other bits"}.get(status, f"crash (signal {status})")
