"""Two classifiers whose logits are in files, which may be larger than memory."""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import TypeAlias

import numpy as np

from smoothxent import (
    _files,
    _labelled_rows,
    _layouts,
    _pairs,
    _probabilities,
    _shards,
    _threads,
)
from smoothxent._checks import DType
from smoothxent._comparison import Comparison
from smoothxent._evaluate import of_rows
from smoothxent._evaluation import Evaluation
from smoothxent._file_checks import bad_label
from smoothxent._labelled_rows import Chunk
from smoothxent._pair_metrics import Pairs
from smoothxent._pairs import Logits
from smoothxent._run import Run
from smoothxent._settings import Options
from smoothxent._shards import Paths

# rows done, rows in all, and the evaluations of those that are done
Progress: TypeAlias = Callable[[int, int, Evaluation, Evaluation], object]


def compare_files(
    logits_a: Paths,
    logits_b: Paths,
    labels: Paths,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    top_k: Iterable[int] = (1, 5),
    num_bins: int = 15,
    dtype: DType | None = None,
    num_threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Return what `compare` does, of logits and labels in files of any size, each read once.

    Parameters
    ----------
    logits_a, logits_b, labels : path, pattern or sequence of paths
        As `evaluate_file` takes them, of equal shapes; the dtypes of both logits may differ, and
        shards may be cut at different rows.
    label_smoothing, ignore_index, top_k, num_bins
        As in `compare`.
    dtype : "bfloat16" or "float16", optional
        The dtype of logits that are stored as bare 2-byte words; as in `evaluate_file`.
    num_threads : int, optional
        Threads that compute, each a chunk of its own; one more reads ahead of them.
    progress : callable, optional
        Called as progress(rows_done, num_rows, evaluation_a, evaluation_b), in the caller's thread
        and in the order of the rows, with the evaluations of the rows that are done.

    Returns
    -------
    Comparison
        To the last bit that of `compare` for the whole arrays.

    Raises
    ------
    OSError, IndexError, TypeError, ValueError
        As in `evaluate_file`; the logits have unequal shapes.

    Warns
    -----
    UserWarning
        As in `evaluate_file`.

    See Also
    --------
    compare : the same of arrays in memory.
    evaluate_file : the metrics of one classifier.

    Notes
    -----
    Memory: some chunks of 8 MB, as in `evaluate_file`, and 17 bytes a row.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from smoothxent import compare, compare_files
    >>> rng = np.random.default_rng(0)
    >>> arrays = {"a": rng.normal(size=(100, 9)), "b": rng.normal(size=(100, 9))}
    >>> arrays["labels"] = rng.integers(0, 9, size=100)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [Path(folder, f"{name}.npy") for name in arrays]
    ...     for path, array in zip(paths, arrays.values()):
    ...         np.save(path, array)
    ...     comparison = compare_files(*paths)
    >>> comparison == compare(*arrays.values())
    True
    """
    a, b = _runs(_shards.of("logits_a", logits_a), _shards.of("logits_b", logits_b), dtype)
    indices = _files.labels(_shards.of("labels", labels), a)
    options = Options.of(
        a.row_shape[0], None, 1.0, 0.0, label_smoothing, None, None, top_k, num_bins
    )
    threads = _threads.resolve(num_threads, a.num_rows * a.row_shape[0])
    suspects: list[str] = []

    def compute(chunk: Chunk) -> tuple[Evaluation, Evaluation, Pairs]:
        rows_a, labels, rows_b = chunk.arrays
        both = [
            _layouts.of(rows, labels, -1, run.taken_as) for rows, run in ((rows_a, a), (rows_b, b))
        ]
        try:
            of_a, of_b = (
                of_rows(*rows, options, None, ignore_index, num_threads=1) for rows in both
            )
        except IndexError:
            raise bad_label(chunk, a, indices, ignore_index) from None
        for run, rows in zip((a, b), both, strict=True):
            if not chunk.first_row and _probabilities.are_likely(*rows, ignore_index):
                suspects.append(str(run))
        pair = [Logits(rows, layout.build) for rows, _, layout in both]
        return of_a, of_b, _pairs.of(pair[0], pair[1], labels, ignore_index, num_threads=1)

    nothing = (np.empty((0, *run.row_shape), run.dtype) for run in (a, indices, b))
    total_a, total_b, pairs = compute(Chunk(0, tuple(nothing)))  # any other check finds its fault
    parts = [pairs]
    with closing(_labelled_rows.results(compute, (a, indices, b), threads)) as results:
        for num_done, (of_a, of_b, pairs) in results:
            total_a += of_a
            total_b += of_b
            parts.append(pairs)
            while suspects:  # warned of here, in the caller's thread
                _probabilities.warn(suspects.pop(0), stacklevel=2)
            if progress is not None:
                progress(num_done, a.num_rows, total_a, total_b)
    return Comparison.of(total_a, total_b, Pairs(*map(np.concatenate, zip(*parts, strict=True))))


def _runs(logits_a: list[str], logits_b: list[str], dtype: DType | None) -> tuple[Run, Run]:
    """Return the rows of both; `dtype` is for those that are stored as bare 2-byte words."""
    a, b = _run(logits_a, dtype), _run(logits_b, dtype)
    if a.taken_as is b.taken_as is None:
        _files.logits(logits_b, dtype)  # where a dtype that is told in vain finds its fault
    if (a.shape, a.row_shape) != (b.shape, b.row_shape):
        rule = f"have the shape of {a}, {a.shape + a.row_shape}"
        raise ValueError(f"{b} must {rule}, got {b.shape + b.row_shape}")
    return a, b


def _run(paths: list[str], dtype: DType | None) -> Run:
    try:
        return _files.logits(paths, None)
    except TypeError:  # bare words, or a fault that `dtype` does not mend
        return _files.logits(paths, dtype)
