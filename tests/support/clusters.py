"""Means of groups of rows and their clustered standard errors, as fractions."""

from fractions import Fraction

import mpmath
import numpy as np


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
