"""Labels and options of a loss, and the equivalent table of targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Setting:
    """One set of options, with labels: indices (N,) or probabilities (N, C)."""

    name: str
    labels: NDArray[Any]
    options: dict[str, Any]

    @property
    def has_probabilities(self) -> bool:
        return self.labels.ndim == 2

    @property
    def is_plain(self) -> bool:
        return not (self.options or self.has_probabilities)

    def kept(self) -> NDArray[np.bool_]:
        if "ignore_index" not in self.options:
            return np.ones(len(self.labels), bool)
        return np.asarray(self.labels != self.options["ignore_index"])

    def row_weights(self) -> NDArray[np.float64]:
        """Return the weight of each row in the denominator of the mean, exact for short weights."""
        weights = self.kept() * self.options.get("sample_weight", np.ones(len(self.labels)))
        if "class_weight" in self.options and not self.has_probabilities:
            weights = weights * self.options["class_weight"][np.where(self.kept(), self.labels, 0)]
        return np.asarray(weights, np.float64)

    def only(self, *names: str) -> Setting:
        """Return the setting with only these options."""
        options = {name: value for name, value in self.options.items() if name in names}
        return Setting(self.name, self.labels, options)


def targets(setting: Setting, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the equivalent table of targets, in float64."""
    options, labels = setting.options, setting.labels
    eps = options.get("label_smoothing", 0.0)
    if setting.has_probabilities:
        table = (1 - eps) * labels
    else:
        table = np.zeros(shape)
        table[np.arange(len(labels)), np.where(setting.kept(), labels, 0)] = 1 - eps
    table += eps * options.get("prior", 1 / shape[1])
    table *= options.get("class_weight", 1.0)
    return np.asarray(table * sample_weights(setting)[:, None])


def sample_weights(setting: Setting) -> NDArray[np.float64]:
    """Return the weight of each row, 0 for ignored rows."""
    weights = setting.options.get("sample_weight", np.ones(len(setting.labels)))
    return np.asarray(setting.kept() * weights, np.float64)
