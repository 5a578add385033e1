"""Named settings: sets of options of a loss, with the exact coefficients of the logarithms.

    indices:        c_k = kept s [ (1 - eps) w_y [k = y] + eps w_k u_k ]
    probabilities:  c_k = s w_k [ (1 - eps) q_k + eps u_k ]

Weights, priors and probabilities are short binary fractions: every library gets the same numbers,
in float32 too, and sums of targets are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

from bench.peers.peer import IGNORED
from bench.peers.setting import Setting

BITS = 256  # coefficients are multiples of 2**-BITS, products rounded down to them
ONE = 1 << BITS


@dataclass(frozen=True)
class Coefficients:
    """c of one row: `own` for each class, or `shared` for all classes and `extra` for the label."""

    num_classes: int
    shared: int
    extra: int = 0
    label: int | None = None  # an index label, unless the row is ignored
    own: NDArray[Any] | None = None  # includes `extra`
    bits: int = BITS

    @property
    def whole_total(self) -> int:
        if self.own is not None:
            return int(self.own.sum())
        return self.shared * self.num_classes + self.extra

    def total(self) -> Any:
        return mpmath.ldexp(self.whole_total, -self.bits)

    def of(self, k: int) -> int:
        return int(self.table()[k])

    def table(self) -> NDArray[Any]:
        if self.own is not None:
            return self.own
        table = np.full(self.num_classes, self.shared, object)
        if self.label is not None:
            table[self.label] += self.extra
        return table


def fixed(values: Any) -> Any:
    """Return binary fractions as integer multiples of 2**-BITS."""
    scaled = np.frompyfunc(lambda value: int(value * 2.0**60) << (BITS - 60), 1, 1)
    return scaled(values)


def coefficients(setting: Setting, n: int, num_classes: int) -> Coefficients:
    """Return the coefficients of row n."""
    options, label = setting.options, setting.labels[n]
    if not setting.kept()[n]:
        return Coefficients(num_classes, 0)
    numerator, denominator = float(options.get("label_smoothing", 0.0)).as_integer_ratio()
    eps = numerator * (ONE // denominator)
    s = fixed(options["sample_weight"][n]) if "sample_weight" in options else ONE
    w = fixed(options["class_weight"]) if "class_weight" in options else ONE
    u = fixed(options["prior"]) if "prior" in options else ONE // num_classes
    if setting.has_probabilities:
        mixed = ((ONE - eps) * fixed(label) + eps * u) >> BITS
        return Coefficients(num_classes, 0, own=_times(s, _times(w, mixed)))
    spread = _times(s, _times(eps, _times(w, u)))
    extra = _times(s, _times(ONE - eps, w if isinstance(w, int) else w[label]))
    if isinstance(spread, int):
        return Coefficients(num_classes, spread, extra, int(label))
    spread[label] += extra
    return Coefficients(num_classes, 0, 0, int(label), spread)


def _times(a: Any, b: Any) -> Any:
    return (a * b) >> BITS


Labels = NDArray[np.int64]
Rng = np.random.Generator


def settings_of(rng: Rng, labels: Labels, num_classes: int, names: Iterable[str]) -> list[Setting]:
    return [Setting(name, *SETTINGS[name](rng, labels, num_classes)) for name in names]


def _fractions(rng: Rng, labels: Labels, num_classes: int, bits: int) -> NDArray[np.float64]:
    """Draw rows of probabilities that are multiples of 2**-bits; the label gets the remainder."""
    rows = np.floor(rng.dirichlet(np.ones(num_classes), len(labels)) * 2.0**bits) / 2.0**bits
    rows[np.arange(len(labels)), labels] += 1 - rows.sum(axis=1)
    return np.asarray(rows)


def _prior(rng: Rng, labels: Labels, num_classes: int) -> NDArray[np.float64]:
    return np.asarray(_fractions(rng, labels[:1], num_classes, 22)[0])


def _weights(rng: Rng, count: int) -> NDArray[np.float64]:
    return rng.integers(0, 769, count) / 256


def _with_ignored(labels: Labels) -> Labels:
    return np.where(np.arange(len(labels)) % 3 == 1, IGNORED, labels)


def _one_hot(labels: Labels, num_classes: int) -> NDArray[np.float64]:
    return np.asarray(np.eye(num_classes)[labels])


Maker = Callable[[Rng, Labels, int], tuple[NDArray[Any], dict[str, Any]]]
SETTINGS: dict[str, Maker] = {
    "plain": lambda rng, y, c: (y, {}),
    "eps 0.1": lambda rng, y, c: (y, {"label_smoothing": 0.1}),
    "eps 1": lambda rng, y, c: (y, {"label_smoothing": 1.0}),
    "prior": lambda rng, y, c: (y, {"label_smoothing": 0.1, "prior": _prior(rng, y, c)}),
    "class weights": lambda rng, y, c: (y, {"class_weight": _weights(rng, c)}),
    "class weights, eps 0.1": lambda rng, y, c: (
        y,
        {"label_smoothing": 0.1, "class_weight": _weights(rng, c)},
    ),
    "light labels, eps 0.1": lambda rng, y, c: (
        y,
        {"label_smoothing": 0.1, "class_weight": np.where(np.arange(c) % 2, 1.0, 2.0**-30)},
    ),
    "sample weights": lambda rng, y, c: (y, {"sample_weight": _weights(rng, len(y))}),
    "ignored rows": lambda rng, y, c: (_with_ignored(y), {"ignore_index": IGNORED}),
    "all of these": lambda rng, y, c: (
        _with_ignored(y),
        {
            "label_smoothing": 0.1,
            "prior": _prior(rng, y, c),
            "class_weight": _weights(rng, c),
            "sample_weight": _weights(rng, len(y)),
            "ignore_index": IGNORED,
        },
    ),
    "one-hot": lambda rng, y, c: (_one_hot(y, c), {}),
    "probabilities": lambda rng, y, c: (_fractions(rng, y, c, 20), {}),
    "probabilities, eps 0.1": lambda rng, y, c: (
        _fractions(rng, y, c, 20),
        {"label_smoothing": 0.1},
    ),
    "probabilities, all of these": lambda rng, y, c: (
        _fractions(rng, y, c, 20),
        {
            "label_smoothing": 0.1,
            "prior": _prior(rng, y, c),
            "class_weight": _weights(rng, c),
            "sample_weight": _weights(rng, len(y)),
        },
    ),
}
# FEW_SETTINGS are for rows of very many classes. BARE_SETTINGS are for logits so large that
# weighted sums of their differences overflow.
FEW_SETTINGS = ("plain", "eps 0.1", "all of these")
BARE_SETTINGS = ("plain", "ignored rows")
