"""Results against exact values: the worst error of each function, dtype, regime and setting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from bench.peers import Setting

from . import bars
from .exact import Gradient, Row, working
from .problems import Problem
from .settings import coefficients
from .ulps import FORMATS, Exact, Floats, errors, exact_of_mpf, stacked, text

Results = dict[tuple[str, str], NDArray[Any]]  # by function and setting, "" for those without


@dataclass(frozen=True)
class Worst:
    """The largest error in ulps, the largest fraction of its bar, and how the worst result fell."""

    ulps: float = 0.0
    fraction: float = 0.0
    zero: bool = False  # 0 where the exact value is not, and the bar is exceeded
    case: str = ""  # of the largest fraction

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
    """The exact values of one function, with their unit and their bar."""

    exact: Exact
    scale: Floats  # an ulp is that of the dtype at this size
    bar: Floats


@dataclass(frozen=True)
class Verdict:
    function: str
    setting: str
    worst: Worst


class ExactProblem:
    """The exact values of a problem; `truths` takes those of each function in turn."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        with working():
            self.rows = [Row(logits) for logits in problem.logits]

    def truths(self) -> Iterator[tuple[str, str, Truth]]:
        dtype = self.problem.dtype
        with working():
            p = stacked([row.softmax() for row in self.rows])
            bar = bars.of_probabilities(p, dtype)
            yield bars.SOFTMAX, "", self._elementwise(p, p.nearest(), bar)
            log_p = stacked([row.log_softmax() for row in self.rows])
            scale = np.abs(log_p.nearest())
            yield (
                bars.LOG_SOFTMAX,
                "",
                self._elementwise(log_p, scale, np.full(scale.shape, bars.PLAIN)),
            )
            sums = exact_of_mpf([row.log_sum_exp() for row in self.rows])
            highest = np.array([float(row.largest) for row in self.rows])
            scale = np.maximum(np.abs(sums.nearest()), np.abs(highest))
            yield bars.LOG_SUM_EXP, "", Truth(sums, scale, np.full(len(scale), bars.PLAIN))
            for setting in self.problem.settings:
                c = [
                    coefficients(setting, n, self.problem.num_classes)
                    for n in range(len(self.rows))
                ]
                losses = [row.loss(of) for row, of in zip(self.rows, c, strict=True)]
                truth = _of_losses(losses, bars.dtype_of(bars.LOSS, dtype))
                yield bars.LOSS, setting.name, truth
                # Where a row overflows, so does the mean of what is returned for the rows.
                with np.errstate(over="ignore"):
                    returned = truth.exact.nearest().astype(bars.dtype_of(bars.LOSS, dtype))
                if setting.row_weights().sum() and np.isfinite(returned).all():
                    yield bars.MEAN, setting.name, _of_mean(losses, truth, setting, dtype)
                gradients = [row.gradient(of) for row, of in zip(self.rows, c, strict=True)]
                yield bars.GRADIENT, setting.name, self._of_gradients(gradients, p)

    def _elementwise(self, exact: Exact, scale: Floats, bar: Floats) -> Truth:
        return Truth(exact, scale, bars.in_half(bar, scale, self.problem.dtype))

    def _of_gradients(self, gradients: list[Gradient], p: Exact) -> Truth:
        exact = stacked([gradient.exact for gradient in gradients])
        scale = np.stack([gradient.scale for gradient in gradients])
        return self._elementwise(exact, scale, bars.of_probabilities(p, self.problem.dtype))


def _of_losses(losses: list[Any], dtype: str) -> Truth:
    exact = exact_of_mpf(losses)
    nearest = exact.nearest()
    return Truth(exact, nearest, bars.of_losses(nearest, dtype))


def _of_mean(losses: list[Any], rows: Truth, setting: Setting, dtype: str) -> Truth:
    """The rows' bars add up, weighted as the losses are; the sum itself is rounded once.

    Losses hold their sample weights already. A mean that cancels nothing has an ulp of its own.
    """
    form = FORMATS[bars.dtype_of(bars.MEAN, dtype)]
    over = mpmath.mpf(float(setting.row_weights().sum()))
    exact = exact_of_mpf([mpmath.fsum(losses) / over])
    scale = exact.nearest()
    allowed = (
        mpmath.fsum(
            mpmath.ldexp(float(bar), int(place))
            for bar, place in zip(rows.bar, form.last_place(rows.scale), strict=True)
        )
        / over
    )
    own = mpmath.ldexp(1, int(form.last_place(scale)[0]))
    return Truth(exact, scale, np.array([bars.ROUNDED + float(allowed / own)]))


def judged(actual: NDArray[Any], truth: Truth, dtype: str, where: str) -> Worst:
    """Return the worst of one result."""
    actual = np.atleast_1d(actual)
    ulps = errors(actual, truth.exact, truth.scale, dtype)
    fractions = ulps / truth.bar
    at = np.unravel_index(int(np.argmax(fractions)), fractions.shape)
    index = tuple(int(i) for i in at)
    zero = (actual == 0) & (truth.exact.high != 0) & (fractions > 1)
    return Worst(
        float(ulps.max()),
        float(fractions[index]),
        bool(zero.any()),
        f"{where}, at {list(index)}: got {float(actual[index])!r}, "
        f"exactly {text(truth.exact, index)}, {float(ulps[index]):.3g} of {truth.bar[index]:.3g} "
        "ulp",
    )


def verdicts(
    problem: Problem, truths: list[tuple[str, str, Truth]], results: Results
) -> Iterator[Verdict]:
    """Judge whatever the results hold."""
    shape = " x ".join(map(str, problem.logits.shape))
    for function, setting, truth in [*truths, *_of_own_rows(problem, results)]:
        source = bars.MEAN if function == bars.MEAN_OF_ROWS else function
        if (source, setting) in results:
            where = ", ".join(
                filter(None, [function, problem.regime, problem.dtype, shape, setting])
            )
            dtype = bars.dtype_of(function, problem.dtype)
            worst = judged(results[source, setting], truth, dtype, where)
            yield Verdict(function, setting, worst)


def _of_own_rows(problem: Problem, results: Results) -> Iterator[tuple[str, str, Truth]]:
    """Yield the exact means of the losses that the rows have one by one."""
    for setting in problem.settings:
        over = float(setting.row_weights().sum())
        losses = results.get((bars.LOSS, setting.name), np.array(np.nan))
        if over and np.isfinite(losses).all():
            total = sum(map(Fraction, losses.tolist()), Fraction()) / Fraction(over)
            with mpmath.workprec(200):
                exact = exact_of_mpf([mpmath.mpf(total.numerator) / total.denominator])
            bar = np.array([bars.ROUNDED])
            yield bars.MEAN_OF_ROWS, setting.name, Truth(exact, exact.nearest(), bar)
