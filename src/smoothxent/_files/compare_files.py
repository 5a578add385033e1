"""Comparison of two classifiers whose logits are in files, which may be larger than memory."""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import TypeAlias

from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import AnyArray
from smoothxent._arguments.bits import DType
from smoothxent._arguments.half import TypedArray
from smoothxent._comparison.comparison import Comparison
from smoothxent._comparison.pairs import Table, pair_totals
from smoothxent._comparison.settings import NAMES, OfEach, check_names, options_of_both
from smoothxent._comparison.totals import PairTotals
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.probabilities import warn_of_probabilities
from smoothxent._evaluation.settings import Options
from smoothxent._evaluation.totals import Totals
from smoothxent._files.chunks import Chunk, chunk_results
from smoothxent._files.evaluate_file import StoredRows
from smoothxent._files.formats import stored_logits
from smoothxent._files.sharded_array import ShardedArray
from smoothxent._files.shards import Paths, Shards, shards_of, shards_or_array
from smoothxent._kernel.rows import checked_rows

# rows done, rows in total, and the evaluations of a and of b for the rows done
Progress: TypeAlias = Callable[[int, int, Evaluation, Evaluation], object]


def compare_files(
    logits_a: Paths,
    logits_b: Paths,
    labels: ArrayLike | Paths,
    *,
    softcap: OfEach[float | None] = None,
    temperature: OfEach[float] = 1.0,
    label_smoothing: float = 0.0,
    sample_weight: ArrayLike | Paths | None = None,
    ignore_index: int | None = None,
    top_k: Iterable[int] = (1, 5),
    num_bins: int = 15,
    groups: ArrayLike | Paths | None = None,
    dtype: DType | None = None,
    num_threads: int | None = None,
    names: tuple[str, str] = NAMES,
    progress: Progress | None = None,
) -> Comparison:
    """Return what `compare` returns, for logits and labels in files of any size, each read once.

    Parameters
    ----------
    logits_a, logits_b : path, pattern or sequence of paths
        As in `evaluate_file`. Both must have the same shape; their dtypes may differ, and their
        shards may be cut at different rows.
    labels : array_like, path, pattern or sequence of paths
        As in `evaluate_file`.
    softcap, temperature, label_smoothing, ignore_index, top_k, num_bins, names
        As in `compare`.
    sample_weight : array_like, path, pattern or sequence of paths, optional
        As in `evaluate_file`.
    groups : array_like, path, pattern or sequence of Path, optional
        As in `evaluate_file`; the result is as in `compare`.
    dtype : "bfloat16" or "float16", optional
        The dtype of logits that are stored as bare 2-byte words; as in `evaluate_file`.
    num_threads : int, optional
        The number of threads that compute, each on its own chunk; the caller's reads ahead.
    progress : callable, optional
        Called as progress(rows_done, num_rows, evaluation_a, evaluation_b), in the caller's thread
        and in the order of the rows, with the evaluations of the rows done so far.

    Returns
    -------
    Comparison
        The same, to the last bit, as `compare` returns for the whole arrays.

    Raises
    ------
    OSError, IndexError, TypeError, ValueError
        As in `evaluate_file`; also if the logits have different shapes.

    Warns
    -----
    UserWarning
        As in `evaluate_file`.

    See Also
    --------
    compare : the same for arrays in memory.
    evaluate_file : the metrics of one classifier.

    Notes
    -----
    Memory: for each thread and one more, chunks of 8 MB of logits of a and of b; and the counts for
    the quantiles (see `Comparison`), however large the files are. `groups` needs as much as an
    array of the ids, 8 bytes for each row and up to 500 for each group.

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
    a, b = _stored_logits(shards_of("logits_a", logits_a), shards_of("logits_b", logits_b), dtype)
    stored = StoredRows.of(
        a,
        shards_or_array("labels", labels),
        shards_or_array("sample_weight", sample_weight),
        shards_or_array("groups", groups),
    )
    options = options_of_both(
        stored.num_classes, softcap, temperature, label_smoothing, top_k, num_bins
    )
    names = check_names(names)
    inputs = a, stored.labels, b, stored.weights

    def compute(chunk: Chunk) -> tuple[Totals, Totals, PairTotals]:
        rows_a, _, rows_b, *_ = chunk.arrays
        labelled = stored.labelled(chunk, ignore_index)

        def of_one(array: ShardedArray, rows: AnyArray, options: Options) -> tuple[Totals, Table]:
            checked = checked_rows(array.typed(rows), labelled.labels, -1)
            logits, _, layout = checked
            table = Table(TypedArray(logits, layout.dtype_name), options.transforms)
            return stored.totals(chunk, checked, labelled, options), table

        of_a, table_a = of_one(a, rows_a, options[0])
        of_b, table_b = of_one(b, rows_b, options[1])
        top_k = options[0].settings.top_k
        return of_a, of_b, pair_totals(table_a, table_b, labelled, top_k, num_threads=1)

    with closing(chunk_results(compute, inputs, num_threads)) as results:
        _, (total_a, total_b, pairs) = next(results)
        for num_done, (of_a, of_b, more) in results:
            total_a += of_a
            total_b += of_b
            pairs += more
            if progress is not None:
                progress(num_done, a.num_rows, Evaluation(total_a), Evaluation(total_b))
    for array, total in ((a, total_a), (b, total_b)):
        if total.looks_like_probabilities:
            warn_of_probabilities(str(array))
    return Comparison(Evaluation(total_a), Evaluation(total_b), names, pairs)


def _stored_logits(
    logits_a: Shards, logits_b: Shards, dtype: DType | None
) -> tuple[ShardedArray, ShardedArray]:
    """Return the rows of both; `dtype` is that of logits stored as bare 2-byte words."""
    a, b = _rows_of(logits_a, dtype), _rows_of(logits_b, dtype)
    if a.dtype_of_words is b.dtype_of_words is None:
        stored_logits(logits_b, dtype)  # raises: neither file has bare words
    if (a.shape, a.row_shape) != (b.shape, b.row_shape):
        rule = f"have the shape of {a}, {a.shape + a.row_shape}"
        raise ValueError(f"{b} must {rule}, got {b.shape + b.row_shape}")
    return a, b


def _rows_of(paths: Shards, dtype: DType | None) -> ShardedArray:
    try:
        return stored_logits(paths, None)
    except TypeError:  # bare words, or an error that `dtype` does not solve
        return stored_logits(paths, dtype)
