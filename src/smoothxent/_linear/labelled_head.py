"""A linear head with its rows and their labels: checked arguments, and the loop over blocks."""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent._arguments.arrays import FloatArray
from smoothxent._arguments.labels import bad_label, check_labels
from smoothxent._arguments.logits import check_features, check_head_weight
from smoothxent._arguments.options import (
    GivenTargets,
    GivenTransforms,
    check_num_top,
    check_targets,
    check_transforms,
)
from smoothxent._kernel import builds
from smoothxent._kernel.protocol import Blocks, Count
from smoothxent._kernel.threads import thread_count
from smoothxent._kernel.views import row_views
from smoothxent._linear.head import Head
from smoothxent._linear.workers import Workers
from smoothxent._loss.row_statistics import RowStatistics, empty_statistics

if TYPE_CHECKING:
    from smoothxent._kernel.rows import LabelsCheck

_PART = 1 << 18  # logits of a block that a thread takes at a time


class LinearGradients(NamedTuple):
    """Gradients of the loss of a head, as `linear_cross_entropy_and_grad` returns them.

    Attributes
    ----------
    hidden, weight : ndarray
        With the shapes of the arguments.
    bias : ndarray or None
        None without a bias.
    """

    hidden: FloatArray
    weight: FloatArray
    bias: FloatArray | None


class LabelledHead:
    def __init__(
        self,
        hidden: ArrayLike,
        weight: ArrayLike,
        labels: ArrayLike | None,
        bias: ArrayLike | None,
        transforms: GivenTransforms,
        targets: GivenTargets,
        num_threads: int | None,
        check: "LabelsCheck | None" = check_labels,  # None for no labels
    ) -> None:
        features = check_features("hidden", hidden)
        shape = features.array.shape
        self.weight = check_head_weight(weight, shape)
        self.row_shape, num_classes = shape[:-1], len(self.weight.array)
        self.bias = None if bias is None else check_features("bias", bias, (num_classes,))
        self.transforms = check_transforms(transforms)
        self._shape = *self.row_shape, num_classes  # of the logits
        self._given_labels, self.labels = labels, None
        if check is not None:
            array = check(labels, self._shape, self.row_shape)
            if array.ndim == len(self._shape):  # probabilities stay where they are
                (self.labels,) = row_views(len(self.row_shape), array)
            else:  # a copy, so that no other thread can change the class indices
                self.labels = array.flatten()
        self.targets = check_targets(
            targets, num_classes, self.row_shape, self.labels, not self.has_probabilities
        )
        self.num_rows = math.prod(self.row_shape)
        self.num_threads = thread_count(num_threads, self.num_rows * num_classes)

        rows = features.array.reshape(self.num_rows, shape[-1])
        self.hidden = features._replace(array=rows)
        # float16 and bfloat16 are computed in float32
        arrays = [numbers.array for numbers in (self.hidden, self.weight, self.bias) if numbers]
        self.dtype = np.result_type(np.float32, *(a.dtype for a in arrays if a.itemsize > 2))
        self.kernel = builds.kernel(self.dtype.name)

    @property
    def has_probabilities(self) -> bool:
        return self.labels is not None and self.labels.ndim > 1

    def tally(self) -> Count:
        """Return counts and weights of the rows; raise for the first row with bad labels."""
        if self.labels is None:
            return self.num_rows, self.num_rows, self.num_rows, 0
        shape = self.num_rows, self._shape[-1]
        if self.has_probabilities:
            shape = self.labels.shape
        logits = np.broadcast_to(np.zeros((), self.dtype), shape)
        bad_row, count = self.kernel.tally(logits, self.labels, self.targets)
        self._check_row(bad_row)
        return count

    def _check_row(self, bad_row: int) -> None:
        """Raise if there is a row with bad labels; -1 means none."""
        if self._given_labels is not None and bad_row >= 0:
            raise bad_label(self._given_labels, self._shape, len(self.row_shape), bad_row)

    def empty_losses(self) -> FloatArray:
        return np.empty(self.row_shape, self.dtype)

    def read(
        self, losses: FloatArray | None, top_k: tuple[int, ...] | None = None, num_bins: int = 0
    ) -> Blocks:
        """Read the logits of all rows, for their loss or, with top_k, for an evaluation."""
        ranks = None
        if top_k is not None:
            ranks = np.array([min(k, len(self.weight.array)) for k in top_k], np.int64)
        return self._walk(losses=losses, ranks=ranks, num_bins=num_bins)

    def read_and_write(
        self, losses: FloatArray | None, grad_divisor: float
    ) -> tuple[Blocks, LinearGradients]:
        """Read the logits of all rows and add up the gradients."""
        allocate = np.empty if self.num_rows else np.zeros  # without rows nothing is written
        gradients = LinearGradients(
            allocate(self.hidden.array.shape, self.dtype),
            allocate(self.weight.array.shape, self.dtype),
            None if self.bias is None else np.zeros(self.bias.array.shape, self.dtype),
        )
        blocks = self._walk(losses=losses, grad_divisor=grad_divisor, gradients=gradients)
        shape = (*self.row_shape, self.hidden.array.shape[1])
        return blocks, gradients._replace(hidden=gradients.hidden.reshape(shape))

    def statistics(self, top_k: int | None) -> RowStatistics:
        """Read the logits of all rows, for their statistics."""
        num_top = check_num_top(top_k, len(self.weight.array), self.kernel.MOST_TOP_K)
        result = empty_statistics(self.row_shape, self.dtype, self.labels is not None, num_top)
        self._walk(statistics=result)
        return result

    def _walk(
        self,
        *,
        losses: FloatArray | None = None,
        grad_divisor: float | None = None,
        ranks: NDArray[np.int64] | None = None,
        num_bins: int = 0,
        gradients: LinearGradients | None = None,
        statistics: RowStatistics | None = None,
    ) -> Blocks:
        sizes = self.kernel.BLOCK_CLASSES, self.kernel.SEGMENT_BYTES
        head = Head(self.hidden, self.weight, self.bias, self.dtype, *sizes)
        label_logits = np.empty(self.num_rows, self.dtype)
        given = self.labels, label_logits, self.targets, self.transforms
        results = None if statistics is None else tuple(statistics)
        blocks = self.kernel.Blocks(
            head.num_classes, head.most_rows, *given, losses, grad_divisor, ranks, num_bins, results
        )
        with np.errstate(all="ignore"), Workers(self.num_threads) as workers:
            for rows in head.row_blocks():
                hidden, indices = self._rows(head, rows, clears_ignored=statistics is None)
                blocks.begin(rows.start, len(hidden))
                if indices is not None and not head.is_one_block:
                    label_logits[rows] = head.label_logits(hidden, indices)
                for classes in head.class_blocks():
                    logits = head.logits(hidden, classes)
                    if indices is not None and head.is_one_block:
                        label_logits[rows] = logits[np.arange(len(logits)), indices]
                    workers.each(blocks.read, self._parts(logits, classes))
                # after the tally: another thread has changed the probabilities meanwhile
                self._check_row(blocks.finish(len(hidden)))
                if gradients is None:
                    continue
                for classes in reversed(head.class_blocks()):
                    if classes.stop < head.num_classes:  # the last block is still in the buffer
                        logits = head.logits(hidden, classes)
                    workers.each(blocks.write, self._parts(logits, classes))
                    head.add_gradients(hidden, rows, classes, logits, gradients)
        return blocks

    def _parts(self, block: FloatArray, classes: slice) -> list[tuple[FloatArray, int, int]]:
        """Split a block into parts for threads, each with its first row and class."""
        step = self.kernel.BLOCK_ROWS
        step *= max(1, _PART // (step * block.shape[1]))
        return [(block[n : n + step], n, classes.start) for n in range(0, len(block), step)]

    def _rows(
        self, head: Head, rows: slice, clears_ignored: bool
    ) -> tuple[FloatArray, NDArray[np.int64] | None]:
        """Return hidden features, and class indices, which are 0 in ignored rows.

        With `clears_ignored` the features of ignored rows are 0 too. Otherwise a nan among them,
        times a gradient of 0, would make every weight's gradient nan.
        """
        hidden = head.hidden_rows(rows)
        if self.labels is None or self.has_probabilities:
            return hidden, None
        labels = self.labels[rows]
        *_, ignore_index = self.targets
        if ignore_index is not None:
            ignored = labels == ignore_index
            labels = np.where(ignored, 0, labels)
            if clears_ignored:
                hidden = np.where(ignored[:, None], self.dtype.type(0), hidden)
        return hidden, labels.astype(np.int64)
