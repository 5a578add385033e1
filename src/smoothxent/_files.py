"""Files of logits and labels: which reader takes each, and the shards of an array as one run."""

import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from smoothxent import _checks, _label_checks, _npy, _npz, _safetensors, _shards, _text
from smoothxent._checks import DType
from smoothxent._run import Run
from smoothxent._stored_array import Place, StoredArray

BYTES_OF_TWO = np.dtype("V2")  # what np.save makes of bfloat16


class Format(NamedTuple):
    suffix: str
    magic: bytes  # with which such a file begins, if they all do
    has_members: bool
    stored: Callable[[Place], StoredArray]


FORMATS = (
    Format(".npy", _npy.MAGIC, False, _npy.stored),
    Format(".npz", _npz.MAGIC, True, _npz.stored),
    Format(".safetensors", b"", True, _safetensors.stored),
    Format(".txt", b"", False, _text.stored),
)
NAMES = ", ".join(row.suffix for row in FORMATS)


def logits(paths: Sequence[str], dtype: DType | None, argument: str = "logits") -> Run:
    """Return the rows of logits of some files, which can be taken as of this dtype."""
    shards = _stored(argument, paths)
    taken_as = dtype if dtype is not None else shards[0].words_of or None
    for shard in shards:
        _checks.logits(np.empty(0, _words(shard.dtype)), taken_as, str(shard.place))
        if len(shard.shape) < 2 or not shard.shape[-1]:
            raise ValueError(
                f"{shard.place} must have shape (N, C) or more axes, the classes last, "
                f"got {shard.shape}"
            )
    run = Run.of(shards, shards[0].shape[1:-1], shards[0].shape[-1:])
    return replace(run, dtype=_words(run.dtype), taken_as=taken_as)


def labels(paths: Sequence[str], logits: Run) -> Run:
    """Return the class indices of some files, one for each row of logits."""
    shards = _stored("labels", paths)
    for shard in shards:
        if shard.shape[1:] == logits.shape[1:] + logits.row_shape:
            raise ValueError(
                f"{shard.place} must be class indices, got probabilities of shape {shard.shape}; "
                "save their argmax over the class axis"
            )
        _label_checks.class_indices(np.empty(0, shard.dtype), str(shard.place))
    return _beside(logits, shards)


def weights(paths: Sequence[str], logits: Run) -> Run:
    """Return the weights of some files, one for each row of logits."""
    shards = _stored("sample_weight", paths)
    for shard in shards:
        _checks.weights(str(shard.place), np.empty(0, shard.dtype), (0,))
    return _beside(logits, shards)


def _beside(logits: Run, shards: Sequence[StoredArray]) -> Run:
    """Return the run of shards that hold one number for each row of logits."""
    for shard in shards:
        if not shard.shape:
            raise ValueError(f"{shard.place} must have shape (N,) or more axes, got ()")
    run = Run.of(shards, shards[0].shape[1:], ())
    if run.shape != logits.shape:
        argument = shards[0].place.argument
        remedy = _label_checks.reshape("save", argument, run.shape, logits.shape)
        raise ValueError(
            f"{run} must have shape {logits.shape}, a number for each row of {logits}, "
            f"got {run.shape}{remedy or '; name all shards of both'}"
        )
    return run


def _words(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that stored numbers are read as: plain words where it says too little."""
    return np.dtype(np.uint16) if dtype == BYTES_OF_TWO else dtype


def _stored(argument: str, shards: Sequence[str]) -> list[StoredArray]:
    """Return the arrays at the paths, each shown to be as large as it claims."""
    places = [Place(argument, Path(file), member) for file, member in map(_shards.split, shards)]
    return [_format_of(place).stored(place) for place in places]


def _format_of(place: Place) -> Format:
    """Return the format of a file, by its first bytes or else by its suffix."""
    mode = place.path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a folder is refused where it is opened
        raise ValueError(f"{place} must be a regular file, got a pipe or device; save it first")
    with place.path.open("rb") as file:
        start = file.read(max(len(row.magic) for row in FORMATS))
    likely = [row for row in FORMATS if row.magic and start.startswith(row.magic)]
    likely += [row for row in FORMATS if row.suffix == place.path.suffix]
    if not likely or (start.startswith(b"\x80") and likely[0].magic):
        found = f"a file that begins with {start!r}"
        if start.startswith(b"\x80"):
            found = "a pickle, which is never loaded"
        raise ValueError(
            f"{place} must be one of {NAMES}, got {found}; save the array with np.save"
        )
    if place.member and not likely[0].has_members:
        raise ValueError(
            f"{place} must be a file with members, got {likely[0].suffix}; leave out "
            f"::{place.member}"
        )
    return likely[0]
