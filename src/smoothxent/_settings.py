"""What rows are evaluated with: checked once for all of them, and known to their totals."""

import zlib
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent import _checks


class Settings(NamedTuple):
    """What must agree where evaluations are added."""

    label_smoothing: float
    softcap: float | None
    temperature: float
    z_loss: float
    prior: str  # checksum; "" where none is given
    class_weight: str  # the same
    top_k: tuple[int, ...]
    num_bins: int

    @classmethod
    def of(
        cls,
        label_smoothing: float,
        transforms: tuple[float, float, float] | None,
        prior: str,
        class_weight: str,
        top_k: tuple[int, ...],
        num_bins: int,
    ) -> Self:
        """Return the settings that checked arguments and checksums are."""
        softcap, temperature, z_loss = transforms or (0.0, 1.0, 0.0)
        return cls(
            label_smoothing, softcap or None, temperature, z_loss, prior, class_weight, top_k,
            num_bins,
        )  # fmt: skip

    def unusual(self) -> dict[str, object]:
        """Return what of the arguments that are no counts is not the default, by name."""
        usual = self.of(0.0, None, "", "", self.top_k, self.num_bins)
        return {
            name: value
            for name, value, default in zip(self._fields, self, usual, strict=True)
            if value != default
        }

    def said(self) -> dict[str, object]:
        """Return each by its name, as errors say it."""
        checksums = {"prior": self.prior, "class_weight": self.class_weight}
        return self._asdict() | {
            name: f"checksum {checksum}" if checksum else "none"
            for name, checksum in checksums.items()
        }


class Options(NamedTuple):
    """Checked arguments that hold for all rows."""

    settings: Settings
    transforms: tuple[float, float, float] | None
    prior: NDArray[np.float64] | None
    class_weight: NDArray[np.float64] | None

    @classmethod
    def of(
        cls,
        num_classes: int,
        softcap: float | None,
        temperature: float,
        z_loss: float,
        label_smoothing: float,
        prior: ArrayLike | None,
        class_weight: ArrayLike | None,
        top_k: Iterable[int],
        num_bins: int,
    ) -> Self:
        """Check the arguments of an evaluation of logits with this number of classes."""
        transforms = _checks.transforms(softcap, temperature, z_loss)
        eps = _checks.label_smoothing(label_smoothing)
        u = None if prior is None else _checks.prior(prior, num_classes)
        w = None
        if class_weight is not None:
            w = _checks.weights("class_weight", class_weight, (num_classes,))
        settings = Settings.of(
            eps, transforms, checksum(u), checksum(w), _checks.top_k(top_k),
            _checks.num_bins(num_bins),
        )  # fmt: skip
        return cls(settings, transforms, u, w)


def checksum(numbers: NDArray[np.float64] | None) -> str:
    """Return the CRC-32 of the numbers on any machine, -0.0 being 0.0; "" for None."""
    if numbers is None:
        return ""
    return f"{zlib.crc32((numbers + 0.0).astype('<f8', copy=False).data):08x}"
