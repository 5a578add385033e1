"""Conversion of float16 and bfloat16 to float32 and back.

NumPy does not know bfloat16. The bits of a bfloat16 are the upper half of those of a float32, so a
shift widens it; this is also faster than the cast of the ml_dtypes dtype.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

HALVES = ("float16", "bfloat16")  # by name, because NumPy has no bfloat16


class TypedArray(NamedTuple):
    """An array, and the dtype of its numbers, which may be stored as bits in uint16."""

    array: NDArray[Any]
    dtype_name: str

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the numbers for NumPy, in float32 for half types."""
        return np.array(self.widened(), dtype, copy=copy)

    def widened(self) -> NDArray[Any]:
        """Return the numbers in a dtype that NumPy can compute with: float32 for half types."""
        if self.dtype_name not in HALVES:
            return self.array
        if self.dtype_name == "float16":
            return self.array.view(np.float16).astype(np.float32)
        bits = self.array.view(np.uint16).astype(np.uint32)
        bits <<= np.uint32(16)
        return bits.view(np.float32)


def narrow(array: NDArray[Any], to: NDArray[Any], dtype_name: str) -> None:
    """Round float32 numbers, ties to even, into an array of this half type, or of float32."""
    if to.dtype == np.float32:
        to[...] = array
        return
    if dtype_name == "float16":
        with np.errstate(over="ignore"):
            to.view(np.float16)[...] = array
        return
    bits = array.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    quiet = (bits >> np.uint32(16)) | np.uint32(0x40)
    to.view(np.uint16)[...] = np.where(np.isnan(array), quiet, rounded)
