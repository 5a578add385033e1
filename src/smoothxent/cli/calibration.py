"""How sure a classifier is, and how often it is right when it is that sure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smoothxent import cross_entropy, softmax

NUM_BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Rows counted by confidence, in `NUM_BINS` equal steps of [0, 1]; only bins that hold rows."""

    num_rows: NDArray[np.int64]
    confidence: NDArray[np.float64]  # mean of the rows' largest probability
    accuracy: NDArray[np.float64]  # share of the rows whose largest probability is the label's

    @property
    def calibration_error(self) -> float:
        """Mean distance of confidence and accuracy over all rows (ECE; Naeini et al. 2015)."""
        return float(np.average(np.abs(self.confidence - self.accuracy), weights=self.num_rows))


@dataclass(frozen=True)
class Scores:
    """What one set of rows says about a classifier; losses in nats."""

    loss: float  # with the label smoothing that it was trained with
    nll: float  # the loss on the label alone
    accuracy: float
    confidence: float  # mean of the largest probability
    confidence_when_wrong: float  # nan where no row is wrong
    calibration_error: float

    @property
    def overconfidence(self) -> float:
        """Mean confidence less accuracy: above 0 it promises more than it keeps."""
        return self.confidence - self.accuracy


def confidence_and_hits(
    logits: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return each row's largest probability and whether it is the label's."""
    probabilities = softmax(logits)
    return probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == labels


def reliability(confidence: NDArray[np.float64], hits: NDArray[np.bool_]) -> Reliability:
    """Count rows by confidence; a confidence of exactly 1 belongs to the last bin."""
    bins = np.minimum((confidence * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    num_rows = np.bincount(bins, minlength=NUM_BINS)
    held = num_rows > 0
    return Reliability(
        num_rows=num_rows[held],
        confidence=np.bincount(bins, confidence, NUM_BINS)[held] / num_rows[held],
        accuracy=np.bincount(bins, hits, NUM_BINS)[held] / num_rows[held],
    )


def score(
    logits: NDArray[np.float32], labels: NDArray[np.int64], *, label_smoothing: float
) -> Scores:
    """Judge the logits of a classifier that was trained with `label_smoothing`."""
    confidence, hits = confidence_and_hits(logits, labels)
    return Scores(
        loss=cross_entropy(logits, labels, label_smoothing=label_smoothing),
        nll=cross_entropy(logits, labels),
        accuracy=float(hits.mean()),
        confidence=float(confidence.mean()),
        confidence_when_wrong=float(confidence[~hits].mean()) if not hits.all() else float("nan"),
        calibration_error=reliability(confidence, hits).calibration_error,
    )
