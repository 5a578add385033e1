"""Metrics of a comparison: each is a function of the totals, and is rounded once."""

from dataclasses import dataclass

from smoothxent._comparison.groups.compared_groups import ComparedGroups
from smoothxent._comparison.totals import PairTotals
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.metrics import standard_error
from smoothxent._evaluation.sums.exact import Exact, square_root

SHARES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


@dataclass(frozen=True, slots=True)
class PairMetrics:
    """The metrics of both classifiers, and those that follow from the totals of their pairs."""

    a: Evaluation
    b: Evaluation
    names: tuple[str, str]
    _totals: PairTotals

    @property
    def groups(self) -> ComparedGroups | None:
        """The standard errors that know the groups; None without groups."""
        groups = self._totals.groups
        return None if groups is None else ComparedGroups(groups, self.a._totals.settings.top_k)

    @property
    def nll_difference(self) -> float:
        """Mean over the rows of the nll of b minus the nll of a, in nats."""
        return self._mean("nll_difference")

    @property
    def nll_difference_stderr(self) -> float:
        """Standard error of `nll_difference`."""
        return self._stderr("nll_difference")

    @property
    def entropy_difference(self) -> float:
        """Mean of the entropy of b minus that of a, in nats."""
        return self._mean("entropy_difference")

    @property
    def entropy_difference_stderr(self) -> float:
        """Standard error of `entropy_difference`."""
        return self._stderr("entropy_difference")

    @property
    def confidence_difference(self) -> float:
        """Mean of the confidence of b minus that of a."""
        return self._mean("confidence_difference")

    @property
    def confidence_difference_stderr(self) -> float:
        """Standard error of `confidence_difference`."""
        return self._stderr("confidence_difference")

    @property
    def brier_difference(self) -> float:
        """Mean of the Brier score of b minus that of a."""
        return self._mean("brier_difference")

    @property
    def brier_difference_stderr(self) -> float:
        """Standard error of `brier_difference`."""
        return self._stderr("brier_difference")

    @property
    def accuracy_difference(self) -> float:
        """Accuracy of b minus accuracy of a."""
        return self.top_k_difference[1]

    @property
    def accuracy_difference_stderr(self) -> float:
        """Standard error of `accuracy_difference`."""
        return self.top_k_difference_stderr[1]

    @property
    def top_k_difference(self) -> dict[int, float]:
        """For each k, `top_k` of b minus `top_k` of a."""
        return {k: hits / self._weight for k, hits in self._hits().items()}

    @property
    def top_k_difference_stderr(self) -> dict[int, float]:
        """Standard errors of `top_k_difference`."""
        # The difference of a row is -1, 0 or 1, so its square is 1 if the hits differ.
        squares = self._totals.changed_hits
        return {
            k: self._stderr_of(hits, changed)
            for (k, hits), changed in zip(self._hits().items(), squares, strict=True)
        }

    @property
    def agreement(self) -> float:
        """Share of the rows in which both have the same top class."""
        return self._totals.sums.agreement / self._weight

    @property
    def agreement_stderr(self) -> float:
        """Standard error of `agreement`."""
        agreement = self._totals.sums.agreement
        return self._stderr_of(agreement, agreement)

    @property
    def probability_change(self) -> float:
        """Mean of the label's probability in b minus that in a."""
        return self._mean("probability_change")

    @property
    def probability_change_stderr(self) -> float:
        """Standard error of `probability_change`."""
        return self._stderr("probability_change")

    @property
    def probability_change_rms(self) -> float:
        """Root mean square of the changes of the label's probability."""
        squares = self._totals.sums.probability_change_square
        if squares.special or not self._weight.units:
            return squares / self._weight
        return square_root(squares.fraction() / self._weight.fraction())

    @property
    def probability_change_quantiles(self) -> dict[float, float]:
        """Quantiles of the changes of the label's probability."""
        return dict(zip(SHARES, self._totals.probability_change.quantiles(SHARES), strict=True))

    @property
    def kl(self) -> float:
        """Mean over the rows of the Kullback-Leibler divergence of b from a, in nats."""
        return self._mean("kl")

    @property
    def kl_stderr(self) -> float:
        """Standard error of `kl`."""
        return self._stderr("kl")

    @property
    def kl_quantiles(self) -> dict[float, float]:
        """Quantiles of the divergences of rows."""
        return dict(zip(SHARES, self._totals.kl.quantiles(SHARES), strict=True))

    @property
    def _weight(self) -> Exact:
        """Sum of the sample weights, the same for a and b."""
        return self.a._totals.sums.weight

    def _hits(self) -> dict[int, Exact]:
        """Return for each k the weight of the hits of b minus that of the hits of a."""
        of_a, of_b = self.a._totals, self.b._totals
        pairs = zip(of_a.settings.top_k, of_a.hits, of_b.hits, strict=True)
        return {k: hits_b - hits_a for k, hits_a, hits_b in pairs}

    def _mean(self, name: str) -> float:
        total: Exact = getattr(self._totals.sums, name)
        return total / self._weight

    def _stderr(self, name: str) -> float:
        sums = self._totals.sums
        return self._stderr_of(getattr(sums, name), getattr(sums, f"{name}_square"))

    def _stderr_of(self, total: Exact, squares: Exact) -> float:
        return standard_error(total, squares, self._weight, self.a._totals.sums.weight_square)
