"""A classifier's head with labelled rows for it: checked arguments, and the walk over blocks."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent import _checks, _dispatch, _label_checks, _threads
from smoothxent._checks import FloatArray
from smoothxent._head import Head, Numbers
from smoothxent._reductions import Count
from smoothxent._workers import Workers

if TYPE_CHECKING:
    from smoothxent._dispatch import Blocks


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
        labels: ArrayLike,
        bias: ArrayLike | None,
        softcap: float | None,
        temperature: float,
        z_loss: float,
        label_smoothing: float,
        prior: ArrayLike | None,
        class_weight: ArrayLike | None,
        sample_weight: ArrayLike | None,
        ignore_index: int | None,
        num_threads: int | None,
    ) -> None:
        features, half = _checks.features("hidden", hidden)
        matrix, half_of_weight = _checks.head_weight(weight, features.shape)
        self.row_shape, num_classes = features.shape[:-1], len(matrix)
        self.bias = None
        if bias is not None:
            array, half_of_bias = _checks.features("bias", bias, (num_classes,))
            self.bias = Numbers(array, half_of_bias)
        self.transforms = _checks.transforms(softcap, temperature, z_loss)
        shape = (*self.row_shape, num_classes)
        targets = _label_checks.indices_alone(labels, shape, self.row_shape)
        self.label_smoothing = _checks.label_smoothing(label_smoothing)
        self.prior = None if prior is None else _checks.prior(prior, num_classes)
        self.class_weight = self.sample_weight = self.ignore_index = None
        if class_weight is not None:
            self.class_weight = _checks.weights("class_weight", class_weight, (num_classes,))
        if sample_weight is not None:
            self.sample_weight = _checks.weights("sample_weight", sample_weight, self.row_shape)
        if ignore_index is not None:
            self.ignore_index = _checks.ignore_index(ignore_index, targets, is_index=True)
        self.num_threads = _threads.resolve(num_threads, targets.size * num_classes)

        self.labels = targets.flatten()  # a copy, which no other thread can change
        self.hidden = Numbers(features.reshape(len(self.labels), features.shape[-1]), half)
        self.weight = Numbers(matrix, half_of_weight)
        # float16 and bfloat16 are computed in float32
        arrays = [numbers.array for numbers in (self.hidden, self.weight, self.bias) if numbers]
        self.dtype = np.result_type(np.float32, *(a.dtype for a in arrays if a.itemsize > 2))
        self.kernel = _dispatch.kernel(self.dtype.name)

    def tally(self) -> Count:
        """Return what the rows weigh; raise if a label is out of range."""
        num_classes = len(self.weight.array)
        logits = np.broadcast_to(np.zeros((), self.dtype), (len(self.labels), num_classes))
        bad_row, count = self.kernel.tally(
            logits, self.labels, self.class_weight, self.sample_weight, self.ignore_index
        )
        if bad_row >= 0:
            labels = self.labels.reshape(self.row_shape)
            raise _label_checks.label_out_of_range(labels, num_classes, bad_row)
        return count

    def room_for_losses(self) -> FloatArray:
        return np.empty(self.row_shape, self.dtype)

    def read(
        self, losses: FloatArray | None, top_k: tuple[int, ...] | None = None, num_bins: int = 0
    ) -> "Blocks":
        """Read the logits of all rows, for their loss or, with top_k, for an evaluation."""
        ranks = None
        if top_k is not None:
            ranks = np.array([min(k, len(self.weight.array)) for k in top_k], np.int64)
        return self._walk(losses, None, ranks, num_bins, None)

    def read_and_write(
        self, losses: FloatArray | None, grad_divisor: float
    ) -> tuple["Blocks", LinearGradients]:
        """Read the logits of all rows and add up the gradients."""
        room = np.empty if len(self.labels) else np.zeros  # without rows nobody writes to them
        gradients = LinearGradients(
            room(self.hidden.array.shape, self.dtype),
            room(self.weight.array.shape, self.dtype),
            None if self.bias is None else np.zeros(self.bias.array.shape, self.dtype),
        )
        blocks = self._walk(losses, grad_divisor, None, 0, gradients)
        shape = (*self.row_shape, self.hidden.array.shape[1])
        return blocks, gradients._replace(hidden=gradients.hidden.reshape(shape))

    def _walk(
        self,
        losses: FloatArray | None,
        grad_divisor: float | None,
        ranks: NDArray[np.int64] | None,
        num_bins: int,
        gradients: LinearGradients | None,
    ) -> "Blocks":
        head = Head(self.hidden, self.weight, self.bias, self.dtype, self.kernel.BLOCK_CLASSES)
        label_logits = np.empty(len(self.labels), self.dtype)
        blocks = self.kernel.Blocks(
            head.num_classes, head.most_rows, self.labels, label_logits, self.label_smoothing,
            self.prior, self.class_weight, self.sample_weight, self.ignore_index, losses,
            grad_divisor, ranks, num_bins, self.transforms,
        )  # fmt: skip
        with np.errstate(all="ignore"), Workers(self.num_threads) as workers:
            for rows in head.row_blocks():
                hidden, indices = self._rows(head, rows)
                blocks.begin(rows.start, len(hidden))
                if not head.is_one_block:
                    label_logits[rows] = head.label_logits(hidden, indices)
                for classes in head.class_blocks():
                    logits = head.logits(hidden, classes)
                    if head.is_one_block:
                        label_logits[rows] = logits[np.arange(len(logits)), indices]
                    workers.each(blocks.read, self._parts(logits, classes))
                blocks.finish(len(hidden))
                if gradients is None:
                    continue
                for classes in reversed(head.class_blocks()):
                    if classes.stop < head.num_classes:  # the last block is still there
                        logits = head.logits(hidden, classes)
                    workers.each(blocks.write, self._parts(logits, classes))
                    head.add_gradients(hidden, rows, classes, logits, gradients)
        return blocks

    def _parts(self, block: FloatArray, classes: slice) -> list[tuple[FloatArray, int, int]]:
        """What threads take of a block, with its first row and class."""
        step = self.kernel.BLOCK_ROWS
        step *= max(1, _PART // (step * block.shape[1]))
        return [(block[n : n + step], n, classes.start) for n in range(0, len(block), step)]

    def _rows(self, head: Head, rows: slice) -> tuple[FloatArray, NDArray[np.int64]]:
        """Hidden features and class indices, both 0 where rows are ignored.

        A gradient of 0 times a nan among the features would be nan for every weight.
        """
        hidden, labels = head.hidden_rows(rows), self.labels[rows]
        if self.ignore_index is not None:
            ignored = labels == self.ignore_index
            labels = np.where(ignored, 0, labels)
            hidden = np.where(ignored[:, None], self.dtype.type(0), hidden)
        return hidden, labels.astype(np.int64)
