"""Confidence intervals of means, from their standard errors."""

import math
from statistics import NormalDist

MANY = 200  # degrees of freedom from which the series of Fisher and Cornish has all digits


def of_mean(mean: float, stderr: float, confidence: float, degrees: int) -> tuple[float, float]:
    """Return mean -+ quantile * stderr."""
    half = quantile((1 - confidence) / 2, degrees) * stderr
    return mean - half, mean + half


def of_share(share: float, num_rows: float, confidence: float) -> tuple[float, float]:
    """Return the interval of a share of independent rows (Wilson 1927), also for none or all."""
    if not num_rows > 0:
        return math.nan, math.nan
    squares = quantile((1 - confidence) / 2) ** 2 / num_rows

    def lowest(share: float) -> float:
        spread = math.sqrt(squares * (share * (1 - share) + squares / 4))
        return max(0.0, (share + squares / 2 - spread) / (1 + squares))

    return lowest(share), 1 - lowest(1 - share)


def quantile(tail: float, degrees: int = 0) -> float:
    """Return the number that Student's distribution exceeds with probability `tail`, at most 1/2.

    Without degrees of freedom it is that of the normal distribution. `tail` may be so small that
    1 - tail rounds to 1.
    """
    z = -NormalDist().inv_cdf(tail)
    if not degrees:
        return z
    if degrees >= MANY:  # Abramowitz and Stegun 26.7.5
        terms = (
            (z**3 + z) / 4,
            (5 * z**5 + 16 * z**3 + 3 * z) / 96,
            (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
            (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
        )
        return z + math.fsum(term / degrees**i for i, term in enumerate(terms, 1))
    low, high = 0.0, math.pi / 2  # of the angle whose tangent is t / sqrt(degrees)
    while low < (middle := (low + high) / 2) < high:
        low, high = (
            (middle, high) if _share_within(middle, degrees) < 1 - 2 * tail else (low, middle)
        )
    return math.sqrt(degrees) * math.tan(middle)


def _share_within(angle: float, degrees: int) -> float:
    """Return the share of Student's distribution between -t and t (A. and S. 26.7.3 and 4)."""
    cosine = math.cos(angle)
    is_odd = degrees % 2
    term, total = (cosine, 0.0) if is_odd else (1.0, 0.0)
    for i in range(1 + is_odd, degrees, 2):
        total += term
        term *= cosine**2 * i / (i + 1)
    if is_odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
