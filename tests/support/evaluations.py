"""Evaluations made from plain float64 rows, and their exact metrics as fractions."""

import binascii
import json
import math
import struct
from dataclasses import dataclass, replace
from fractions import Fraction

import mpmath
import numpy as np
from hypothesis import strategies as st

from smoothxent import Evaluation
from smoothxent._evaluation.settings import Settings
from smoothxent._evaluation.totals import Totals

HISTOGRAM_EDGES = np.exp2(np.arange(-64, 21) / 2)  # 2**-32 to 2**10

# Losses of so different sizes that the order of float64 additions matters; nan and inf.
LOSSES = st.floats(0, 1e300) | st.sampled_from([1e-40, 2.0**-32, 1e16, math.inf, math.nan])
SHARES = st.floats(0, 1) | st.just(math.nan)
LOWEST, NUM_DIGITS = -1088, 68  # of the digits of a bin
MEANS = ("nll", "entropy", "confidence", "brier")  # over sample weights


@dataclass(frozen=True)
class Rows:
    """One number for each row and quantity; a row with nan in `nll` has no known quantity."""

    nll: np.ndarray
    loss: np.ndarray
    entropy: np.ndarray
    confidence: np.ndarray
    brier: np.ndarray
    rank: np.ndarray
    sample_weight: np.ndarray
    label_weight: np.ndarray  # sample weight times the class weight of the label
    top_k: tuple[int, ...] = (1, 5)
    num_bins: int = 15
    label_smoothing: float = 0.1
    ignored: int = 0

    def __len__(self):
        return len(self.nll)

    def take(self, indices, ignored=0):
        """Return some of the rows, and a number of ignored ones."""
        fields = vars(self).items()
        taken = {
            name: value[indices].copy() for name, value in fields if isinstance(value, np.ndarray)
        }
        return replace(self, **taken, ignored=ignored)


def draw(rng, num_rows, *, num_classes=10, weighted=False, **settings):
    """Draw the rows of an overconfident classifier."""
    truth = rng.gumbel(0, 1, (num_rows, num_classes)) * 3
    labels = (truth + rng.gumbel(0, 1, truth.shape)).argmax(1)
    logits = 1.5 * truth
    logits -= logits.max(1, keepdims=True)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    each = np.arange(num_rows)
    nll = -log_p[each, labels]
    eps = settings.get("label_smoothing", 0.1)
    weight = rng.uniform(0, 2, num_rows) if weighted else np.ones(num_rows)
    class_weight = rng.uniform(0, 2, num_classes) if weighted else np.ones(num_classes)
    return Rows(
        nll=nll,
        loss=((1 - eps) * nll - eps * log_p.mean(1)) * weight * class_weight[labels],
        entropy=-(p * log_p).sum(1),
        confidence=p.max(1),
        brier=((p - np.eye(num_classes)[labels]) ** 2).sum(1),
        rank=(logits > logits[each, labels][:, None]).sum(1),
        sample_weight=weight,
        label_weight=weight * class_weight[labels],
        **settings,
    )


def triple(terms):
    """Return the exact sum of the terms in the kernel's form: the fields of an Exact."""
    terms = np.asarray(terms, np.float64)
    finite = np.isfinite(terms)
    total = sum(map(Fraction, terms[finite].tolist()), Fraction())
    with np.errstate(invalid="ignore"):
        special = float(terms[~finite].sum())
    if special:
        return 0, 0, str(special)
    places = total.denominator.bit_length() - 1
    return int(total * 2**places), places, ""


def loss_of(rows):
    """Return the kernel's count of rows and the sum of losses, which have the same unit."""
    terms = np.concatenate([rows.loss[np.isfinite(rows.loss)], rows.label_weight])
    places = max(triple([term])[1] for term in (*terms, 0.0)) + 2  # more than necessary
    loss, weight = (
        int(sum(map(Fraction, values[np.isfinite(values)].tolist()), Fraction()) * 2**places)
        for values in (rows.loss, rows.label_weight)
    )
    with np.errstate(invalid="ignore"):
        special = float(rows.loss[~np.isfinite(rows.loss)].sum())
    return (len(rows) + rows.ignored, len(rows), weight, places), loss, special


def weighted(rows, name):
    """Return sample weight times quantity; a weight of 0 leaves nan and inf out."""
    values, s = getattr(rows, name), rows.sample_weight
    with np.errstate(over="ignore"):
        return np.multiply(s, values, where=s != 0, out=np.zeros_like(values))


def parts_of_squares(numbers):
    """Return the rounded squares and their rounding errors, 0 for squares that overflow."""
    with np.errstate(over="ignore"):
        rounded = numbers**2
    rests = [
        float(Fraction(number) ** 2 - Fraction(square)) if math.isfinite(square) else 0.0
        for number, square in zip(numbers.tolist(), rounded.tolist(), strict=True)
    ]
    return rounded, np.array(rests)


def weighted_squares(rows, name):
    """Return sample weight times the square of the quantity, in two parts."""
    parts = parts_of_squares(getattr(rows, name))
    return np.concatenate([weighted(replace(rows, **{name: part}), name) for part in parts])


def bins_of(rows):
    """Return the bin of each row, -1 for a row in no bin."""
    known = ~np.isnan(rows.confidence)
    bins = np.minimum(np.nan_to_num(rows.confidence) * rows.num_bins, rows.num_bins - 1)
    return np.where(known, bins.astype(int), -1)


def digits_of(terms):
    """Return the exact sum as digits to the base 2**32, the lowest in units of 2**LOWEST."""
    units, places, _ = triple(terms)
    return [units << (-LOWEST - places) >> (32 * i) & (2**32 - 1) for i in range(NUM_DIGITS)]


def histogram_of(rows):
    nll = rows.nll[~np.isnan(rows.nll)]
    places = np.searchsorted(HISTOGRAM_EDGES, nll, side="right")
    return tuple(np.bincount(places, minlength=86).tolist())


def evaluation(rows):
    """Return the Evaluation that `evaluate` would return for these rows."""
    s, bins = rows.sample_weight, bins_of(rows)
    of_hits = replace(rows, confidence=np.where(rows.rank < 1, rows.confidence, 0.0))
    sums = {
        "weight": triple(s),
        "weight_square": triple(s**2),
        "hit_confidence": triple(weighted(of_hits, "confidence")),
    }
    sums |= {name: triple(weighted(rows, name)) for name in MEANS}
    sums |= {f"{name}_square": triple(weighted_squares(rows, name)) for name in MEANS}
    top_k = tuple(sorted({1, *rows.top_k}))
    settings = Settings(rows.label_smoothing, (None, 1.0, 0.0), "", "", top_k, rows.num_bins, 9)
    numbers, counts = np.unique(bins[bins >= 0], return_counts=True)
    terms = s, weighted(rows, "confidence"), np.where(rows.rank < 1, s, 0.0)
    digits = np.zeros((3, len(numbers), NUM_DIGITS), np.int64)
    for of_term, term in zip(digits, terms, strict=True):
        for of_bin, number in zip(of_term, numbers, strict=True):
            of_bin[:] = digits_of(term[bins == number])
    in_bins = numbers, counts, digits, LOWEST
    hits = tuple(triple(s[rows.rank < k]) for k in top_k)
    result = *loss_of(rows), len(rows), sums, hits, in_bins, histogram_of(rows)
    return Evaluation(Totals.from_kernel(settings, result))


def checksum(*numbers):
    """Return the text of a record for this prior or these class weights."""
    return f"{binascii.crc32(struct.pack(f'<{len(numbers)}d', *numbers)):08x}"


def mean(terms, weights):
    """Return the correctly rounded quotient of two sums of float64 numbers, nan for 0 / 0."""
    divisor = sum(map(Fraction, np.asarray(weights).tolist()))
    if not divisor:
        return math.nan
    return float(sum(map(Fraction, np.asarray(terms).tolist())) / divisor)


def by_group(groups, *columns):
    """Return the rows of each group: a dict of id to a list of tuples."""
    found = {}
    for group, *row in zip(np.ravel(groups).tolist(), *columns, strict=True):
        found.setdefault(group, []).append(tuple(row))
    return dict(sorted(found.items()))


def clustered_error(values, weights, groups):
    """Return sqrt(G / (G - 1) sum_g (sum_n s_n (x_n - m))**2) / sum_n s_n, for G groups."""
    rows = [
        (group, Fraction(x), Fraction(s))
        for group, x, s in zip(groups, values, weights, strict=True)
        if s
    ]
    weight = sum(s for _, _, s in rows)
    mean = sum(s * x for _, x, s in rows) / weight
    scores = {}
    for group, x, s in rows:
        scores[group] = scores.get(group, 0) + s * (x - mean)
    num_groups = len(scores)
    squares = sum(score**2 for score in scores.values()) * num_groups / (num_groups - 1)
    with mpmath.workdps(50):
        return float(
            mpmath.sqrt(mpmath.mpf(squares.numerator) / squares.denominator)
            / (mpmath.mpf(weight.numerator) / weight.denominator)
        )


@st.composite
def splits(draw):
    """Draw rows, and the part of each row."""
    n = draw(st.integers(0, 12))

    def column(numbers):
        return np.array(draw(st.lists(numbers, min_size=n, max_size=n)), float)

    nll, confidence = column(LOSSES), column(SHARES)
    rows = Rows(
        nll=nll,
        loss=column(LOSSES),
        entropy=column(LOSSES),
        confidence=confidence,
        brier=column(SHARES),
        rank=column(st.integers(0, 9)),
        sample_weight=column(st.floats(0, 1e10)),
        label_weight=column(st.floats(0, 1e10)),
        top_k=draw(st.sampled_from([(1,), (1, 5), (3, 5)])),
        num_bins=draw(st.sampled_from([1, 2, 15])),
    )
    return rows, column(st.integers(0, 4)), draw(st.permutations(range(5)))


def attributes(result):
    """Return every attribute as text: all bits of a float, and nan equal to nan."""
    names = [name for name in dir(result) if not name.startswith("_")]
    return {name: repr(value) for name in names if not callable(value := getattr(result, name))}


def through_json(result):
    """Return the result that is read from the JSON text of its record."""
    return type(result).from_dict(json.loads(json.dumps(result.to_dict(), allow_nan=False)))
