"""Evaluation: what a classifier's logits are worth on labelled rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from smoothxent import _checks, _evaluation_record, _evaluation_table
from smoothxent._metrics import Metrics
from smoothxent._totals import Totals, Triple

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation(Metrics):
    """The metrics of a classifier's logits over labelled rows, as `evaluate` returns them."""

    @classmethod
    def _of(
        cls,
        label_smoothing: float,
        count: int,
        ignored: int,
        sums: dict[str, Triple],
        hits: dict[int, Triple],
        bins: tuple[tuple[int, Triple, Triple, Triple], ...],
        histogram: tuple[int, ...],
    ) -> Self:
        """Return the evaluation of the kernel's totals, which `Totals` names."""
        return cls(Totals.of(label_smoothing, count, ignored, sums, hits, bins, histogram))

    @classmethod
    def empty(
        cls, *, label_smoothing: float = 0.0, top_k: Iterable[int] = (1, 5), num_bins: int = 15
    ) -> Self:
        """Return the evaluation of no rows, to which others are added."""
        return cls(
            Totals.empty(
                _checks.label_smoothing(label_smoothing),
                _checks.top_k(top_k),
                _checks.positive("num_bins", num_bins),
            )
        )

    def __add__(self, other: "Evaluation") -> Self:
        if not isinstance(other, Evaluation):
            return NotImplemented
        ours, theirs = self._totals.settings, other._totals.settings
        for name in ours:
            if ours[name] != theirs[name]:
                raise ValueError(
                    f"{name} must be the same in evaluations that are added, "
                    f"got {ours[name]} and {theirs[name]}"
                )
        return type(self)(self._totals + other._totals)

    def __radd__(self, other: object) -> Self:
        """`sum` begins with 0."""
        return self if type(other) is int and other == 0 else NotImplemented

    def to_dict(self) -> dict[str, Any]:
        """Return a dict for JSON, of which `from_dict` makes this very evaluation again."""
        return _evaluation_record.record(self._totals)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the evaluation that `to_dict` made into this record."""
        return cls(_evaluation_record.totals(record))

    def __repr__(self) -> str:
        return _evaluation_table.text(self)

    def _repr_html_(self) -> str:
        return _evaluation_table.html(self)

    def plot(self, figure: "Figure | SubFigure | None" = None) -> "Figure | SubFigure":
        """Return a figure of how sure against how right, and of the histogram of the losses.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, optional
            What to draw into; a new Figure unless given.

        Raises
        ------
        ModuleNotFoundError
            matplotlib is not installed.
        """
        try:
            from smoothxent import _evaluation_plot
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'plot needs matplotlib; pip install "smoothxent[demo]"', name=error.name
            ) from error
        return _evaluation_plot.draw(self, figure)
