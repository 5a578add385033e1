"""The typed interface of every build of the kernel, the modules `<isa>_<dtype>` of this folder.

`stored` is the dtype of the build; float16 and bfloat16 are stored as bits in uint16. `real` is
float32 for these two and the same as `stored` for the others. There are N = outer * inner rows, and
row n = o * inner + i. An inner axis of length 1 may be missing, but then from all arrays. Arrays
may have any strides and alignment unless "contiguous" is stated; byte order is native. A build
checks only the values of labels and probabilities; Python checks everything else.
"""

from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.options import Targets, Transforms

# Counts and weights of the rows: the number of rows; the number of rows that are not ignored and
# have a sample weight other than 0; the exact sum over these rows of sample weight times the
# label's class weight, in units of 2**-places; places. The sum of the losses has the same units.
Count: TypeAlias = tuple[int, int, int, int]
NUM_ROWS, NUM_KEPT, WEIGHT, PLACES = range(4)
# An exact sum: the fields of an Exact.
Triple: TypeAlias = tuple[int, int, str]
# The count; the exact sum of the finite losses, in float64, and the sum of the other losses; the
# number of rows that are not ignored; sums, hits, bins and histogram, named as in `totals`, without
# the sums of the loss. Of each bin with rows its number, and their number; with the digits, as in
# `digits`, of their weight, their confidence and the weight of the hits, shape (3, bins, digits),
# and the exponent of digit 0.
KernelEvaluation: TypeAlias = tuple[
    Count,
    int,
    float,
    int,
    dict[str, Triple],
    tuple[Triple, ...],
    tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int],
    tuple[int, ...],
]

# OUT  The fields of RowStatistics, N or (N, top_k), contiguous: int64 for classes and ranks, else
# real; None for those that need labels or a top_k, where there are none.
Results: TypeAlias = tuple[NDArray[Any] | None, ...]


class EvaluatedRows(NamedTuple):
    """The metrics of each row of an evaluation: contiguous arrays (N,)."""

    nll: NDArray[np.float64]  # of the label, as it is added to the totals
    brier: NDArray[np.float64]
    top_class: NDArray[np.int64]  # the first of the largest logits; -1 for a row without a softmax
    needs_misses: bool  # else `top_class` is -1 for each row whose label is not its top class

    def of(self, rows: slice) -> tuple[Any, ...]:
        """Return the arrays of some rows, and the flag."""
        return self.nll[rows], self.brier[rows], self.top_class[rows], self.needs_misses


class Blocks(Protocol):
    """N rows of logits, which are passed one block at a time. References to all arrays are kept."""

    def __init__(
        self,
        num_classes: int,
        most_rows: int,  # of a block
        labels: NDArray[Any] | None,  # IN  class indices (N,), or probabilities, as in
        #                               cross_entropy; None only with `statistics`
        label_logits: NDArray[Any],  # IN  real, N contiguous; rows without an index: any number
        targets: Targets,
        transforms: Transforms | None,
        out: NDArray[Any] | None,  # OUT real, N contiguous: losses
        grad_divisor: float | None,  # None unless the gradient is needed
        ranks: NDArray[np.int64] | None,  # as in evaluate; None unless evaluation is called
        num_bins: int,
        statistics: Results | None,  # OUT as in row_statistics; then neither loss nor evaluation
    ) -> None: ...

    def begin(self, first_row: int, num_rows: int) -> None:
        """Begin a block of rows, whose class indices are in range."""

    def read(self, block: NDArray[Any], first_row: int, first_class: int) -> None:
        """Read a part (rows, classes) of the block: whole segments, or all classes to the end.

        `first_row` counts from the start of the block. Parts of the same rows are read in the
        order of the classes. Several threads may read or write other rows at the same time.
        """

    def finish(self, num_rows: int) -> int:
        """End the block: all its parts have been read. Return the first bad row or -1."""

    def write(self, block: NDArray[Any], first_row: int, first_class: int) -> None:
        """Replace a part that was read before by its gradient."""

    def loss(self) -> tuple[Count, int, float]:
        """Return what `cross_entropy` returns, without the bad row, after the last block."""

    def evaluation(self) -> KernelEvaluation:
        """Return the evaluation, after the last block."""


class Kernel(Protocol):
    OPENMP: bool
    LEAST_PARALLEL: int  # calls with fewer logits use one thread
    MOST_TOP_K: int  # of row_statistics
    BLOCK_ROWS: int  # parts of blocks begin at multiples of this number of rows
    BLOCK_CLASSES: int
    SEGMENT_BYTES: int  # memory of Blocks for each row and each BLOCK_CLASSES classes
    Blocks: type[Blocks]

    def cross_entropy(
        self,
        logits: NDArray[Any],  # IN  stored (outer, C, inner)
        labels: NDArray[Any],  # IN  class indices, any integer dtype (outer, inner), or
        #                        probabilities, float32 or float64 (outer, C, inner)
        targets: Targets,
        transforms: Transforms | None,
        out: NDArray[Any] | None,  # OUT real, N contiguous: losses
        grad: NDArray[Any] | None,  # OUT stored or real (outer, C, inner); may be logits itself
        grad_divisor: float,
        num_threads: int,
    ) -> tuple[int, Count, int, float]:
        """Return `tally`'s results, the exact sum of the finite losses, and that of the others."""

    def evaluate(
        self,
        logits: NDArray[Any],
        labels: NDArray[Any],  # IN  class indices
        targets: Targets,
        transforms: Transforms | None,
        ranks: NDArray[np.int64],  # IN  contiguous: each k of the hits, at most C
        num_bins: int,
        rows: tuple[Any, ...] | None,  # OUT EvaluatedRows; not written for ignored rows
        num_threads: int,
    ) -> tuple[int, KernelEvaluation]:
        """Return the first bad row or -1, and the evaluation."""

    def row_statistics(
        self,
        logits: NDArray[Any],
        labels: NDArray[Any] | None,  # IN  class indices
        ignore_index: int | None,
        transforms: Transforms | None,
        results: Results,
        num_threads: int,
    ) -> int:
        """Return the first bad row or -1."""

    def softmax(self, logits: NDArray[Any], out: NDArray[Any], num_threads: int) -> None: ...
    def log_softmax(self, logits: NDArray[Any], out: NDArray[Any], num_threads: int) -> None: ...
    def log_sum_exp(self, logits: NDArray[Any], out: NDArray[Any], num_threads: int) -> None: ...

    def transform(self, logits: NDArray[Any], transforms: Transforms) -> None:
        """Apply the soft cap and the temperature to real, contiguous logits, in place."""

    def tally(
        self,
        logits: NDArray[Any],  # only for their shape
        labels: NDArray[Any],  # IN  as in cross_entropy
        targets: Targets,
    ) -> tuple[int, Count]:
        """Return the first bad row or -1, and the count if there is no bad row."""

    def max_threads(self) -> int:
        """Return OpenMP's number of threads; OMP_NUM_THREADS or threadpoolctl may have set it."""

    def is_in_debt(self) -> bool:
        """Whether late teams have cost the calling thread more time than they saved."""

    def pause_threads(self) -> None:
        """End idle threads; the next parallel region starts new ones."""
