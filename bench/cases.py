"""The named shapes, and the inputs made from them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

GROUPS = ("loss", "loss + gradient")

# Inputs of a case timed from memory are copied until together they exceed any last-level cache of
# common machines by far, and the timed calls walk round the copies.
OUT_OF_CACHE_BYTES = 128 * 2**20

# Larger arrays repeat one block; odd, so that no two rows of a shape below are the same.
BLOCK = 2**22 - 3


@dataclass(frozen=True)
class Case:
    """One shape with its options; `name` says where such a shape is met."""

    name: str
    num_rows: int
    num_classes: int
    label_smoothing: float = 0.1
    dtype: str = "float32"
    from_memory: bool = True
    groups: tuple[str, ...] = GROUPS
    quick: bool = False

    @property
    def shape(self) -> str:
        return f"{self.num_rows:,} x {self.num_classes:,}"

    @property
    def id(self) -> str:
        size = f"{self.num_rows}x{self.num_classes}"
        return f"{self.name}-{size}-{self.dtype}-eps{self.label_smoothing:g}"

    @property
    def size(self) -> int:
        return self.num_rows * self.num_classes

    @property
    def logits_bytes(self) -> int:
        return self.size * np.dtype(self.dtype).itemsize

    @property
    def copies(self) -> int:
        return max(1, OUT_OF_CACHE_BYTES // self.logits_bytes) if self.from_memory else 1


_LOSS = ("loss",)

CASES = (
    Case("call", 1, 10, from_memory=False, quick=True),
    Case("call", 1, 10, label_smoothing=0.0, from_memory=False, groups=_LOSS),
    Case("binary", 1_000_000, 2),
    Case("three", 100_000, 3, quick=True),
    Case("digits", 100_000, 10, quick=True),
    Case("digits", 100_000, 10, dtype="float64"),
    Case("hundred", 20_000, 100),
    Case("batch", 64, 1000, from_memory=False),
    Case("imagenet", 8192, 1000, quick=True),
    Case("imagenet", 8192, 1000, label_smoothing=0.0, groups=_LOSS),
    Case("imagenet", 8192, 1000, dtype="float64"),
    Case("bert", 2048, 30_522),
    Case("llama2", 1024, 32_000),
    Case("llama3", 256, 128_256, quick=True),
    Case("llama3", 256, 128_256, label_smoothing=0.0, groups=_LOSS),
    Case("gemma3", 64, 262_144),
    Case("one-row", 1, 262_144, from_memory=False, quick=True),
)


def selected(*, quick: bool) -> list[tuple[str, Case]]:
    """Return the (group, case) pairs; the groups of a case stand together to share its inputs."""
    return [(group, case) for case, group in product(CASES, GROUPS)
            if group in case.groups and (case.quick or not quick)]


@dataclass(frozen=True)
class Inputs:
    """`copies` equal arrays at different addresses, and one vector of labels for each."""

    logits: tuple[NDArray[np.floating], ...]
    labels: tuple[NDArray[np.int64], ...]


def make_inputs(case: Case) -> Inputs:
    """Draw normal logits times 3 and uniform labels, the same in every process and every run."""
    rng = np.random.default_rng(zlib.crc32(case.id.encode()))
    dtype: type[np.floating] = np.float32 if case.dtype == "float32" else np.float64
    block = rng.standard_normal(min(case.size, BLOCK), dtype=dtype)
    block *= 3
    logits = np.resize(block, (case.num_rows, case.num_classes))
    labels = rng.integers(case.num_classes, size=case.num_rows)
    others = range(case.copies - 1)
    return Inputs(
        (logits, *(logits.copy() for _ in others)), (labels, *(labels.copy() for _ in others))
    )
