"""Paths of logits and labels: which reader takes a file, and the shards of an array as one run."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from smoothxent import _checks, _npy
from smoothxent._checks import DType
from smoothxent._run import Run
from smoothxent._stored_array import Place, StoredArray

Paths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

BYTES_OF_TWO = np.dtype("V2")  # what np.save makes of bfloat16


class Format(NamedTuple):
    name: str
    suffix: str
    magic: bytes  # with which such a file begins
    stored: Callable[[Place], StoredArray]


FORMATS = (Format(".npy", ".npy", _npy.MAGIC, _npy.stored),)
NAMES = ", ".join(row.name for row in FORMATS)


def logits(paths: Paths, dtype: DType | None) -> Run:
    """Return the rows of logits of some files, which can be taken as of this dtype."""
    shards = _stored("logits", paths)
    for shard in shards:
        _checks.logits(np.empty(0, _words(shard.dtype)), dtype, str(shard.place))
        if len(shard.shape) < 2 or not shard.shape[-1]:
            raise ValueError(
                f"{shard.place} must have shape (N, C) or more axes, the classes last, "
                f"got {shard.shape}"
            )
    run = Run.of(shards, shards[0].shape[1:-1], shards[0].shape[-1:])
    return replace(run, dtype=_words(run.dtype))


def labels(paths: Paths, logits: Run) -> Run:
    """Return the class indices of some files, one for each row of logits."""
    shards = _stored("labels", paths)
    for shard in shards:
        _checks.class_indices(np.empty(0, shard.dtype), str(shard.place))
    return _beside(logits, shards)


def _beside(logits: Run, shards: Sequence[StoredArray]) -> Run:
    """Return the run of shards that hold one number for each row of logits."""
    for shard in shards:
        if not shard.shape:
            raise ValueError(f"{shard.place} must have shape (N,) or more axes, got ()")
    run = Run.of(shards, shards[0].shape[1:], ())
    if run.shape != logits.shape:
        raise ValueError(
            f"{run} must have shape {logits.shape}, a number for each row of {logits}, "
            f"got {run.shape}; name all shards of both"
        )
    return run


def _words(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that stored numbers are read as: plain words where it says too little."""
    return np.dtype(np.uint16) if dtype == BYTES_OF_TWO else dtype


def _stored(argument: str, paths: Paths) -> list[StoredArray]:
    """Return the arrays at the paths, each shown to be as large as it claims."""
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    if not isinstance(several, Sequence):
        raise TypeError(
            f"{argument} must be a path or a sequence of paths, got {type(paths).__name__}; "
            "evaluate takes arrays"
        )
    if not several:
        raise ValueError(f"{argument} must be at least one path, got none")
    for path in several:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"{argument} must be paths, got {path!r}")
    places = [Place(argument, Path(path)) for path in several]
    return [_reader_of(place)(place) for place in places]


def _reader_of(place: Place) -> Callable[[Place], StoredArray]:
    """Return what reads a file, by its first bytes or else by its suffix."""
    with place.path.open("rb") as file:
        start = file.read(max(len(row.magic) for row in FORMATS))
    for row in FORMATS:
        if row.magic and start.startswith(row.magic):
            return row.stored
    if start.startswith(b"\x80"):
        raise ValueError(
            f"{place} must be one of {NAMES}, got a pickle, which is never loaded; "
            "save the array with np.save"
        )
    for row in FORMATS:
        if place.path.suffix == row.suffix:
            return row.stored
    raise ValueError(
        f"{place} must be one of {NAMES}, got a file that begins with {start!r}; "
        "save the array with np.save"
    )
