"""Bits of half types as arrays that other functions accept."""

from __future__ import annotations  # help() shows types by their names

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import in_native_order, plain_array
from smoothxent._arguments.half import HALVES, TypedArray
from smoothxent._arguments.logits import WORD

DType: TypeAlias = str | np.dtype[Any] | type[Any]


def bits(array: ArrayLike, dtype: DType) -> TypedArray:
    """Return an array of bits as one of bfloat16 or float16, for NumPy, which has no bfloat16.

    Every function of arrays accepts the result as logits or as the input of a linear head, without
    a copy. Arrays of ml_dtypes or torch have their dtype and do not need it.

    Parameters
    ----------
    array : array_like of uint16 or of 2-byte words (``V2``)
        The bits.
    dtype : {"bfloat16", "float16"} or dtype
        The dtype of the numbers.

    Returns
    -------
    TypedArray
        A named tuple of the array and the name of its dtype. `numpy.asarray` converts it to
        float32.

    Raises
    ------
    TypeError
        `array` is not uint16, or `dtype` is not one of these.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import bits, cross_entropy
    >>> logits = bits(np.array([[0x4080, 0x40A0, 0x4120]], np.uint16), "bfloat16")
    >>> np.asarray(logits).tolist()
    [[4.0, 5.0, 10.0]]
    >>> round(cross_entropy(logits, [2]), 6)
    0.009174
    """
    words, name = in_native_order(plain_array("array", array)), name_of(dtype)
    if words.dtype == WORD:
        words = words.view(np.uint16)
    if words.dtype.char != "H":
        raise TypeError(f"array must be uint16, got {words.dtype}; pass it without bits")
    if name not in HALVES:
        raise TypeError(f"dtype must be bfloat16 or float16, got {name}")
    return TypedArray(words, name)


def name_of(dtype: DType) -> str:
    """Return the name of the dtype; NumPy need not know it."""
    try:
        return dtype if isinstance(dtype, str) else np.dtype(dtype).name
    except TypeError:
        return repr(dtype)
