"""Metrics of a comparison: each is a function of the totals, and is rounded once."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smoothxent._arguments.arrays import AnyArray
from smoothxent._comparison.totals import MEASURES, PairTotals
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._totals.exact import Exact, square_root
from smoothxent._totals.means import Mean, Means, MeanSums, StandardError, WeightSums

SHARES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


class ComparedGroups(NamedTuple):
    """The groups of the rows of a comparison; those with only ignored rows are left out."""

    ids: AnyArray  # of int64, or objects of type str; in ascending order
    count: NDArray[np.int64]  # type: ignore[assignment]  # numbers of rows; hides tuple.count


@dataclass(frozen=True, slots=True)
class PairMetrics(Means):
    """The metrics of both classifiers, and those that follow from the totals of their pairs."""

    a: Evaluation
    b: Evaluation
    names: tuple[str, str]
    _totals: PairTotals

    def _check(self) -> None:
        """Raise unless all totals are those of the same rows, with the same settings."""
        a, b, pairs = self.a._totals, self.b._totals, self._totals
        groups = [None if (g := each.groups) is None else g.keys.tolist() for each in (a, b, pairs)]
        fits = a.settings._replace(transforms=b.settings.transforms) == b.settings
        fits &= len(pairs.changed_hits) == len(a.hits) and groups == [groups[0]] * 3
        names = {"count", "weight", *self._names()} - {"accuracy_difference"}
        fits &= pairs.groups is None or pairs.groups.names() == names
        if not fits:
            raise ValueError("a, b and totals must be of the same rows")

    @property
    def groups(self) -> ComparedGroups | None:
        """The ids and sizes of the groups; None without groups."""
        groups = self.a.groups
        return None if groups is None else ComparedGroups(groups.ids, groups.count)

    nll_difference = Mean("Mean over the rows of the nll of b minus the nll of a, in nats.")
    nll_difference_stderr = StandardError("Standard error of `nll_difference`.")
    entropy_difference = Mean("Mean of the entropy of b minus that of a, in nats.")
    entropy_difference_stderr = StandardError("Standard error of `entropy_difference`.")
    confidence_difference = Mean("Mean of the confidence of b minus that of a.")
    confidence_difference_stderr = StandardError("Standard error of `confidence_difference`.")
    brier_difference = Mean("Mean of the Brier score of b minus that of a.")
    brier_difference_stderr = StandardError("Standard error of `brier_difference`.")
    accuracy_difference = Mean("Accuracy of b minus accuracy of a.")
    accuracy_difference_stderr = StandardError("Standard error of `accuracy_difference`.")

    @property
    def top_k_difference(self) -> dict[int, float]:
        """For each k, `top_k` of b minus `top_k` of a."""
        return {k: self._mean(f"top_{k}_difference") for k in self.a._totals.settings.top_k}

    @property
    def top_k_difference_stderr(self) -> dict[int, float]:
        """Standard errors of `top_k_difference`."""
        return {k: self._stderr(f"top_{k}_difference") for k in self.a._totals.settings.top_k}

    @property
    def wins(self) -> float:
        """Sum of the weights of the rows that only b gets right."""
        hits = self._sums("accuracy_difference")
        return (hits.squares + hits.total) / Exact(2, 0)

    @property
    def losses(self) -> float:
        """Sum of the weights of the rows that only a gets right."""
        hits = self._sums("accuracy_difference")
        return (hits.squares - hits.total) / Exact(2, 0)

    agreement = Mean("Share of the rows in which both have the same top class.")
    agreement_stderr = StandardError("Standard error of `agreement`.")
    probability_change = Mean("Mean of the label's probability in b minus that in a.")
    probability_change_stderr = StandardError("Standard error of `probability_change`.")

    @property
    def probability_change_rms(self) -> float:
        """Root mean square of the changes of the label's probability."""
        squares = self._totals.sums.probability_change_square
        weight = self._weights().total
        if squares.special or not weight.units:
            return squares / weight
        return square_root(squares.fraction() / weight.fraction())

    @property
    def probability_change_quantiles(self) -> dict[float, float]:
        """Quantiles of the changes of the label's probability."""
        return dict(zip(SHARES, self._totals.probability_change.quantiles(SHARES), strict=True))

    kl = Mean("Mean over the rows of the Kullback-Leibler divergence of b from a, in nats.")
    kl_stderr = StandardError("Standard error of `kl`.")

    @property
    def kl_quantiles(self) -> dict[float, float]:
        """Quantiles of the divergences of rows."""
        return dict(zip(SHARES, self._totals.kl.quantiles(SHARES), strict=True))

    def _names(self) -> tuple[str, ...]:
        ranks = (f"top_{k}_difference" for k in self.a._totals.settings.top_k)
        return (*MEASURES, "accuracy_difference", *ranks, "agreement")

    def _weights(self) -> WeightSums:
        return self.a._weights()

    def _sums(self, name: str) -> MeanSums:
        sums, groups = self._totals.sums, self._totals.groups
        name = name.replace("accuracy", "top_1")
        of_groups = None if groups is None else groups.sums[name]
        if name == "agreement":
            return MeanSums(sums.agreement, sums.agreement, of_groups, is_share=True)
        if name in MEASURES:
            return MeanSums(getattr(sums, name), getattr(sums, f"{name}_square"), of_groups)
        of_each = name.removesuffix("_difference")
        more = self.b._sums(of_each).total - self.a._sums(of_each).total
        k = self.a._totals.settings.top_k.index(int(of_each.removeprefix("top_")))
        # The difference of a row is -1, 0 or 1, so its square is 1 if the hits differ.
        return MeanSums(more, self._totals.changed_hits[k], of_groups)
