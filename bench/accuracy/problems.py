"""Rows for each regime, dtype and number of classes, the same in every process and run."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from bench.peers.setting import Setting

from .regimes import REGIMES, Draw, Labels, Regime
from .settings import BARE_SETTINGS, FEW_SETTINGS, SETTINGS, settings_of

DTYPES = ("float32", "float64", "float16", "bfloat16")

# One class; up to 128, with one row in each lane; around a tile of 1024; several segments.
CLASS_COUNTS = (1, 2, 3, 10, 17, 100, 128, 129, 1000, 1025, 20_000, 262_144)
QUICK_CLASS_COUNTS = (2, 10, 130)
MANY = 2000  # logits of one problem; rows with more classes use only FEW_SETTINGS
MOST_ROWS, QUICK_ROWS = 24, 8


@dataclass(frozen=True)
class Problem:
    """Rows of one regime, and the settings of their losses."""

    regime: str
    dtype: str
    logits: NDArray[Any]  # (N, C)
    labels: Labels
    settings: tuple[Setting, ...]

    @property
    def num_classes(self) -> int:
        return int(self.logits.shape[1])


def problems(
    *, quick: bool = False, dtypes: tuple[str, ...] = DTYPES, seed: int = 0
) -> Iterator[Problem]:
    counts = QUICK_CLASS_COUNTS if quick else CLASS_COUNTS
    for num_classes, dtype, regime in product(counts, dtypes, REGIMES):
        num_rows = max(1, min(QUICK_ROWS if quick else MOST_ROWS, MANY // num_classes))
        yield draw(regime, dtype, num_rows, num_classes, seed)


def draw(regime: Regime, dtype: str, num_rows: int, num_classes: int, seed: int = 0) -> Problem:
    """Draw a random problem; the seed is added to a checksum of the problem's name."""
    name = f"{regime.name}, {dtype}, {num_rows} x {num_classes}"
    rng = np.random.default_rng(zlib.crc32(name.encode()) + seed)
    limits = ml_dtypes.finfo(dtype)
    largest, tiny = float(limits.max), float(limits.smallest_subnormal)
    wide, labels = regime.draw(Draw(rng, num_rows, num_classes, largest, tiny))
    settings = settings_of(rng, labels, num_classes, _settings_for(regime, dtype, num_classes))
    logits = np.clip(wide, -largest, largest).astype(dtype)
    return Problem(regime.name, dtype, logits, labels, tuple(settings))


def _settings_for(regime: Regime, dtype: str, num_classes: int) -> Iterable[str]:
    if dtype in regime.bare:
        return BARE_SETTINGS
    return FEW_SETTINGS if num_classes > MANY else SETTINGS
