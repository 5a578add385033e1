"""Evaluation of logits in files, which may be larger than memory."""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import NamedTuple, Self, TypeAlias

from numpy.typing import ArrayLike

from smoothxent._arguments.bits import DType
from smoothxent._arguments.groups import Groups, chosen
from smoothxent._comparison.pairs import Labelled
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.probabilities import warn_of_probabilities
from smoothxent._evaluation.rows import evaluate_rows
from smoothxent._evaluation.settings import Options
from smoothxent._evaluation.totals import Totals
from smoothxent._files.chunks import Chunk, chunk_results
from smoothxent._files.errors import bad_chunk_label, weights_of_chunk
from smoothxent._files.formats import stored_labels, stored_logits, stored_weights
from smoothxent._files.groups import stored_groups
from smoothxent._files.sharded_array import ShardedArray
from smoothxent._files.shards import OfRows, Paths, Shards, shards_of, shards_or_array
from smoothxent._kernel.rows import Rows, checked_rows

# rows done, rows in total, and the evaluation of the rows done
Progress: TypeAlias = Callable[[int, int, Evaluation], object]


def evaluate_file(
    logits: Paths,
    labels: ArrayLike | Paths,
    *,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
    label_smoothing: float = 0.0,
    prior: ArrayLike | None = None,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | Paths | None = None,
    ignore_index: int | None = None,
    top_k: Iterable[int] = (1, 5),
    num_bins: int = 15,
    groups: ArrayLike | Paths | None = None,
    per_class: bool = False,
    dtype: DType | None = None,
    num_threads: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Return what `evaluate` returns, for logits and labels in files of any size.

    Parameters
    ----------
    logits : path, pattern or sequence of paths
        A .npy, .npz or .safetensors file with a C-ordered array of float32, float64, float16 or
        bfloat16, of shape (N, C) or with more axes, the classes last; or the shards of this array.
        A pattern such as ``"logits-*.npy"`` takes shards in the order of the numbers in their
        names; ``**`` matches folders of any depth. A sequence of paths or patterns keeps its own
        order. ``"file.npz::name"`` is one array of a file with several.
    labels : array_like, path, pattern or sequence of paths
        Class indices in [0, C) of any integer dtype, with the shape of `logits` without the class
        axis: an array, or a file of one of these formats; or a .txt file with one a line; or
        shards, which may be cut at other rows than those of the logits.
    softcap, temperature, z_loss, label_smoothing, prior, class_weight, ignore_index
        As in `evaluate`.
    top_k, num_bins
        As in `evaluate`.
    sample_weight : array_like, path, pattern or sequence of paths, optional
        A finite weight, not negative, for each row of all shards: an array or files.
    groups : array_like, path, pattern or sequence of Path, optional
        The id of each row's group, as in `evaluate`: an array of integers or strings, or files as
        for `labels`, which may hold strings in .npy, .npz or .txt files, one a line. A .txt file
        holds integers if all its lines are integers without leading zeros or signs other than -. A
        single str is a path, a list of str holds ids. All ids are in memory at once.
    per_class
        As in `evaluate`.
    dtype : "bfloat16" or "float16", optional
        The dtype of logits that a .npy or .npz file holds as bare 2-byte words, as np.save writes
        bfloat16.
    num_threads : int, optional
        The number of threads that compute, each on its own chunk; the caller's reads ahead.
    progress : callable, optional
        Called as progress(rows_done, num_rows, evaluation), in the caller's thread and in the order
        of the rows, with the evaluation of the rows done so far, after each chunk.

    Returns
    -------
    Evaluation
        The same, to the last bit, as `evaluate` returns for the whole arrays.

    Raises
    ------
    OSError
        A file can't be opened or read.
    IndexError
        A label that is not `ignore_index` lies outside [0, C). The error names the first such row,
        counted over all shards, and its file.
    TypeError, ValueError
        As in `evaluate`; also if a file does not hold an array as described above, its length is
        not what its header declares, or shards do not fit together. The error names the file.

    Warns
    -----
    UserWarning
        A sequence of shards is in the order of text, which puts number 10 before number 9; or the
        logits look like probabilities, as described in `evaluate`.

    See Also
    --------
    evaluate : the same for arrays in memory.
    evaluate_chunks : the same for chunks of rows from any source, such as other file formats.

    Notes
    -----
    Every header is read and checked against the length of its file before memory is allocated.
    Pickles are never loaded. An archive is streamed, not unpacked. Its checksum comes at the end,
    so `progress` may have seen rows of a corrupt archive.

    Memory: a chunk of about 8 MB of logits, at least one row, for each thread and one more chunk,
    however large the files are. Nothing is mapped into memory. `groups` needs as much as an array
    of the ids, and 8 bytes for each row.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from smoothxent import evaluate, evaluate_file
    >>> rng = np.random.default_rng(0)
    >>> logits = rng.normal(size=(1000, 10)).astype(np.float32)
    >>> labels = rng.integers(0, 10, size=1000)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder, "logits.npy"), logits)
    ...     np.save(Path(folder, "labels.npy"), labels)
    ...     evaluation = evaluate_file(Path(folder, "logits.npy"), Path(folder, "labels.npy"))
    >>> evaluation == evaluate(logits, labels)
    True
    """
    rows = StoredRows.of(
        shards_of("logits", logits),
        shards_or_array("labels", labels),
        shards_or_array("sample_weight", sample_weight),
        shards_or_array("groups", groups),
        dtype,
    )
    options = Options.of(
        rows.num_classes,
        (softcap, temperature, z_loss),
        (label_smoothing, prior, class_weight),
        top_k,
        num_bins,
        per_class,
    )
    total = evaluate_stored(rows, options, ignore_index, num_threads, progress)
    if total._totals.looks_like_probabilities:
        warn_of_probabilities(str(rows.logits))
    return total


class StoredRows(NamedTuple):
    """Logits in files, and labels and weights in files or arrays; all headers are checked."""

    logits: ShardedArray
    labels: ShardedArray
    weights: ShardedArray | None
    groups: Groups | None

    @classmethod
    def of(
        cls,
        logits: Shards | ShardedArray,
        labels: OfRows | None,
        sample_weight: OfRows | None,
        groups: OfRows | None,
        dtype: DType | None = None,
    ) -> Self:
        """Open the files and check their headers, unless those of the logits have been checked.

        The ids of groups are read at once.
        """
        rows = logits if isinstance(logits, ShardedArray) else stored_logits(logits, dtype)
        indices = stored_labels(labels, rows)
        return cls(rows, indices, stored_weights(sample_weight, rows), stored_groups(groups, rows))

    @property
    def num_classes(self) -> int:
        return self.logits.row_shape[0]

    def labelled(self, chunk: Chunk, ignore_index: int | None) -> Labelled:
        """Return the labels, the weights and the groups of the rows of a chunk."""
        weights = groups = None
        if self.weights is not None:
            weights = weights_of_chunk(self.weights, chunk)
        if self.groups is not None:
            groups = chosen(self.groups, slice(chunk.first_row, chunk.end))
        return Labelled(chunk.arrays[1], weights, ignore_index, groups)

    def totals(self, chunk: Chunk, rows: Rows, labelled: Labelled, options: Options) -> Totals:
        """Return the totals of logits on the rows of a chunk."""
        _, weights, ignore_index, groups = labelled
        try:
            return evaluate_rows(rows, options, groups, weights, ignore_index, num_threads=1)
        except IndexError:
            raise bad_chunk_label(chunk, self.logits, self.labels, ignore_index) from None


def evaluate_stored(
    stored: StoredRows,
    options: Options,
    ignore_index: int | None,
    num_threads: int | None,
    progress: Progress | None,
) -> Evaluation:
    """Return the evaluation of stored rows, from one read of their files."""
    logits, labels, weights, _ = stored

    def compute(chunk: Chunk) -> Totals:
        labelled = stored.labelled(chunk, ignore_index)
        rows = checked_rows(logits.typed(chunk.arrays[0]), labelled.labels, -1)
        return stored.totals(chunk, rows, labelled, options)

    with closing(chunk_results(compute, (logits, labels, weights), num_threads)) as results:
        _, total = next(results)
        for num_done, totals in results:
            total += totals
            if progress is not None:
                progress(num_done, logits.num_rows, Evaluation(total))
    return Evaluation(total)
