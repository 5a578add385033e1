"""The named shapes, and their inputs."""

from __future__ import annotations

import importlib
import zlib
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.peers.peer import EVALUATION, GRADIENT, GROUPS, LOSS, Peer

SMALL = 2**15  # logits; the time of smaller calls is mostly their constant cost

# If a case is timed from memory, its inputs are copied until they are much larger than the
# last-level cache of common machines, and the timed calls use the copies in turns.
OUT_OF_CACHE_BYTES = 128 * 2**20

# Larger arrays repeat one block of an odd size, so that all rows of the shapes below differ.
BLOCK = 2**22 - 3


@dataclass(frozen=True)
class Case:
    """One shape with its options; `name` is a typical use of the shape."""

    name: str
    num_rows: int
    num_classes: int
    label_smoothing: float = 0.1
    dtype: str = "float32"
    from_memory: bool = True
    ascending: bool = False  # each row is sorted: every tile raises the maximum
    groups: tuple[str, ...] = GROUPS
    quick: bool = False  # measured with --quick
    headline: bool = False  # `evaluate` is timed too

    @property
    def shape(self) -> str:
        return f"{self.num_rows:,} x {self.num_classes:,}"

    @property
    def id(self) -> str:
        size = f"{self.num_rows}x{self.num_classes}"
        return f"{self.name}-{size}-{self.dtype}-eps{self.label_smoothing:g}"

    @property
    def label(self) -> str:
        """The shape, and the options other than float32, 0.1 and from memory."""
        cached = not self.from_memory and self.size >= SMALL
        return ", ".join(
            [
                self.shape,
                *[self.dtype] * (self.dtype != "float32"),
                *[f"eps {self.label_smoothing:g}"] * (self.label_smoothing != 0.1),
                *["in cache"] * cached,
                *["ascending"] * self.ascending,
            ]
        )

    @property
    def size(self) -> int:
        return self.num_rows * self.num_classes

    @property
    def logits_bytes(self) -> int:
        return self.size * {"float64": 8, "float32": 4}.get(self.dtype, 2)

    @property
    def copies(self) -> int:
        return max(1, OUT_OF_CACHE_BYTES // self.logits_bytes) if self.from_memory else 1

    def belongs_to(self, group: str) -> bool:
        if group == EVALUATION:
            return self.headline and not self.ascending
        return group in self.groups


_LOSS = (LOSS,)

CASES = (
    Case("call", 1, 10, from_memory=False, quick=True, headline=True),
    Case("call", 1, 10, label_smoothing=0.0, from_memory=False, groups=_LOSS),
    Case("binary", 1_000_000, 2, headline=True),
    Case("three", 100_000, 3, quick=True, headline=True),
    Case("three", 100_000, 3, label_smoothing=0.0, groups=_LOSS),
    Case("digits", 100_000, 10, quick=True, headline=True),
    Case("digits", 100_000, 10, dtype="float64"),
    Case("digits", 100_000, 10, dtype="bfloat16", groups=_LOSS),
    Case("digits", 100_000, 10, dtype="float16", groups=_LOSS),
    Case("hundred", 20_000, 100, quick=True, headline=True),
    Case("batch", 64, 1000, from_memory=False, headline=True),
    Case("cached", 2048, 1000, from_memory=False),
    Case("imagenet", 8192, 1000, quick=True, headline=True),
    Case("imagenet", 8192, 1000, label_smoothing=0.0, groups=_LOSS),
    Case("climbing", 8192, 1000, ascending=True, groups=_LOSS, headline=True),
    Case("imagenet", 8192, 1000, dtype="float64", headline=True),
    Case("imagenet", 8192, 1000, dtype="bfloat16", headline=True),
    Case("imagenet", 8192, 1000, dtype="float16"),
    Case("bert", 2048, 30_522, headline=True),
    Case("llama2", 1024, 32_000),
    Case("llama2", 1024, 32_000, dtype="float64", groups=_LOSS),
    Case("llama2", 1024, 32_000, dtype="bfloat16"),
    Case("llama2", 1024, 32_000, dtype="float16", groups=_LOSS),
    Case("llama3", 256, 128_256, quick=True, headline=True),
    Case("llama3", 256, 128_256, label_smoothing=0.0, groups=_LOSS),
    Case("climbing", 256, 128_256, ascending=True, groups=_LOSS),
    Case("gemma3", 64, 262_144),
    Case("amazon", 32, 670_091, headline=True),
    Case("one-row", 1, 262_144, from_memory=False, quick=True, headline=True),
)


def selected(contender: type[Peer], *, quick: bool) -> list[tuple[str, Case]]:
    """Return the (group, case) pairs; groups of the same case are adjacent and share its inputs."""
    return [
        (group, case)
        for case, group in product(CASES, (LOSS, EVALUATION, GRADIENT))
        if group in contender.groups and case.dtype in contender.dtypes
        if case.belongs_to(group) and (case.quick or not quick)
    ]


@dataclass(frozen=True)
class Inputs:
    """Equal arrays at different addresses, with a vector of labels for each."""

    logits: tuple[NDArray[np.floating], ...]
    labels: tuple[NDArray[np.int64], ...]


def make_inputs(case: Case) -> Inputs:
    """Draw normal logits of deviation 3 and uniform labels, the same in every process and run."""
    rng = np.random.default_rng(zlib.crc32(case.id.encode()))
    if case.dtype == "bfloat16":
        importlib.import_module("ml_dtypes")  # registers the name of the dtype
    dtype = np.float64 if case.dtype == "float64" else np.float32
    block = rng.standard_normal(min(case.size, BLOCK), dtype=dtype)
    block *= 3
    logits: NDArray[Any] = np.resize(block, (case.num_rows, case.num_classes))
    if case.ascending:
        logits.sort(axis=1)
    logits = logits.astype(case.dtype, copy=False)
    labels = rng.integers(case.num_classes, size=case.num_rows)
    others = range(case.copies - 1)
    return Inputs(
        (logits, *(logits.copy() for _ in others)), (labels, *(labels.copy() for _ in others))
    )
