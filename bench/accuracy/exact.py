"""Exact values of rows with any number of classes, from Python integers and mpmath's logarithms.

With m the largest logit, gap_k = m - x_k and rest = sum of exp(-gap_k) over the classes but one of
the largest:

    lse = m + log1p(rest)              log p_k = -(gap_k + log1p(rest))
    p_k = exp(-gap_k) / (1 + rest)     L = sum_k c_k (gap_k + log1p(rest))
    g_k = A p_k - c_k                  of that largest class: (A - c) p - c rest / (1 + rest)

with the coefficients c of settings.py and A their sum. All terms of a sum are positive, so nothing
cancels except the terms that the definition of the result subtracts, and all PRECISION bits remain.
Logits are multiples of 2**-unit, hence gaps are exact. exp(-gap) is the product of one factor for
each byte of the gap, from tables that mpmath fills: about ten products instead of a series.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from .settings import Coefficients
from .ulps import Exact, exact_of, exact_of_mpf

Whole = NDArray[Any]  # of Python integers
PRECISION = 256  # bits of every number: 77 digits, of which the products above lose at most 2
FINEST = PRECISION + 8  # gaps are rounded to multiples of 2**-264, below the precision
NOTHING_LEFT = 20  # exp(-2**20) is 0 in every dtype, and changes no sum


def whole(values: NDArray[np.floating]) -> tuple[Whole, int]:
    """Return finite numbers as multiples of 2**-unit, with the unit a multiple of 8."""
    mantissas, exponents = np.frexp(values.astype(np.float64))
    integers = (mantissas * 2.0**53).astype(np.int64)
    lowest = (integers & -integers).astype(np.float64)  # drop zeros at the end: small numbers
    zeros = np.where(integers == 0, 0, np.frexp(lowest)[1] - 1)
    shifts = exponents.astype(np.int64) - 53 + zeros
    unit = max(-int(min(shifts[integers != 0], default=0)) // 8 * 8 + 8, 0)
    shifts = np.where(integers == 0, 0, shifts + unit)
    return (integers >> zeros).astype(object) << shifts.astype(object), unit


@cache
def _powers(exponent: int) -> tuple[Whole, NDArray[np.int64]]:
    """Return exp(-d 2**exponent) of each byte d: mantissa of PRECISION bits, exponent."""
    with mpmath.workprec(PRECISION + 40):
        values = [mpmath.exp(-mpmath.ldexp(d, exponent)) for d in range(256)]
        exponents = [0, *(mpmath.frexp(value)[1] for value in values[1:])]
        mantissas = [
            int(mpmath.nint(mpmath.ldexp(value, PRECISION - e)))
            for value, e in zip(values, exponents, strict=True)
        ]
    return np.array(mantissas, object), np.array(exponents, np.int64)


def exp_minus(gaps: Whole, unit: int) -> tuple[Whole, NDArray[np.int64]]:
    """Return exp(-gap 2**-unit) as mantissa 2**(exponent - PRECISION)."""
    if unit > FINEST:
        gaps, unit = gaps >> (unit - FINEST), FINEST
    nothing = gaps >= 1 << (NOTHING_LEFT + unit)
    gaps = np.where(nothing, 0, gaps)
    mantissas = np.full(len(gaps), 1 << PRECISION, object)
    exponents = np.zeros(len(gaps), np.int64)
    for position in range(0, max(int(max(gaps, default=0)), 1).bit_length(), 8):
        digits = ((gaps >> position) & 255).astype(np.int64)
        if digits.any():
            factors, shifts = _powers(position - unit)
            mantissas = (mantissas * factors[digits]) >> PRECISION
            exponents += shifts[digits]
    return np.where(nothing, 0, mantissas), exponents


def _total(mantissas: Whole, exponents: NDArray[np.int64], counts: Whole) -> Any:
    """Return the sum of numbers, as an mpf."""
    present = (mantissas != 0) & (counts != 0)
    if not present.any():
        return mpmath.mpf(0)
    top = int(exponents[present].max())
    guard = 64
    shifts = np.clip(top - exponents, 0, PRECISION + 2 * guard).astype(object)
    total = int((((mantissas * counts) << guard) >> shifts).sum())
    return mpmath.ldexp(total, top - PRECISION - guard)


@dataclass(frozen=True)
class Gradient:
    """The exact values, and the size of the larger term: the unit of errors is an ulp of it."""

    exact: Exact
    scale: NDArray[np.float64]


class Row:
    """One row of finite logits. Use it within `working()`, which sets the precision."""

    def __init__(self, logits: NDArray[np.floating]) -> None:
        values, inverse, counts = np.unique(
            logits.astype(np.float64), return_inverse=True, return_counts=True
        )
        integers, self.unit = whole(values)
        gaps = integers[-1] - integers
        mantissas, exponents = exp_minus(gaps, self.unit)
        counts[-1] -= 1
        self.gaps, self.top = gaps[inverse], int(np.argmax(inverse == len(values) - 1))
        self.largest = mpmath.ldexp(int(integers[-1]), -self.unit)
        self.rest = _total(mantissas, exponents, counts.astype(object))
        self.log_total = mpmath.log1p(self.rest)
        share = int(mpmath.floor(mpmath.ldexp(1 / (1 + self.rest), PRECISION)))
        self.shares = ((mantissas * share) >> PRECISION)[inverse]  # p_k, relative to
        self.exponents = exponents[inverse]  # 2**(exponents - PRECISION)

    def log_sum_exp(self) -> Any:
        return self.largest + self.log_total

    def softmax(self) -> Exact:
        return exact_of(self.shares, self.exponents - PRECISION)

    def log_softmax(self) -> Exact:
        unit = max(self.unit, PRECISION)
        small = self.log_total < mpmath.ldexp(1, -PRECISION // 2)
        log_total = int(mpmath.nint(mpmath.ldexp(self.log_total, unit)))
        sums = -((self.gaps << (unit - self.unit)) + log_total)
        result = exact_of_wide(sums, unit)
        if small:  # integer multiples of 2**-unit are too coarse if the gap is 0
            tiny = exact_of_mpf([-self.log_total])
            for part, value in zip(
                (result.high, result.low, result.exponent),
                (tiny.high, tiny.low, tiny.exponent),
                strict=True,
            ):
                part[self.gaps == 0] = value[0]
        return result

    def loss(self, c: Coefficients) -> Any:
        terms = self.gaps.sum() * c.shared
        if c.own is not None:
            terms = (self.gaps * c.own).sum()
        elif c.label is not None:
            terms += self.gaps[c.label] * c.extra
        return mpmath.ldexp(int(terms), -self.unit - c.bits) + c.total() * self.log_total

    def gradient(self, c: Coefficients) -> Gradient:
        targets, total = c.table(), c.whole_total
        fixed = self.shares >> np.minimum(-self.exponents, 2 * PRECISION).astype(object)
        single = targets == 0  # without a subtraction, the relative digits of p_k count
        mantissas = ((np.where(single, self.shares, fixed) * total) >> c.bits) - np.where(
            single, 0, targets << (PRECISION - c.bits)
        )
        exact = exact_of(mantissas, np.where(single, self.exponents, 0) - PRECISION)
        p, targets = self.softmax().nearest(), (targets / (1 << c.bits)).astype(np.float64)
        scale = np.maximum(float(c.total()) * p, targets)
        towards, away = self._pull(c, self.top)
        _put(exact, self.top, towards - away)
        if c.label is not None:
            towards, away = self._pull(c, c.label)
            scale[c.label] = max(float(towards), float(away))
        return Gradient(exact, scale)

    def _pull(self, c: Coefficients, k: int) -> tuple[Any, Any]:
        """Return (A - c_k) p_k and c_k (1 - p_k), whose difference is the gradient."""
        own = mpmath.ldexp(c.of(k), -c.bits)
        p = mpmath.ldexp(int(self.shares[k]), int(self.exponents[k]) - PRECISION)
        others = self.rest / (1 + self.rest) if k == self.top else 1 - p
        return (c.total() - own) * p, own * others


def exact_of_wide(integers: Whole, unit: int) -> Exact:
    """Return integers times 2**-unit; the integers may have any number of bits."""
    surplus = np.array([max(0, int(i).bit_length() - 900) for i in integers], np.int64)
    return exact_of(integers >> surplus.astype(object), surplus - unit)


def _put(exact: Exact, k: int, value: Any) -> None:
    one = exact_of_mpf([value])
    exact.high[k], exact.low[k], exact.exponent[k] = one.high[0], one.low[0], one.exponent[0]


def working() -> Any:
    """Return the context for making and using rows, with mpmath at the precision they need."""
    return mpmath.workprec(PRECISION + 80)
