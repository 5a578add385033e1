"""The regimes: named ways to draw random rows, each with its difficulty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Draw:
    """The inputs of a regime: random numbers, the shape, and the range of the dtype."""

    rng: np.random.Generator
    num_rows: int
    num_classes: int
    largest: float
    tiny: float  # the smallest subnormal

    def normal(self, scale: float = 1.0) -> Floats:
        return self.rng.normal(0, scale, (self.num_rows, self.num_classes))

    def uniform(self, low: float, high: float) -> Floats:
        return self.rng.uniform(low, high, (self.num_rows, self.num_classes))

    def column(self, low: float, high: float) -> Floats:
        """Return one number for each row, evenly spaced, in random order."""
        return self.rng.permutation(np.linspace(low, high, self.num_rows))[:, None]

    def classes(self) -> Labels:
        return self.rng.integers(0, self.num_classes, self.num_rows)

    def others(self, labels: Labels) -> Labels:
        """Return for each row a class that is not the label, if there are two classes."""
        step = self.rng.integers(1, max(self.num_classes, 2), self.num_rows)
        return (labels + step) % self.num_classes

    def raised(self, logits: Floats, classes: Labels, by: Floats) -> Floats:
        logits[np.arange(self.num_rows), classes] += by[:, 0]
        return logits


@dataclass(frozen=True)
class Regime:
    name: str
    why: str
    draw: Callable[[Draw], tuple[Floats, Labels]]
    bare: tuple[str, ...] = ()  # dtypes that use BARE_SETTINGS, see Limits in docs/losses.md


def _flat(d: Draw) -> tuple[Floats, Labels]:
    return d.normal(0.01) * (np.arange(d.num_rows) % 2)[:, None] + d.column(-3, 3), d.classes()


def _peaked(d: Draw) -> tuple[Floats, Labels]:
    labels = d.classes()
    peak = np.where(d.rng.random(d.num_rows) < 0.5, labels, d.others(labels))
    return d.raised(d.normal(), peak, d.column(4, 25)), labels


def _background(d: Draw) -> tuple[Floats, Labels]:
    labels, shape = d.classes(), (d.num_rows, d.num_classes)
    depth = np.where(d.rng.random((d.num_rows, 1)) < 0.5, 16.7, 37.0)
    return d.raised(np.broadcast_to(-depth, shape).copy(), d.others(labels), depth), labels


def _shelf(d: Draw) -> tuple[Floats, Labels]:
    labels, rows = d.classes(), np.arange(d.num_rows)
    depth = np.where(d.rng.random((d.num_rows, 1)) < 0.5, 16.65, 36.75) + d.column(-0.35, 0.35)
    logits = np.broadcast_to(-depth, (d.num_rows, d.num_classes)).copy()
    logits[rows, d.others(labels)] = 0
    logits[rows, labels] = -d.column(0, 3)[:, 0]
    return logits, labels


def _second_shelf(d: Draw) -> tuple[Floats, Labels]:
    logits, labels = _shelf(d)
    return d.raised(logits, labels, d.column(3, 25)), labels


def _confident(low: float, high: float) -> Callable[[Draw], tuple[Floats, Labels]]:
    def draw(d: Draw) -> tuple[Floats, Labels]:
        labels = d.classes()
        return d.raised(d.normal(), labels, d.column(low, high)), labels

    return draw


def _wrong(d: Draw) -> tuple[Floats, Labels]:
    labels = d.classes()
    return d.raised(d.normal(), labels, -d.column(1, 1000)), labels


def _rivals(d: Draw) -> tuple[Floats, Labels]:
    labels = d.classes()
    logits = d.raised(d.normal(), labels, d.column(20, 60))
    rows = np.arange(d.num_rows)
    logits[rows, d.others(labels)] = logits[rows, labels] * (1 - 2.0**-7 * d.column(-1, 1)[:, 0])
    return logits, labels


def _far(d: Draw) -> tuple[Floats, Labels]:
    offsets = [1e6, -1e6, 1e3, -1e3, 2.0**17, -(2.0**17), 1e5, -1e5]
    column = np.resize(np.clip(offsets, -d.largest / 2, d.largest / 2), (d.num_rows, 1))
    return d.normal(4) + column, d.classes()


def _sorted(d: Draw) -> tuple[Floats, Labels]:
    return np.sort(d.uniform(-60, 60) * d.column(0.1, 1), axis=1), d.classes()


def _reversed(d: Draw) -> tuple[Floats, Labels]:
    logits, labels = _sorted(d)
    return logits[:, ::-1], labels


def _levels(d: Draw) -> tuple[Floats, Labels]:
    blocks = -(-d.num_classes // 256)
    levels = d.rng.uniform(-200, 200, (d.num_rows, blocks)).repeat(256, axis=1)
    return d.normal(4) + levels[:, : d.num_classes], d.classes()


def _masked(d: Draw) -> tuple[Floats, Labels]:
    masks = -np.minimum(np.resize([1e9, 3e38, 1e4], (d.num_rows, 1)), d.largest)
    masked = d.rng.random((d.num_rows, d.num_classes)) < 0.7
    labels = d.classes()
    masked[np.arange(d.num_rows), labels] = False
    return np.where(masked, masks, d.normal(4)), labels


def _subnormal(d: Draw) -> tuple[Floats, Labels]:
    multiples = d.rng.integers(-99, 100, (d.num_rows, d.num_classes))
    return np.asarray(multiples * d.tiny, np.float64), d.classes()


def _magnitudes(d: Draw) -> tuple[Floats, Labels]:
    signs = d.rng.choice([-1.0, 1.0], (d.num_rows, d.num_classes))
    return signs * 10.0 ** d.uniform(-44, 4), d.classes()


def _huge(d: Draw) -> tuple[Floats, Labels]:
    signs = d.rng.choice([-1.0, 1.0], (d.num_rows, d.num_classes))
    return signs * 10.0 ** d.uniform(0, 0.97 * np.log10(d.largest)), d.classes()


def _largest(d: Draw) -> tuple[Floats, Labels]:
    parts = [-1.0, -0.5, -0.25, 0.0, 1e-3, 0.25, 0.5, 1.0]
    return d.rng.choice(parts, (d.num_rows, d.num_classes)) * d.largest, d.classes()


REGIMES = (
    Regime("flat", "all classes are about equal: log C, and sums of many equal terms", _flat),
    Regime(
        "usual",
        "a model in training: normal logits, deviation 4",
        lambda d: (d.normal(4), d.classes()),
    ),
    Regime(
        "wide",
        "uniform in ±10,000: exp of all classes but one is 0",
        lambda d: (d.uniform(-1e4, 1e4), d.classes()),
    ),
    Regime("peaked", "one class leads by 4 to 25; in half of the rows it is the label", _peaked),
    Regime(
        "background",
        "each other class is below half an ulp of the leading class, but their sum is not",
        _background,
    ),
    Regime(
        "shelf",
        "the others are near half an ulp of the leading class, the label up to 3 below them: "
        "the loss is about 1",
        _shelf,
    ),
    Regime(
        "second shelf",
        "the label leads by 3 to 25, a class follows, and the others are near half an ulp of that: "
        "the loss has the digits of the sum over the others",
        _second_shelf,
    ),
    Regime(
        "confident", "the label leads by 1 to 100: the loss shrinks to 1e-44", _confident(1, 100)
    ),
    Regime(
        "certain",
        "the label leads by 100 to 740 nats: the loss is subnormal, or too small for the dtype",
        _confident(100, 740),
    ),
    Regime("confidently wrong", "the label lies 1 to 1,000 below the others", _wrong),
    Regime(
        "rivals", "label and another class within 1 % of each other, far above the rest", _rivals
    ),
    Regime("far from zero", "offsets of ±1e3 to ±1e6: they must cost no accuracy", _far),
    Regime("ascending", "sorted upwards: each part of a row raises the maximum", _sorted),
    Regime("descending", "sorted downwards: small terms are added last", _reversed),
    Regime("levels", "an offset within ±200 for every 256 classes", _levels),
    Regime("masked", "70 % of the classes, never the label, are at -1e4, -1e9 or -3e38", _masked),
    Regime("subnormal", "multiples of the smallest number of the dtype", _subnormal),
    Regime("all magnitudes", "sizes from 1e-44 to 10,000 in one row", _magnitudes),
    Regime("huge", "sizes from 1 to 1e37 (1e299 in float64) in one row", _huge),
    Regime(
        "near overflow", "sizes up to the largest number of the dtype", _largest, bare=("float64",)
    ),
)
