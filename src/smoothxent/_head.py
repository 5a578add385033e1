"""The logits of a classifier's head, hidden @ weight.T + bias, block by block in one buffer.

A block is a matrix product, which NumPy hands to its BLAS. It has as many classes as the kernel
takes at a time and so many rows that the product runs about as fast as one of all rows: with 512
within 10 % of it, with 128 at 3/4 of its speed (float32, 768 features, two threads).
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smoothxent._checks import AnyArray, FloatArray

_BUFFER = 1 << 25  # bytes of a block of logits
_FEWEST_ROWS = 512  # of a block, where the buffer holds them
_TYPICAL_BLOCK = 1 << 21  # logits of a block with more rows, where there are few classes
_PADDING = 80  # logits between rows: at a power of two they would crowd a few sets of the caches
_TEMPORARY = 1 << 23  # bytes of a converted or added piece


class Gradients(Protocol):
    @property
    def hidden(self) -> FloatArray: ...  # (N, H), as what follows in the dtype of the logits
    @property
    def weight(self) -> FloatArray: ...  # (C, H)
    @property
    def bias(self) -> FloatArray | None: ...  # (C,)


class Head:
    """Blocks of the logits, and how their gradients go back to hidden, weight and bias.

    logits = after * tanh(before * z) of the product z, or before * z without a soft cap.
    """

    def __init__(
        self,
        hidden: FloatArray,  # (N, H)
        weight: FloatArray,  # (C, H)
        bias: FloatArray | None,  # (C,)
        temperature: float,
        softcap: float | None,
        dtype: np.dtype[Any],  # of the logits: float32 or float64
        block_classes: int,
        with_gradients: bool,
    ) -> None:
        self._hidden, self._weight, self._bias = hidden, weight, bias
        self._has_cap = softcap is not None
        self._before = dtype.type(1 / (softcap or temperature))
        self._after = dtype.type((softcap or 1.0) / temperature)
        self._width = min(block_classes, len(weight))
        # with a soft cap gradients need the logits: they do not take their place
        num_buffers = 2 if self._has_cap and with_gradients else 1
        held = _BUFFER // (dtype.itemsize * self._width * num_buffers)
        self.most_rows = min(max(_FEWEST_ROWS, _TYPICAL_BLOCK // self._width), held, len(hidden))
        self._buffers = np.empty((num_buffers, self.most_rows, self._width + _PADDING), dtype)
        size = dtype.itemsize * max(1, hidden.shape[1])
        self._piece = max(1, _TEMPORARY // size)  # rows of hidden or weight
        self._held = slice(0, 0)  # the classes of the block in the buffer

    @property
    def is_one_block(self) -> bool:
        """Whether a block holds all classes."""
        return self._width == len(self._weight)

    def row_blocks(self) -> list[slice]:
        return _pieces(slice(0, len(self._hidden)), max(1, self.most_rows))

    def class_blocks(self) -> list[slice]:
        return _pieces(slice(0, len(self._weight)), self._width)

    def scaled(self, rows: slice) -> FloatArray:
        """Rows of hidden as the products take them."""
        hidden = _converted(self._hidden[rows], self._buffers.dtype)
        return hidden if self._before == 1 else hidden * self._before

    def logits(self, hidden: FloatArray, classes: slice) -> FloatArray:
        """The block of these classes for rows that are `scaled`."""
        block = self._block(0, hidden, classes)
        for part in self._parts(classes):
            np.matmul(hidden, self._weight_of(part).T, out=block[:, _within(part, classes)])
        if self._bias is not None:
            block += _converted(self._bias[classes], block.dtype) * self._before
        self._held = classes
        return self._capped(block)

    def logits_again(self, hidden: FloatArray, classes: slice) -> tuple[FloatArray, FloatArray]:
        """The same, unless it is still there, and where to put the gradient."""
        if self._held == classes:
            logits = self._block(0, hidden, classes)
        else:
            logits = self.logits(hidden, classes)
        self._held = slice(0, 0)
        return logits, self._block(len(self._buffers) - 1, hidden, classes)

    def label_logits(self, hidden: FloatArray, labels: NDArray[np.int64]) -> FloatArray:
        """The logit of each row's own label, whose sum is taken in float64."""
        logits = np.empty(len(hidden))
        for part in _pieces(slice(0, len(hidden)), self._piece):
            weight = _converted(self._weight[labels[part]], self._buffers.dtype)
            np.einsum("nh,nh->n", hidden[part], weight, out=logits[part], dtype=np.float64)
        if self._bias is not None:
            logits += self._bias[labels].astype(np.float64) * self._before
        return self._capped(logits)

    def add_gradients(
        self,
        hidden: FloatArray,
        rows: slice,
        classes: slice,
        logits: FloatArray,
        grad: FloatArray,
        to: Gradients,
    ) -> None:
        """Add what the gradient of a block gives; both blocks are lost."""
        if self._has_cap:  # after * (1 - tanh**2)
            logits /= self._after
            logits *= logits
            np.subtract(1, logits, out=logits)
            grad *= logits
            grad *= self._after
        if to.bias is not None:
            to.bias[classes] += grad.sum(axis=0) * self._before
        for part in _pieces(classes, self._piece):  # `hidden` is scaled already
            to.weight[part] += grad[:, _within(part, classes)].T @ hidden
        for part in self._parts(classes):
            to.hidden[rows] += (
                grad[:, _within(part, classes)] @ self._weight_of(part)
            ) * self._before

    def _block(self, buffer: int, hidden: FloatArray, classes: slice) -> FloatArray:
        return self._buffers[buffer, : len(hidden), : classes.stop - classes.start]

    def _parts(self, classes: slice) -> list[slice]:
        """All classes at once where BLAS takes the weight as it is, else as many as to convert."""
        weight, size = self._weight, self._buffers.itemsize
        is_plain = weight.dtype == self._buffers.dtype and weight.flags.aligned
        if is_plain and size in weight.strides and min(weight.strides) > 0:
            return [classes]
        return _pieces(classes, self._piece)

    def _weight_of(self, part: slice) -> FloatArray:
        return _converted(self._weight[part], self._buffers.dtype)

    def _capped(self, logits: FloatArray) -> FloatArray:
        if self._has_cap:
            np.tanh(logits, out=logits)
            logits *= logits.dtype.type(self._after)
        return logits


def _pieces(whole: slice, size: int) -> list[slice]:
    starts = range(whole.start, whole.stop, size)
    return [slice(start, min(start + size, whole.stop)) for start in starts]


def _within(part: slice, whole: slice) -> slice:
    return slice(part.start - whole.start, part.stop - whole.start)


def _converted(array: AnyArray, dtype: np.dtype[Any]) -> FloatArray:
    if array.dtype.name == "bfloat16":  # the upper half of a float32: faster than its own cast
        wide = array.view(np.uint16).astype(np.uint32)
        wide <<= np.uint32(16)
        array = wide.view(np.float32)
    return array.astype(dtype, copy=False)
