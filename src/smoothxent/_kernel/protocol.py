"""The typed contract of every build of the kernel, the modules `<isa>_<dtype>` of this folder.

`stored` stands for the build's dtype, bits in uint16 for float16 and bfloat16; `real` is float32
for these and else the same. N = outer * inner rows, row n = o * inner + i. An inner axis of length
1 may be missing, from all arrays alike. Arrays may have any strides and alignment unless they are
said to be contiguous; byte order is native. A build validates nothing but what only a read of the
data can tell: labels and probabilities.
"""

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.options import Targets, Transforms

# What the rows weigh: how many there are; how many of them are not ignored and have a sample weight
# other than 0; the exact sum over these of sample weight times the label's class weight, and of the
# losses beside it, in units of 2**-places, the fourth number.
Count: TypeAlias = tuple[int, int, int, int]
# An exact sum: units, places, and the sum of the terms that are not finite.
Triple: TypeAlias = tuple[int, int, float]
# What the rows weigh; the exact sum of the finite losses, in float64, and that of the others; how
# many rows are not ignored; sums, hits, bins and histogram, as `totals` names them, without the
# sums of the loss.
KernelEvaluation: TypeAlias = tuple[
    Count,
    int,
    float,
    int,
    dict[str, Triple],
    tuple[Triple, ...],
    tuple[tuple[int, Triple, Triple, Triple], ...],
    tuple[int, ...],
]


class Blocks(Protocol):
    """N rows of logits, of which blocks are shown one at a time. All arrays are kept."""

    def __init__(
        self,
        num_classes: int,
        most_rows: int,  # of a block
        labels: NDArray[Any],  # IN  class indices (N,)
        label_logits: NDArray[Any],  # IN  real, N contiguous; those of rows that are not ignored
        targets: Targets,
        transforms: Transforms | None,
        out: NDArray[Any] | None,  # OUT real, N contiguous: losses
        grad_divisor: float | None,  # None unless the gradient is wanted
        ranks: NDArray[np.int64] | None,  # as in evaluate; None unless that is wanted
        num_bins: int,
    ) -> None: ...

    def begin(self, first_row: int, num_rows: int) -> bool:
        """These rows come next; whether their labels are in range: if not, show none of them."""

    def read(self, block: NDArray[Any], first_row: int, first_class: int) -> None:
        """A part of these rows (rows, classes): whole segments, or all classes up to the last.

        first_row: among these rows. Several threads may read or write parts at once.
        """

    def finish(self, num_rows: int) -> None:
        """All blocks of these rows have been read."""

    def write(self, block: NDArray[Any], first_row: int, first_class: int) -> None:
        """Put the gradient in place of a part that was read before."""

    def loss(self) -> tuple[int, Count, int, float]:
        """As cross_entropy, at the end."""

    def evaluation(self) -> tuple[int, *KernelEvaluation]:
        """As evaluate, at the end."""


class Kernel(Protocol):
    OPENMP: bool
    LEAST_PARALLEL: int  # with fewer logits one thread is used, however many are allowed
    BLOCK_ROWS: int  # parts of blocks begin at multiples of it
    BLOCK_CLASSES: int
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
        """As tally; then the exact sum of the finite losses, in float64, and that of the others."""

    def evaluate(
        self,
        logits: NDArray[Any],
        labels: NDArray[Any],  # IN  class indices
        targets: Targets,
        transforms: Transforms | None,
        ranks: NDArray[np.int64],  # IN  contiguous: each k of the hits, at most C
        num_bins: int,
        num_threads: int,
    ) -> tuple[int, *KernelEvaluation]:
        """The first bad row or -1; what `KernelEvaluation` says."""

    def row_statistics(
        self,
        logits: NDArray[Any],
        labels: NDArray[Any] | None,  # IN  class indices
        ignore_index: int | None,
        transforms: Transforms | None,
        results: tuple[NDArray[Any] | None, ...],  # OUT as RowStatistics names them, contiguous:
        #     real, int64 where they are classes or ranks; None what depends on labels, without them
        num_threads: int,
    ) -> int:
        """The first bad row or -1."""

    def softmax(self, logits: NDArray[Any], out: NDArray[Any], num_threads: int) -> None: ...
    def log_softmax(self, logits: NDArray[Any], out: NDArray[Any], num_threads: int) -> None: ...
    def log_sum_exp(self, logits: NDArray[Any], out: NDArray[Any], num_threads: int) -> None: ...

    def transform(self, logits: NDArray[Any], transforms: Transforms) -> None:
        """Put the soft cap and the temperature on real, contiguous logits, in place."""

    def tally(
        self,
        logits: NDArray[Any],  # only for their shape
        labels: NDArray[Any],  # IN  as in cross_entropy
        targets: Targets,
    ) -> tuple[int, Count]:
        """The first bad row or -1; what the rows weigh if there is none."""

    def read_sum(self, logits: NDArray[Any], num_threads: int) -> float:
        """The plain sum of a contiguous array: the time is a limit that memory sets."""

    def exp_sum(self, num_tiles: int, num_threads: int) -> float:
        """Sum of exp of 0 to -8 in even steps, a tile at a time: a limit that arithmetic sets."""

    def max_threads(self) -> int:
        """What the OpenMP runtime would use: OMP_NUM_THREADS or threadpoolctl may have set it."""

    def is_in_debt(self) -> bool:
        """Whether teams of the calling thread came late and cost more than they brought."""

    def pause_threads(self) -> None:
        """Let go of idle threads; the next parallel region makes new ones."""
