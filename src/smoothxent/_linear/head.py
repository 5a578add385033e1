"""The logits of a linear head, hidden @ weight.T + bias, block by block in one buffer.

A block is a matrix product, which NumPy passes to its BLAS. It has as many classes as the kernel
reads at a time. It has so many rows that all blocks together take little longer than one product:
1.06 times as long with 512 rows, 1.42 times with 128 rows (1024 x 768 x 50257, float32, two
threads).
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import FloatArray
from smoothxent._arguments.half import TypedArray

_BUFFER = 1 << 25  # bytes of a block of logits
_FEWEST_ROWS = 512  # of a block, if the buffer can hold them
_TYPICAL_BLOCK = 1 << 21  # logits of a block with more rows, for few classes
_SEGMENTS = 1 << 24  # bytes that the kernel keeps, for each row of a block and block of classes
_PADDING = 80  # logits between rows: rows at a power of two would share few sets of the caches
_TEMPORARY = 1 << 23  # bytes of a piece that is converted or added
_PRODUCT = 1 << 26  # bytes of the weight in one product; Ctrl-C waits for its end


# Of hidden (N, H), weight (C, H) and bias (C,), in the dtype of the logits.
Gradients: TypeAlias = tuple[FloatArray, FloatArray, FloatArray | None]


class Head:
    """Blocks of the logits, and the gradients of hidden, weight and bias from those of a block."""

    def __init__(
        self,
        hidden: TypedArray,  # (N, H)
        weight: TypedArray,  # (C, H)
        bias: TypedArray | None,  # (C,)
        dtype: np.dtype[Any],  # of the logits: float32 or float64
        block_classes: int,
        segment_bytes: int,  # that the kernel keeps for a row and a block of classes
    ) -> None:
        self._hidden, self._weight, self._bias, self._dtype = hidden, weight, bias, dtype
        self.num_rows, num_features = hidden.array.shape
        self.num_classes = len(weight.array)
        self._width = min(block_classes, self.num_classes)
        size = dtype.itemsize * max(1, num_features)
        self._piece = max(1, _TEMPORARY // size)  # rows of hidden or weight
        self._product = max(1, _PRODUCT // size)  # rows of weight
        limit = _BUFFER // (dtype.itemsize * self._width)
        limit = min(limit, _SEGMENTS // segment_bytes // len(self.class_blocks()))
        rows = min(_TYPICAL_BLOCK // self._width, self._piece)
        self.most_rows = max(1, min(max(rows, _FEWEST_ROWS), limit, self.num_rows))
        padding = _PADDING if self._width > _PADDING else 0
        self._buffer = np.empty((self.most_rows, self._width + padding), dtype)

    @property
    def is_one_block(self) -> bool:
        """Whether a block holds all classes."""
        return self._width == self.num_classes

    def row_blocks(self) -> list[slice]:
        return _pieces(slice(0, self.num_rows), self.most_rows)

    def class_blocks(self) -> list[slice]:
        return _pieces(slice(0, self.num_classes), self._width)

    def hidden_rows(self, rows: slice) -> FloatArray:
        """Return rows of hidden in the dtype of the products."""
        return _take(self._hidden, rows, self._dtype)

    def logits(self, hidden: FloatArray, classes: slice) -> FloatArray:
        """Return the block of logits of these classes for these rows."""
        block: FloatArray = self._buffer[: len(hidden), : classes.stop - classes.start]
        for part in self._parts(classes):
            weight = _take(self._weight, part, self._dtype)
            np.matmul(hidden, weight.T, out=block[:, _within(part, classes)])
        if self._bias is not None:
            block += _take(self._bias, classes, self._dtype)
        return block

    def label_logits(self, hidden: FloatArray, labels: NDArray[np.int64]) -> FloatArray:
        """Return the logit of each row's own label, summed in float64."""
        logits = np.empty(len(hidden))
        for part in _pieces(slice(0, len(hidden)), self._piece):
            weight = _take(self._weight, labels[part], self._dtype)
            np.einsum("nh,nh->n", hidden[part], weight, out=logits[part], dtype=np.float64)
        if self._bias is not None:
            logits += _take(self._bias, labels, self._dtype)
        return logits

    def add_gradients(
        self, hidden: FloatArray, rows: slice, classes: slice, grad: FloatArray, to: Gradients
    ) -> None:
        """Add the contribution of one block's gradient to the gradients of the head.

        The last classes of some rows come first. The gradients of hidden and weight need no initial
        values: the first block of each row and class overwrites them.
        """
        of_hidden, of_weight, of_bias = to
        is_first_of_classes, is_first_of_rows = rows.start == 0, classes.stop == self.num_classes
        if of_bias is not None:
            of_bias[classes] += grad.sum(axis=0)
        for part in _pieces(classes, self._piece):
            part_grad = grad[:, _within(part, classes)]
            _add_product(part_grad.T, hidden, of_weight[part], is_first_of_classes)
        for part in self._parts(classes):
            part_grad = grad[:, _within(part, classes)]
            weight = _take(self._weight, part, self._dtype)
            _add_product(part_grad, weight, of_hidden[rows], is_first_of_rows)
            is_first_of_rows = False

    def _parts(self, classes: slice) -> list[slice]:
        """Split classes: into products if the BLAS accepts the weight as it is, or into pieces."""
        weight = self._weight.array
        is_plain = weight.dtype == self._dtype and weight.flags.aligned
        if is_plain and weight.itemsize in weight.strides and min(weight.strides) > 0:
            return _pieces(classes, self._product)
        return _pieces(classes, self._piece)


def _take(
    numbers: TypedArray, index: slice | NDArray[np.int64], dtype: np.dtype[Any]
) -> FloatArray:
    """Return some rows in this dtype, which holds them exactly; a view if they have this dtype."""
    rows = numbers._replace(array=numbers.array[index])
    return rows.widened().astype(dtype, copy=False)


def _pieces(whole: slice, size: int) -> list[slice]:
    starts = range(whole.start, whole.stop, size)
    return [slice(start, min(start + size, whole.stop)) for start in starts]


def _add_product(a: FloatArray, b: FloatArray, to: FloatArray, is_first: bool) -> None:
    if is_first:
        np.matmul(a, b, out=to)
    else:
        to += a @ b


def _within(part: slice, whole: slice) -> slice:
    return slice(part.start - whole.start, part.stop - whole.start)
