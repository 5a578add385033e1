"""The typed contract of every build of the kernel: `smoothxent._kernel_<isa>_<dtype>`.

`real` stands for the build's dtype; N = outer * inner rows, row n = o * inner + i. Arrays may have
any strides and alignment unless they are said to be contiguous; byte order is native. Nothing is
validated here but what only a read of the data can tell: labels and probabilities.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

class Kernel(Protocol):
    OPENMP: bool
    UNIT_EXPONENT: int  # exact totals are integers in units of 2**UNIT_EXPONENT

    def cross_entropy(
        self,
        logits: NDArray[Any],  # IN  real (outer, C, inner)
        labels: NDArray[Any] | None,  # IN  any integer dtype (outer, inner), or None for
        probabilities: NDArray[Any] | None,  # IN  float32 or float64 (outer, C, inner)
        label_smoothing: float,
        prior: NDArray[np.float64] | None,  # IN  (C,) contiguous
        class_weight: NDArray[np.float64] | None,  # IN  (C,) contiguous
        sample_weight: NDArray[np.float64] | None,  # IN  (N,) contiguous
        ignore_index: int | None,  # representable in the dtype of labels
        out: NDArray[Any] | None,  # OUT real (N,) contiguous: losses
        grad: NDArray[Any] | None,  # OUT real (outer, C, inner); may be logits itself
        grad_divisor: float,
        num_threads: int,
    ) -> tuple[int, int, int, int, float]:
        """As tally; then the exact total of the finite losses, in float64, and the others' sum."""

    def softmax(self, logits: NDArray[Any], out: NDArray[Any], num_threads: int) -> None: ...
    def log_softmax(self, logits: NDArray[Any], out: NDArray[Any], num_threads: int) -> None: ...
    def log_sum_exp(self, logits: NDArray[Any], out: NDArray[Any], num_threads: int) -> None: ...
    def tally(
        self,
        labels: NDArray[Any] | None,  # IN  as in cross_entropy
        probabilities: NDArray[Any] | None,
        num_classes: int,
        class_weight: NDArray[np.float64] | None,
        sample_weight: NDArray[np.float64] | None,
        ignore_index: int | None,
    ) -> tuple[int, int, int]:
        """The lowest bad row or -1; rows that count; their exact total weight."""

    def check_probabilities(self, probabilities: NDArray[Any]) -> tuple[int, int] | None:
        """The first (row, class) that is negative or not finite."""

    def read_sum(self, logits: NDArray[Any], num_threads: int) -> float:
        """The plain sum of a contiguous array: the time is a limit that memory sets."""

    def exp_sum(self, num_tiles: int, num_threads: int) -> float:
        """Sum of exp of 0 to -8 in even steps, a tile at a time: a limit that arithmetic sets."""

    def max_threads(self) -> int:
        """What the OpenMP runtime would use: OMP_NUM_THREADS or threadpoolctl may have set it."""

    def pause_threads(self) -> None:
        """Let go of idle threads; the next parallel region makes new ones."""
