"""Evaluation of chunks of rows from any source: each is computed while the next one is taken."""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from typing import NamedTuple, Self, TypeAlias

from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import AnyArray, plain_array
from smoothxent._arguments.groups import Groups, check_groups, encoded
from smoothxent._arguments.labels import check_class_indices
from smoothxent._arguments.options import check_flag, check_integer, check_positive, check_top_k
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.probabilities import warn_of_probabilities
from smoothxent._evaluation.read_ahead import results_in_order
from smoothxent._evaluation.rows import evaluate_rows
from smoothxent._evaluation.settings import Options
from smoothxent._evaluation.totals import Totals
from smoothxent._kernel.rows import Rows, checked_rows

Chunk: TypeAlias = (
    tuple[ArrayLike, ArrayLike]
    | tuple[ArrayLike, ArrayLike, ArrayLike | None]
    | tuple[ArrayLike, ArrayLike, ArrayLike | None, ArrayLike | None]
)
# the rows done, and their evaluation
Progress: TypeAlias = Callable[[int, Evaluation], object]

ITEMS = "(logits, labels), with sample_weight and groups after them or not"


def evaluate_chunks(
    chunks: Iterable[Chunk],
    *,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
    label_smoothing: float = 0.0,
    prior: ArrayLike | None = None,
    class_weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    top_k: Iterable[int] = (1, 5),
    num_bins: int = 15,
    per_class: bool = False,
    num_threads: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Return what `evaluate` returns, for chunks of rows from any source, such as a generator.

    Parameters
    ----------
    chunks : iterable of (logits, labels), (..., sample_weight) or (..., sample_weight, groups)
        Each chunk is a tuple or a list of what `evaluate` accepts, with the classes on the last
        axis of the logits: arrays or tensors of any library, slices of arrays on disk, a batch of a
        DataLoader. All chunks have the same number of classes; the number of rows may differ, and
        may be 0. `sample_weight` None means weights of 1. All chunks have groups, or none has; a
        group may have rows in many chunks.
    softcap, temperature, z_loss, label_smoothing, prior, class_weight, ignore_index
        As in `evaluate`.
    top_k, num_bins, per_class, num_threads
        As in `evaluate`.
    progress : callable, optional
        Called as progress(rows_done, evaluation), in the caller's thread and in the order of the
        chunks, with the evaluation of the rows done so far. The call for a chunk comes after the
        next chunk has been taken.

    Returns
    -------
    Evaluation
        The same, to the last bit, as `evaluate` returns for the rows of all chunks at once. For no
        chunks, the evaluation of no rows: counts of 0, and every mean is nan.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `evaluate`; the error names the chunk. Also if a chunk is not a tuple or a list of two
        to four items, or has another number of classes than the first one. Of several errors, that
        of the first chunk is raised.
    Exception
        Any error that the iterable raises.

    Warns
    -----
    UserWarning
        The logits of the first chunk look like probabilities, as described in `evaluate`.

    See Also
    --------
    evaluate : the same for arrays in memory.
    evaluate_file : the same for files of arrays, which it reads itself.

    Notes
    -----
    Read-ahead: a chunk is computed in another thread while the caller's thread takes the next one
    from the iterable, and never more than one. So code of a generator runs in the caller's thread,
    where `torch.inference_mode`, a database connection or Ctrl-C have their usual effect. The other
    thread computes a copy of the chunk: the iterable may use the same arrays for the next one.

    If the call ends with an error, or Ctrl-C, it first waits for the chunk that is being computed,
    and closes the iterable if it is a generator.

    Memory: copies of two chunks, in addition to what the iterable itself holds. `evaluate_file`
    uses chunks of 8 MB.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import evaluate, evaluate_chunks
    >>> rng = np.random.default_rng(0)
    >>> logits = rng.normal(size=(1000, 10)).astype(np.float32)
    >>> labels = rng.integers(0, 10, size=1000)
    >>> chunks = ((logits[i : i + 300], labels[i : i + 300]) for i in range(0, 1000, 300))
    >>> evaluate_chunks(chunks) == evaluate(logits, labels)
    True
    """
    top_k = check_top_k(top_k)  # an iterator can be read only once
    nothing = Evaluation.empty(
        softcap=softcap,
        temperature=temperature,
        z_loss=z_loss,
        label_smoothing=label_smoothing,
        prior=prior,
        class_weight=class_weight,
        top_k=top_k,
        num_bins=num_bins,
    )
    if ignore_index is not None:
        check_integer("ignore_index", ignore_index)
    if num_threads is not None:
        check_positive("num_threads", num_threads)
    check_flag("per_class", per_class)
    iterator = _iterator_of(chunks)

    def taken() -> Iterator[tuple[CopiedChunk, Options]]:
        kind: Kind | None = None
        for chunk in map(CopiedChunk.of, count(), iterator):
            if kind is None:
                kind, classes = chunk.kind, chunk.kind.num_classes
                transforms = softcap, temperature, z_loss
                targets = label_smoothing, prior, class_weight
                options = Options.of(classes, transforms, targets, top_k, num_bins, per_class)
            chunk.check_kind(kind)
            yield chunk, options

    def compute(taken: tuple[CopiedChunk, Options]) -> Totals:
        chunk, options = taken
        return chunk.totals(options, ignore_index, num_threads)

    total = nothing._totals
    with ExitStack() as stack:
        if isinstance(iterator, Generator):
            stack.callback(iterator.close)
        for totals in stack.enter_context(closing(results_in_order(taken(), compute, 1))):
            total += totals
            if progress is not None:
                progress(total.num_rows, Evaluation(total))
    if total.looks_like_probabilities:
        warn_of_probabilities("logits of chunks[0]")
    return Evaluation(total)


class Kind(NamedTuple):
    """What all chunks have in common."""

    num_classes: int
    has_groups: bool


class CopiedChunk(NamedTuple):
    """Rows in memory of their own, which the source of the chunks cannot change."""

    number: int
    rows: Rows
    sample_weight: AnyArray | None
    groups: Groups | None

    @classmethod
    def of(cls, number: int, chunk: object) -> Self:
        """Check and copy a chunk of the caller."""
        if not isinstance(chunk, tuple | list):
            raise TypeError(f"chunks[{number}] must be {ITEMS}, got {type(chunk).__name__}")
        if len(chunk) not in (2, 3, 4):
            raise ValueError(f"chunks[{number}] must be {ITEMS}, got {len(chunk)} items")
        logits, labels, sample_weight, groups = (*chunk, None, None)[:4]
        with errors_that_name(number):
            array, indices, layout = checked_rows(logits, labels, -1, check_class_indices)
            if sample_weight is not None:
                sample_weight = plain_array("sample_weight", sample_weight).copy()
            if groups is not None:
                groups = encoded(check_groups(groups, layout.row_shape))
        return cls(number, (array.copy(), indices.copy(), layout), sample_weight, groups)

    @property
    def kind(self) -> Kind:
        return Kind(self.rows[2].num_classes, self.groups is not None)

    def check_kind(self, first: Kind) -> None:
        """Raise unless this chunk is of the kind of the first one."""
        if self.kind.num_classes != first.num_classes:
            raise ValueError(
                f"chunks[{self.number}]: logits must have {first.num_classes} classes, "
                f"as in chunks[0], got shape {self.rows[0].shape}"
            )
        if self.kind.has_groups != first.has_groups:
            only = "chunks[0]" if first.has_groups else f"chunks[{self.number}]"
            raise ValueError(
                f"chunks[{self.number}]: groups must be in all chunks or in none, "
                f"got them only in {only}"
            )

    def totals(self, options: Options, ignore_index: int | None, num_threads: int | None) -> Totals:
        with errors_that_name(self.number):
            return evaluate_rows(
                self.rows, options, self.groups, self.sample_weight, ignore_index, num_threads
            )


def _iterator_of(chunks: Iterable[object]) -> Iterator[object]:
    try:
        return iter(chunks)
    except TypeError as error:
        kind = type(chunks).__name__
        raise TypeError(f"chunks must be an iterable of {ITEMS}, got {kind}") from error


@contextmanager
def errors_that_name(number: int) -> Iterator[None]:
    """Add the name of a chunk to errors about its arrays."""
    try:
        yield
    except (IndexError, TypeError, ValueError) as error:
        error.args = (f"chunks[{number}]: {error}",)
        raise
