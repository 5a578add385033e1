"""float16 and bfloat16, or their bits in uint16, to float32 and back.

NumPy does not know bfloat16. Its bits are the upper half of a float32's, which is also a faster way
to widen it than the cast of the dtype that ml_dtypes makes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def widened(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Return numbers of the dtype of this name in float32: the same numbers."""
    if name == "float16":
        return array.view(np.float16).astype(np.float32)
    bits = array.view(np.uint16).astype(np.uint32)
    bits <<= np.uint32(16)
    return bits.view(np.float32)


def narrow(array: NDArray[Any], to: NDArray[Any], name: str) -> None:
    """Round float32 numbers, ties to even, into an array of the dtype of this name."""
    if name == "float16":
        with np.errstate(over="ignore"):
            to.view(np.float16)[...] = array
        return
    bits = array.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    quiet = (bits >> np.uint32(16)) | np.uint32(0x40)
    to.view(np.uint16)[...] = np.where(np.isnan(array), quiet, rounded)
