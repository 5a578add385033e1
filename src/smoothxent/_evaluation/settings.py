"""The settings of an evaluation, which are checked once and stored with the totals."""

import zlib
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent._arguments.options import (
    TRANSFORMS,
    GivenTransforms,
    Targets,
    Transforms,
    check_flag,
    check_num_bins,
    check_targets,
    check_top_k,
    check_transforms,
    given_transforms,
)


class Settings(NamedTuple):
    """The settings that must agree in evaluations that are added."""

    label_smoothing: float
    transforms: GivenTransforms
    prior: str  # checksum, or ""
    class_weight: str  # checksum, or ""
    top_k: tuple[int, ...]
    num_bins: int
    num_classes: int  # 0 if it is not known yet, without rows

    @classmethod
    def of(
        cls,
        transforms: Transforms | None,
        targets: Targets,
        top_k: tuple[int, ...],
        num_bins: int,
        num_classes: int,
    ) -> Self:
        """Return the settings for checked arguments."""
        label_smoothing, prior, class_weight, _, _ = targets
        loss = (
            label_smoothing,
            given_transforms(transforms),
            checksum(prior),
            checksum(class_weight),
        )
        return cls(*loss, top_k, num_bins, num_classes)

    def by_name(self) -> dict[str, object]:
        """Return the settings by the names of the arguments."""
        transforms = dict(zip(TRANSFORMS, self.transforms, strict=True))
        return {
            "num_classes": self.num_classes,
            "label_smoothing": self.label_smoothing,
            **transforms,
            "prior": f"checksum {self.prior}" if self.prior else "none",
            "class_weight": f"checksum {self.class_weight}" if self.class_weight else "none",
            "top_k": self.top_k,
            "num_bins": self.num_bins,
        }

    def changed(self) -> dict[str, object]:
        """Return the settings of the loss that differ from the defaults, by name."""
        targets = 0.0, None, None, None, None
        defaults = self.of(None, targets, *self[-3:]).by_name()
        return {name: value for name, value in self.by_name().items() if value != defaults[name]}

    def joined(self, other: Self, owner: str = "") -> Self:
        """Return the settings of a sum; raise unless those of both parts agree.

        owner: in a comparison, " of A" or " of B".
        """
        ours, theirs = self.by_name(), other.by_name()
        if not (self.num_classes and other.num_classes):
            del ours["num_classes"]
        for name, value in ours.items():
            if value != theirs[name]:
                remedy = "; pad the logits with -inf" if name == "num_classes" else ""
                whose = owner if name in TRANSFORMS else ""  # the others are those of both
                raise ValueError(
                    f"{name}{whose} must be the same in evaluations that are added, "
                    f"got {value} and {theirs[name]}{remedy}"
                )
        return self if self.num_classes else other


class Options(NamedTuple):
    """The checked arguments that are the same for all rows."""

    settings: Settings
    transforms: Transforms | None
    targets: Targets  # without sample_weight and ignore_index
    per_class: bool

    @classmethod
    def of(
        cls,
        num_classes: int,
        transforms: GivenTransforms,
        targets: tuple[float, ArrayLike | None, ArrayLike | None],
        top_k: Iterable[int],
        num_bins: int,
        per_class: bool = False,
    ) -> Self:
        """Check the arguments of an evaluation of logits with this number of classes.

        targets: label_smoothing, prior and class_weight.
        """
        checked = check_transforms(transforms)
        checked_targets = check_targets((*targets, None, None), num_classes, ())
        ranks, bins = check_top_k(top_k), check_num_bins(num_bins)
        settings = Settings.of(checked, checked_targets, ranks, bins, num_classes)
        return cls(settings, checked, checked_targets, check_flag("per_class", per_class))


def checksum(numbers: NDArray[np.float64] | None) -> str:
    """Return the CRC-32 of the numbers, the same on any machine and for -0.0 as for 0.0."""
    if numbers is None:
        return ""
    return f"{zlib.crc32((numbers + 0.0).astype('<f8', copy=False).data):08x}"
