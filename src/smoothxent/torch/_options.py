"""The options of a loss, as they travel to the operators."""

from typing import NamedTuple

import numpy as np

_REDUCTIONS = ("mean", "sum", "none")  # a tuple, because `reduction` may not be hashable

SCHEMA = (
    "str reduction, int ignore_index, float label_smoothing, "
    "float? softcap, float temperature, float z_loss"
)


class Options(NamedTuple):
    """The three options that PyTorch has too, and the three transforms; smoothxent's names."""

    reduction: str
    ignore_index: int
    label_smoothing: float
    softcap: float | None
    temperature: float
    z_loss: float

    @property
    def has_transforms(self) -> bool:
        return self[3:] != (None, 1.0, 0.0)

    @property
    def are_ours(self) -> bool:
        """Whether smoothxent accepts these options of PyTorch; it checks the transforms itself."""
        return (
            _is_number(self.ignore_index)
            and _is_number(self.label_smoothing)
            and self.reduction in _REDUCTIONS
            and 0 <= self.label_smoothing <= 1
        )


def _is_number(value: object) -> bool:
    """Whether this is a Python or NumPy number; None, bools and tensors are not."""
    return isinstance(value, float | int | np.number) and not isinstance(value, bool)
