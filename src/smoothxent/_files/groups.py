"""Ids of groups in files, which are read as a whole: 8 bytes for each row, or some letters."""

import re
from contextlib import closing, suppress

import numpy as np

from smoothxent._arguments.arrays import AnyArray
from smoothxent._arguments.groups import Groups, check_groups, check_ids, encoded
from smoothxent._files.formats import format_of, located, stored_ids
from smoothxent._files.readers import text
from smoothxent._files.sharded_array import ShardedArray, Stream
from smoothxent._files.shards import OfRows, Shards

# Not 007, +7 or 7_000, which would become equal to other ids.
INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)


def stored_groups(groups: OfRows | None, logits: ShardedArray) -> Groups | None:
    """Return the groups of the rows of logits: ids in files or an array."""
    if groups is None:
        return None
    if isinstance(groups, Shards):
        return encoded(_groups_of_files(groups, logits))
    try:
        return encoded(check_groups(groups, logits.shape))
    except ValueError as error:
        if isinstance(groups, list | tuple) and isinstance(groups[0], str):
            raise ValueError(f"{error}; pass Path objects if these are files") from None
        raise


def _groups_of_files(paths: Shards, logits: ShardedArray) -> AnyArray:
    """Return the id of each row of logits as a flat array of int64 or of objects of type str."""
    locations = located("groups", paths)
    if all(format_of(location).suffix == ".txt" for location in locations):
        lines = [line for location in locations for line in text.lines(location)]
        if len(lines) != logits.num_rows:
            rest = f" to {locations[-1].name}" if len(locations) > 1 else ""
            rule = f"have {logits.num_rows} lines, one for each row of {logits}"
            raise ValueError(f"{locations[0]}{rest} must {rule}, got {len(lines)}")
        return _numbers_or_names(lines)
    parts = [_ids_of(array) for array in stored_ids(paths, logits)]
    parts = [part for part in parts if len(part)] or parts[:1]
    if len({part.dtype for part in parts}) > 1:
        raise ValueError(
            f"{locations[0]} to {locations[-1].name} must be all integers or all strings, "
            "got some of each"
        )
    return np.concatenate(parts)


def _ids_of(array: ShardedArray) -> AnyArray:
    ids = np.empty(array.num_rows, array.dtype)
    with closing(Stream(array)) as stream:
        stream.fill(ids.view(np.uint8).data)
    return check_ids(ids)


def _numbers_or_names(lines: list[str]) -> AnyArray:
    """Return integers if all lines are integers as `str` writes them, else the lines."""
    if all(map(INTEGER.fullmatch, lines)):
        with suppress(OverflowError):
            return np.array([int(line) for line in lines], np.int64)
    return np.array(lines, object)
