"""Files of logits, labels and weights: the reader for each format, and shards as one array."""

import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from smoothxent._arguments.bits import DType, bits, name_of
from smoothxent._arguments.groups import REMEDIES
from smoothxent._arguments.labels import check_class_indices, check_integers, reshape_remedy
from smoothxent._arguments.logits import WORD, check_logits
from smoothxent._arguments.options import check_weights
from smoothxent._files.readers import npy, npz, safetensors, text
from smoothxent._files.readers.memory import in_memory
from smoothxent._files.sharded_array import ShardedArray
from smoothxent._files.shards import OfRows, Shards, split_member
from smoothxent._files.stored_array import Location, StoredArray


class Format(NamedTuple):
    suffix: str
    magic: bytes  # the first bytes of every such file; empty if they differ
    has_members: bool
    stored: Callable[[Location], StoredArray]


FORMATS = (
    Format(".npy", npy.MAGIC, False, npy.stored),
    Format(".npz", npz.MAGIC, True, npz.stored),
    Format(".safetensors", b"", True, safetensors.stored),
    Format(".txt", b"", False, text.stored),
)
OF_LOGITS = FORMATS[:-1]
TEXT = {".csv": ", delimiter=','", ".tsv": "", ".txt": ""}  # arguments of np.loadtxt


def stored_logits(paths: Shards, dtype: DType | None) -> ShardedArray:
    """Return the rows of logits in some files; `dtype` is that of bare 2-byte words."""
    shards = _stored("logits", paths, OF_LOGITS)
    name = shards[0].declared_dtype if dtype is None else name_of(dtype)
    for shard in shards:
        if len(shard.shape) == 1 and shard.dtype.kind in "iu":
            raise TypeError(
                f"{shard.location} must be rows of real numbers, got {shard.dtype} of shape "
                f"{shard.shape}; are logits and labels swapped?"
            )
        empty = np.empty(0, _words(shard.dtype))
        is_bits = name and empty.dtype.char == "H"
        own = check_logits(bits(empty, name) if is_bits else empty, str(shard.location)).dtype_name
        if name not in ("", own):
            raise TypeError(
                f"dtype must be {own}, that of the {shard.location}, got {name}; leave it out"
            )
        if len(shard.shape) < 2 or not shard.shape[-1]:
            raise ValueError(
                f"{shard.location} must have shape (N, C) or more axes, the classes last, "
                f"got {shard.shape}"
            )
    array = ShardedArray.of(shards, shards[0].shape[1:-1], shards[0].shape[-1:])
    return replace(array, dtype=_words(array.dtype), dtype_of_words=name or None)


def stored_labels(labels: OfRows | None, logits: ShardedArray) -> ShardedArray:
    """Return class indices in files or an array, one for each row of logits."""
    if not isinstance(labels, Shards):
        shape = logits.shape + logits.row_shape
        return in_memory("labels", check_class_indices(labels, shape, logits.shape))
    shards = _stored("labels", labels)
    for shard in shards:
        if shard.shape[1:] == logits.shape[1:] + logits.row_shape:
            raise ValueError(
                f"{shard.location} must be class indices, got probabilities of shape "
                f"{shard.shape}; save their argmax over the class axis"
            )
        check_integers(np.empty(0, shard.dtype), str(shard.location))
    return _one_for_each_row(logits, shards)


def stored_weights(weights: OfRows | None, logits: ShardedArray) -> ShardedArray | None:
    """Return weights in files or an array, one for each row of logits."""
    if weights is None:
        return None
    if not isinstance(weights, Shards):
        checked = check_weights("sample_weight", weights, logits.shape)
        return in_memory("sample_weight", checked.reshape(logits.shape))
    shards = _stored("sample_weight", weights)
    for shard in shards:
        check_weights(str(shard.location), np.empty(0, shard.dtype), (0,))
    return _one_for_each_row(logits, shards)


def stored_ids(paths: Shards, logits: ShardedArray) -> list[ShardedArray]:
    """Return the ids of groups in each file, integers or strings of any width.

    All files together have one id for each row of logits.
    """
    shards = _stored("groups", paths)
    for shard in shards:
        if shard.dtype.kind not in "iuU":
            remedy = REMEDIES.get(shard.dtype.kind, "")
            raise TypeError(
                f"{shard.location} must be integers or strings, got {shard.dtype}{remedy}"
            )
    _one_for_each_row(logits, [replace(shard, dtype=shards[0].dtype) for shard in shards])
    return [ShardedArray.of([shard], shard.shape[1:], ()) for shard in shards]


def _one_for_each_row(logits: ShardedArray, shards: Sequence[StoredArray]) -> ShardedArray:
    """Return the shards as one array, which must have one number for each row of logits."""
    for shard in shards:
        if not shard.shape:
            raise ValueError(f"{shard.location} must have shape (N,) or more axes, got ()")
    array = ShardedArray.of(shards, shards[0].shape[1:], ())
    if array.shape == logits.shape:
        return array
    argument = shards[0].location.argument
    each = f"{'an id' if argument == 'groups' else 'a number'} for each row of"
    if 1 < len(shards) == len(logits.shards) and array.shape[1:] == logits.shape[1:]:
        for shard, rows in zip(shards, logits.shards, strict=True):
            if len(shard) != len(rows):
                raise ValueError(
                    f"{shard.location} must have length {len(rows)}, {each} {rows.location}, "
                    f"got {len(shard)}"
                )
    remedy = reshape_remedy("save", argument, array.shape, logits.shape)
    raise ValueError(
        f"{array} must have shape {logits.shape}, {each} {logits}, "
        f"got {array.shape}{remedy or '; name all shards of both'}"
    )


def _words(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype to read stored numbers with: uint16 for bare 2-byte words."""
    return np.dtype(np.uint16) if dtype == WORD else dtype


def _stored(argument: str, paths: Shards, formats: Sequence[Format] = FORMATS) -> list[StoredArray]:
    """Return the arrays at the paths; the size of each has been checked against its file."""
    stored = []
    for each in located(argument, paths):
        with each.named():
            stored.append(format_of(each, formats).stored(each))
    return stored


def located(argument: str, paths: Shards) -> list[Location]:
    """Return the file and the member that each path means."""
    return [Location(argument, Path(file), member) for file, member in map(split_member, paths)]


def format_of(location: Location, formats: Sequence[Format] = FORMATS) -> Format:
    """Return which of the formats a file has, by its first bytes or else by its suffix."""
    mode = location.path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a folder raises
        raise ValueError(f"{location} must be a regular file, got a pipe or device; save it first")
    with location.named(), location.path.open("rb") as file:
        start = file.read(max(len(row.magic) for row in FORMATS))
    if not start and location.path.suffix != ".txt":
        raise ValueError(f"{location} must hold an array, got an empty file; copy or save it again")
    likely = [row for row in formats if row.magic and start.startswith(row.magic)]
    likely += [row for row in formats if row.suffix == location.path.suffix]
    if not likely or (start.startswith(b"\x80") and likely[0].magic):
        content = f"a file that begins with {start!r}"
        if start.startswith(b"\x80"):
            content = "a pickle, which is never loaded"
        names = ", ".join(row.suffix for row in formats)
        remedy = _to_numpy(location, formats)
        raise ValueError(f"{location} must be one of {names}, got {content}; {remedy}")
    if location.member and not likely[0].has_members:
        raise ValueError(
            f"{location} must be a file with members, got {likely[0].suffix}; leave out "
            f"::{location.member}"
        )
    return likely[0]


def _to_numpy(location: Location, formats: Sequence[Format]) -> str:
    """Return how to save an array that is in a file of another format."""
    suffix = location.path.suffix
    if suffix not in TEXT:
        return "save the array with np.save"
    if formats is FORMATS:
        return "with one integer or id a line, rename it to .txt"
    return f"save np.loadtxt({location.path.name!r}, np.float32{TEXT[suffix]}) with np.save"
