"""The worst error of each function, dtype, regime and setting, from exact values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from bench.peers.setting import Setting

from . import bounds
from .exact import Gradient, Row, working
from .problems import Problem
from .settings import coefficients
from .ulps import FORMATS, Exact, Floats, errors, exact_of_mpf, log2, stacked, text

Results = dict[tuple[str, str], NDArray[Any]]  # by function and setting, "" for softmaxes


@dataclass(frozen=True)
class Worst:
    """The largest error in ulps and as a fraction of its bound, and a text about the worst case."""

    ulps: float = 0.0
    fraction: float = 0.0
    zero: bool = False  # a result is 0, the exact value is not, and the bound is exceeded
    case: str = ""  # where the fraction is largest

    def joined(self, other: Worst) -> Worst:
        case = other.case if other.fraction > self.fraction else self.case
        return Worst(
            max(self.ulps, other.ulps),
            max(self.fraction, other.fraction),
            self.zero or other.zero,
            case,
        )


@dataclass(frozen=True)
class Truth:
    """The exact values of one function, with the unit and the bound of their errors."""

    exact: Exact
    scale: Floats  # the unit is the ulp of the dtype at this size
    bound: Floats


@dataclass(frozen=True)
class Comparison:
    """The worst error of one result array."""

    function: str
    setting: str
    worst: Worst


class ExactProblem:
    """A problem and its exact values; `truths` yields the values of each function."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        with working():
            self.rows = [Row(logits) for logits in problem.logits]

    def truths(self) -> Iterator[tuple[str, str, Truth]]:
        dtype = self.problem.dtype
        with working():
            p = stacked([row.softmax() for row in self.rows])
            of_p = bounds.of_probabilities(p.nearest(), log2(p), dtype)
            yield bounds.SOFTMAX, "", self._elementwise(p, p.nearest(), of_p)
            log_p = stacked([row.log_softmax() for row in self.rows])
            scale = np.abs(log_p.nearest())
            plain = bounds.LOGARITHMS[bounds.computed_in(dtype)]
            bound = np.full(scale.shape, plain)
            yield bounds.LOG_SOFTMAX, "", self._elementwise(log_p, scale, bound)
            sums = exact_of_mpf([row.log_sum_exp() for row in self.rows])
            highest = np.array([float(row.largest) for row in self.rows])
            scale = np.maximum(np.abs(sums.nearest()), np.abs(highest))
            yield bounds.LOG_SUM_EXP, "", Truth(sums, scale, np.full(len(scale), plain))
            for setting in self.problem.settings:
                c = [
                    coefficients(setting, n, self.problem.num_classes)
                    for n in range(len(self.rows))
                ]
                losses = [row.loss(of) for row, of in zip(self.rows, c, strict=True)]
                truth = _of_losses(losses, bounds.dtype_of(bounds.LOSS, dtype))
                yield bounds.LOSS, setting.name, truth
                # If the loss of a row overflows to inf, the mean of the losses is inf too.
                with np.errstate(over="ignore"):
                    returned = truth.exact.nearest().astype(bounds.dtype_of(bounds.LOSS, dtype))
                if setting.row_weights().sum() and np.isfinite(returned).all():
                    yield bounds.MEAN, setting.name, _of_mean(losses, truth, setting, dtype)
                gradients = [row.gradient(of) for row, of in zip(self.rows, c, strict=True)]
                yield bounds.GRADIENT, setting.name, self._of_gradients(gradients, of_p)

    def _elementwise(self, exact: Exact, scale: Floats, bound: Floats) -> Truth:
        return Truth(exact, scale, bounds.in_half(bound, scale, self.problem.dtype))

    def _of_gradients(self, gradients: list[Gradient], bound: Floats) -> Truth:
        exact = stacked([gradient.exact for gradient in gradients])
        scale = np.stack([gradient.scale for gradient in gradients])
        return self._elementwise(exact, scale, bound)


def _of_losses(losses: list[Any], dtype: str) -> Truth:
    exact = exact_of_mpf(losses)
    nearest = exact.nearest()
    return Truth(exact, nearest, bounds.of_losses(nearest, dtype))


def _of_mean(losses: list[Any], rows: Truth, setting: Setting, dtype: str) -> Truth:
    """Return the exact mean. Its bound: the sum of the rows' bounds, and the rounding of the mean.

    The losses include their sample weights. The unit is the ulp of the mean itself, because losses
    are not negative: no terms cancel.
    """
    form = FORMATS[bounds.dtype_of(bounds.MEAN, dtype)]
    divisor = mpmath.mpf(float(setting.row_weights().sum()))
    exact = exact_of_mpf([mpmath.fsum(losses) / divisor])
    scale = exact.nearest()
    allowed = (
        mpmath.fsum(
            mpmath.ldexp(float(bound), int(place))
            for bound, place in zip(rows.bound, form.last_place(rows.scale), strict=True)
        )
        / divisor
    )
    own = mpmath.ldexp(1, int(form.last_place(scale)[0]))
    return Truth(exact, scale, np.array([bounds.ROUNDED + float(allowed / own)]))


def worst_of(actual: NDArray[Any], truth: Truth, dtype: str, name: str) -> Worst:
    """Return the worst error of one result array; its text begins with the name."""
    actual = np.atleast_1d(actual)
    ulps = errors(actual, truth.exact, truth.scale, dtype)
    fractions = ulps / truth.bound
    at = np.unravel_index(int(np.argmax(fractions)), fractions.shape)
    index = tuple(int(i) for i in at)
    zero = (actual == 0) & (truth.exact.high != 0) & (fractions > 1)
    return Worst(
        float(ulps.max()),
        float(fractions[index]),
        bool(zero.any()),
        f"{name}, at {list(index)}: got {float(actual[index])!r}, "
        f"exactly {text(truth.exact, index)}, {float(ulps[index]):.3g} of {truth.bound[index]:.3g} "
        "ulp",
    )


def comparisons(
    problem: Problem, truths: list[tuple[str, str, Truth]], results: Results
) -> Iterator[Comparison]:
    """Yield the worst error of each result array that the library returned."""
    shape = " x ".join(map(str, problem.logits.shape))
    for function, setting, truth in [*truths, *_of_own_rows(problem, results)]:
        source = bounds.MEAN if function == bounds.MEAN_OF_ROWS else function
        if (source, setting) in results:
            name = ", ".join(
                filter(None, [function, problem.regime, problem.dtype, shape, setting])
            )
            dtype = bounds.dtype_of(function, problem.dtype)
            worst = worst_of(results[source, setting], truth, dtype, name)
            yield Comparison(function, setting, worst)


def _of_own_rows(problem: Problem, results: Results) -> Iterator[tuple[str, str, Truth]]:
    """Yield the exact means of the losses that the library returned for the rows."""
    for setting in problem.settings:
        divisor = float(setting.row_weights().sum())
        losses = results.get((bounds.LOSS, setting.name), np.array(np.nan))
        if divisor and np.isfinite(losses).all():
            total = sum(map(Fraction, losses.tolist()), Fraction()) / Fraction(divisor)
            with mpmath.workprec(200):
                exact = exact_of_mpf([mpmath.mpf(total.numerator) / total.denominator])
            bound = np.array([bounds.ROUNDED])
            yield bounds.MEAN_OF_ROWS, setting.name, Truth(exact, exact.nearest(), bound)
