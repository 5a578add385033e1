"""Exact values as arrays, and errors in units of the last place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NEGLIGIBLE = -1200  # 2**-1200 is less than 2**-126 of the smallest number of any dtype

_to_int = np.frompyfunc(int, 1, 1)


@dataclass(frozen=True)
class Format:
    """The binary digits of a dtype and its exponents: finite numbers are below 2**largest."""

    digits: int
    largest: int
    smallest: int  # exponent of the smallest subnormal

    def last_place(self, scale: Floats) -> NDArray[np.int64]:
        """Return the exponent of the distance between neighbours at numbers of this size."""
        exponent = np.frexp(scale)[1].astype(np.int64)
        exponent[~np.isfinite(scale)] = self.largest
        exponent[scale == 0] = self.smallest
        return np.asarray(
            np.maximum(np.minimum(exponent, self.largest) - self.digits, self.smallest)
        )


FORMATS = {
    "float64": Format(53, 1024, -1074),
    "float32": Format(24, 128, -149),
    "float16": Format(11, 16, -24),
    "bfloat16": Format(8, 128, -133),
}


@dataclass(frozen=True)
class Exact:
    """(high + low) 2**exponent with |high| in [1/2, 1), or 0: exact values to 106 bits."""

    high: Floats
    low: Floats
    exponent: NDArray[np.int64]

    def nearest(self) -> Floats:
        """Return the nearest float64 numbers, inf for values beyond the largest."""
        with np.errstate(over="ignore"):
            return np.ldexp(self.high, np.minimum(self.exponent, 2000))

    def reshape(self, *shape: int) -> Exact:
        high, low, exponent = self.high, self.low, self.exponent
        return Exact(high.reshape(shape), low.reshape(shape), exponent.reshape(shape))


def exact_of(mantissas: NDArray[Any], exponents: NDArray[np.int64]) -> Exact:
    """Return mantissas 2**exponents; the mantissas are Python integers of up to 1000 bits."""
    high = mantissas.astype(np.float64)
    low = (mantissas - _to_int(high)).astype(np.float64)
    high, shift = np.frexp(high)
    exponent = exponents + shift
    negligible = exponent < NEGLIGIBLE
    high[negligible] = low[negligible] = exponent[negligible] = 0
    return Exact(high, np.ldexp(low, -shift), exponent)


def exact_of_mpf(values: Iterable[Any]) -> Exact:
    signed = [(-m if v < 0 else m, e) for v in values for m, e in [v.man_exp]]
    mantissas = np.array([None, *(int(m) for m, _ in signed)], dtype=object)[1:]
    return exact_of(mantissas, np.array([e for _, e in signed], dtype=np.int64))


def stacked(rows: list[Exact]) -> Exact:
    parts = zip(*((row.high, row.low, row.exponent) for row in rows), strict=True)
    return Exact(*(np.stack(part) for part in parts))


def errors(actual: NDArray[Any], exact: Exact, scale: Floats, dtype: str) -> Floats:
    """Return |actual - exact| in units of the last place that `dtype` has at `scale`.

    The error of nan is infinite. The error of an infinity is 0 if the exact value overflows with
    the same sign, otherwise infinite.
    """
    form = FORMATS[dtype]
    actual = actual.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.abs((np.ldexp(actual, -exact.exponent) - exact.high) - exact.low)
        ulps: Floats = np.ldexp(apart, exact.exponent - form.last_place(scale))
        limit = 1 - 2.0 ** -(form.digits + 1)  # of the largest number, where rounding gives inf
        overflows = np.ldexp(np.abs(exact.high), exact.exponent - form.largest) >= limit
    right_infinity = overflows & np.isinf(actual) & (np.signbit(actual) == (exact.high < 0))
    ulps[~np.isfinite(actual)] = np.inf
    ulps[right_infinity] = 0.0
    return ulps


def log2(exact: Exact) -> Floats:
    """Return the binary logarithm of values that are not negative; -1200 for negligible values."""
    with np.errstate(divide="ignore"):
        logarithm = np.log2(exact.high) + exact.exponent
    return np.where(exact.high > 0, logarithm, float(NEGLIGIBLE))


def text(exact: Exact, index: tuple[int, ...]) -> str:
    """Write one value with 20 digits."""
    parts = (float(exact.high[index]), float(exact.low[index]))
    with mpmath.workprec(120):
        total = mpmath.mpf(parts[0]) + mpmath.mpf(parts[1])
        return str(mpmath.nstr(mpmath.ldexp(total, int(exact.exponent[index])), 20))
