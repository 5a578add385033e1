"""Rows bred to have large errors: a search finds what random rows miss.

A hunt has a herd of rows for one function, setting, dtype and number of classes. In each generation
every row gets a random change, which it keeps if its error does not shrink. Errors are ranked in
long double by formulas whose terms are all positive; the campaign then compares the worst row with
its exact values.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

import smoothxent
from bench.peers.peer import HALVES
from bench.peers.setting import Setting

from . import bounds
from .problems import DTYPES, Problem, draw
from .regimes import REGIMES
from .settings import settings_of
from .ulps import FORMATS, Floats

BRED = "bred"
WHY = "the worst rows of a search that changes rows of the regime second shelf and keeps the worse"
ANCESTORS = next(regime for regime in REGIMES if regime.name == "second shelf")
# At the boundaries between the ways to compute a row, and between.
CLASS_COUNTS = (2, 3, 16, 64, 128, 129, 200, 1024, 1025, 4000)
GOALS = (
    (bounds.LOSS, "plain"),
    (bounds.LOSS, "eps 0.1"),
    (bounds.LOSS, "class weights, eps 0.1"),
    (bounds.LOSS, "light labels, eps 0.1"),
    (bounds.LOSS, "sample weights"),
    (bounds.GRADIENT, "plain"),
    (bounds.GRADIENT, "eps 0.1"),
    (bounds.GRADIENT, "class weights, eps 0.1"),
    (bounds.SOFTMAX, "plain"),
    (bounds.LOG_SOFTMAX, "plain"),
)
HERD, LOGITS_OF_A_HERD = 64, 8192
LABEL = np.zeros(1, np.int64)  # of every row

Rows = NDArray[Any]  # (N, C), of the dtype of the logits
Wide = NDArray[np.longdouble]


@dataclass(frozen=True)
class Hunt:
    function: str
    dtype: str
    setting: Setting  # of one row

    def computed(self, rows: Rows) -> NDArray[Any]:
        """Return what smoothxent computes: a number for each row or each logit."""
        if self.function == bounds.SOFTMAX:
            return smoothxent.softmax(rows)
        if self.function == bounds.LOG_SOFTMAX:
            return smoothxent.log_softmax(rows)
        options = dict(self.setting.options)
        if "sample_weight" in options:
            options["sample_weight"] = np.repeat(options["sample_weight"], len(rows))
        labels = LABEL.repeat(len(rows))
        if self.function == bounds.LOSS:
            return smoothxent.cross_entropy(rows, labels, reduction="none", **options)
        return smoothxent.cross_entropy_and_grad(rows, labels, reduction="sum", **options)[1]

    def targets(self, num_classes: int) -> Wide:
        options, uniform = self.setting.options, 1 / np.longdouble(num_classes)
        eps, is_label = np.longdouble(options.get("label_smoothing", 0)), np.eye(1, num_classes)[0]
        weights = np.asarray(options.get("class_weight", 1), np.longdouble)
        weights = weights * np.asarray(options.get("sample_weight", 1), np.longdouble)
        return np.asarray(weights * ((1 - eps) * is_label + eps * uniform))

    def fractions(self, rows: Rows) -> Floats:
        """Return the largest error of each row as a fraction of its bound."""
        x, t, each = rows.astype(np.longdouble), self.targets(rows.shape[1]), np.arange(len(rows))
        top, total = x.argmax(axis=1), t.sum()
        gaps = x[each, top][:, None] - x
        exps = np.exp(-gaps)
        exps[each, top] = 0
        rest = exps.sum(axis=1)  # relative to the top class, without it
        exps[each, top] = 1
        p, log_total = exps / (1 + rest)[:, None], np.log1p(rest)
        exact = scale = p
        if self.function == bounds.LOSS:
            exact = scale = (t * gaps).sum(axis=1) + total * log_total
        elif self.function == bounds.LOG_SOFTMAX:
            exact = -(gaps + log_total[:, None])
            scale = -exact
        elif self.function == bounds.GRADIENT:
            away = t * (1 - p)
            away[each, top] = t[top] * rest / (1 + rest)
            exact = (total - t) * p - away
            scale = np.maximum(total * p, t)
            scale[:, 0] = np.maximum((total - t[0]) * p[:, 0], away[:, 0])
        dtype = bounds.dtype_of(self.function, self.dtype)
        place = FORMATS[dtype].last_place(scale.astype(np.float64))
        with np.errstate(over="ignore", invalid="ignore"):
            ulps = np.ldexp(np.abs(self.computed(rows) - exact), -place).astype(np.float64)
        fractions = ulps / self.bound(p.astype(np.float64), scale.astype(np.float64))
        fractions = np.where(np.isnan(fractions), np.inf, fractions)
        return np.asarray(fractions.reshape(len(rows), -1).max(axis=1))

    def bound(self, p: Floats, scale: Floats) -> Floats:
        wide = bounds.computed_in(self.dtype)
        if self.function == bounds.LOSS:
            return bounds.of_losses(scale, wide)
        if self.function == bounds.LOG_SOFTMAX:
            bound = np.full(scale.shape, bounds.LOGARITHMS[wide])
        else:
            with np.errstate(divide="ignore"):
                bound = bounds.of_probabilities(p, np.log2(p), self.dtype)
        return bounds.in_half(bound, scale, self.dtype)


def changed(rng: np.random.Generator, rows: Rows) -> Rows:
    """Return the rows with a random change in each."""
    num_rows, num_classes = rows.shape
    wide = rows.astype(np.float64)
    for row in wide:
        kind, size = rng.integers(7), 10.0 ** rng.uniform(-8, 0.5)
        k, other = rng.integers(0, num_classes, 2)
        if kind == 0:
            row[k] += size * rng.normal()
        elif kind == 1:  # near another class
            row[k] = row[other] + size * rng.normal() * rng.integers(0, 2)
        elif kind == 2:  # the classes of a lane, or of one position in the sums
            period = 2 ** int(rng.integers(0, 8))
            row[k % period :: period] += size * rng.normal()
        elif kind == 3:  # the label
            row[0] += size * rng.normal()
        elif kind == 4:
            row += size * rng.normal()
        else:
            some = np.flatnonzero(rng.random(num_classes) < rng.random() ** 2)
            if kind == 5:
                row[some] += size * rng.normal(size=len(some))
            else:
                row[some] = wide[rng.integers(num_rows)][some]
    return wide.astype(rows.dtype)


def generations(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def bred(hunt: Hunt, rows: Rows, generations: Iterable[Any], rng: np.random.Generator) -> Rows:
    """Return the worst row after all generations; now and then it replaces the best."""
    fractions = hunt.fractions(rows)
    for _ in generations:
        young = changed(rng, rows)
        found = hunt.fractions(young)
        kept = found >= fractions
        rows[kept], fractions[kept] = young[kept], found[kept]
        if rng.random() < 0.02:
            best, worst = fractions.argmin(), fractions.argmax()
            rows[best], fractions[best] = rows[worst], fractions[worst]
    return np.asarray(rows[fractions.argmax()][None])


def ancestors(dtype: str, num_rows: int, num_classes: int, seed: int) -> Rows:
    """Return rows of the second shelf in which the label is class 0."""
    drawn, each = draw(ANCESTORS, dtype, num_rows, num_classes, seed), np.arange(num_rows)
    rows = drawn.logits.copy()
    rows[each, drawn.labels] = drawn.logits[:, 0]
    rows[:, 0] = drawn.logits[each, drawn.labels]
    return rows


def setting_of(name: str, num_classes: int) -> Setting:
    """Return the same setting in every run."""
    return settings_of(np.random.default_rng(0), LABEL, num_classes, [name])[0]


def problem_of_row(name: str, row: NDArray[Any]) -> Problem:
    """Return the problem of a row that `hunts` has named and the campaign has saved."""
    _, setting, dtype = name.split("; ")[:3]
    logits = row.astype(np.dtype(dtype) if dtype != "bfloat16" else ml_dtypes.bfloat16)[None]
    return Problem(BRED, dtype, logits, LABEL, (setting_of(setting, len(row)),))


def hunts(seconds: float, *, seed: int = 0) -> Iterator[tuple[str, Problem]]:
    """Yield a name and the worst row of each hunt; all hunts have the same share of the time."""
    tasks = [
        (num_classes, goal, dtype)
        for num_classes, goal, dtype in product(CLASS_COUNTS, GOALS, DTYPES)
        # Rounding other results to a half type hides all other errors.
        if goal[0] in bounds.ROW_FUNCTIONS or bounds.dtype_of(goal[0], dtype) not in HALVES
    ]
    for num_classes, (function, name), dtype in tasks:
        num_rows = int(np.clip(LOGITS_OF_A_HERD // num_classes, 8, HERD))
        rng, rows = np.random.default_rng(seed), ancestors(dtype, num_rows, num_classes, seed)
        hunt = Hunt(function, dtype, setting_of(name, num_classes))
        worst = bred(hunt, rows, generations(seconds / len(tasks)), rng)
        yield f"{function}; {name}; {dtype}", Problem(BRED, dtype, worst, LABEL, (hunt.setting,))
