"""float16 and bfloat16, and their way to float32 and back.

NumPy does not know bfloat16. Its bits are the upper half of a float32's, which is also a faster way
to widen it than the cast of the dtype that ml_dtypes makes.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

HALVES = ("float16", "bfloat16")  # by name: bfloat16 is not NumPy's own


class Numbers(NamedTuple):
    """An array, and what its numbers are where NumPy's dtype does not say: bits in uint16."""

    array: NDArray[Any]
    dtype_name: str

    @property
    def is_half(self) -> bool:
        return self.dtype_name in HALVES

    def widened(self) -> NDArray[Any]:
        """Return the same numbers in a dtype that NumPy computes with: float32 for half types."""
        return widened(self.array, self.dtype_name) if self.is_half else self.array


def widened(array: NDArray[Any], dtype_name: str) -> NDArray[Any]:
    """Return the numbers of the half type of this name in float32."""
    if dtype_name == "float16":
        return array.view(np.float16).astype(np.float32)
    bits = array.view(np.uint16).astype(np.uint32)
    bits <<= np.uint32(16)
    return bits.view(np.float32)


def narrow(array: NDArray[Any], to: NDArray[Any], dtype_name: str) -> None:
    """Round float32 numbers, ties to even, into an array of the half type of this name."""
    if dtype_name == "float16":
        with np.errstate(over="ignore"):
            to.view(np.float16)[...] = array
        return
    bits = array.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    quiet = (bits >> np.uint32(16)) | np.uint32(0x40)
    to.view(np.uint16)[...] = np.where(np.isnan(array), quiet, rounded)
