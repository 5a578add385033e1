"""Metrics of a comparison: evaluations of both classifiers, and metrics of their pairs of rows."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from smoothxent._evaluation.evaluation import Evaluation

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)


class Pairs(NamedTuple):
    """Measures of each pair of rows."""

    nll_difference: NDArray[np.float64]  # nll of b minus nll of a
    divergence: NDArray[np.float64]  # KL divergence of b from a
    agrees: NDArray[np.bool_]  # whether both have the same top class


@dataclass(frozen=True, slots=True)
class PairMetrics:
    """The metrics of some pairs of rows."""

    a: Evaluation
    b: Evaluation
    nll_difference: float  # mean of nll of b minus nll of a, in nats
    nll_difference_stderr: float
    agreement: float  # share of the rows in which both have the same top class
    kl: float  # mean divergence of b from a, in nats
    kl_stderr: float
    _kl_quantiles: tuple[float, ...]

    @property
    def kl_quantiles(self) -> dict[float, float]:
        """Quantiles of the divergences of rows."""
        return dict(zip(QUANTILES, self._kl_quantiles, strict=True))

    @classmethod
    def of(cls, a: Evaluation, b: Evaluation, pairs: Pairs) -> Self:
        """Return the metrics of both, and of their pairs of rows."""
        return cls(
            a,
            b,
            *_mean_and_stderr(pairs.nll_difference),
            float(pairs.agrees.mean()) if len(pairs.agrees) else np.nan,
            *_mean_and_stderr(pairs.divergence),
            _quantiles(pairs.divergence),
        )


def _mean_and_stderr(values: NDArray[np.float64]) -> tuple[float, float]:
    with np.errstate(all="ignore"):
        mean = float(values.mean()) if len(values) else np.nan
        stderr = float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return mean, stderr


def _quantiles(values: NDArray[np.float64]) -> tuple[float, ...]:
    if not len(values) or np.isnan(values).any():
        return (np.nan,) * len(QUANTILES)
    return tuple(np.quantile(values, QUANTILES, method="inverted_cdf").tolist())
