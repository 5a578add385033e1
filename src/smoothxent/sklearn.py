"""The label-smoothed loss as a scorer for scikit-learn."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent import cross_entropy, log_sum_exp

try:
    from sklearn.utils.metadata_routing import MetadataRequest
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'smoothxent.sklearn needs scikit-learn; pip install "smoothxent[sklearn]"', name=error.name
    ) from error

PROBABILITIES, DECISIONS = "predict_proba", "decision_function"

__all__ = ["SmoothedLogLossScorer", "neg_smoothed_log_loss"]


@dataclass(unsafe_hash=True)  # scikit-learn hashes the `scoring` argument
class SmoothedLogLossScorer:
    """The scorer that `neg_smoothed_log_loss` returns.

    Attributes
    ----------
    label_smoothing : float
        The share, in [0, 1], of each target that is spread over all classes.
    """

    label_smoothing: float
    _request: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raise the errors of the loss about `label_smoothing`."""
        cross_entropy([0.0], 0, label_smoothing=self.label_smoothing)

    def __call__(
        self, estimator: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return minus the mean loss of a fitted classifier on data, in nats."""
        logits = _logits(estimator, X)
        loss = cross_entropy(
            logits,
            _class_indices(y, estimator.classes_, len(logits)),
            label_smoothing=self.label_smoothing,
            sample_weight=sample_weight,
        )
        # Softmax divides probabilities by their sum; scikit-learn's `log_loss` does not.
        if hasattr(estimator, PROBABILITIES):
            weights = None if sample_weight is None else np.asarray(sample_weight)
            loss -= float(np.average(log_sum_exp(logits), weights=weights))
        return -loss

    def set_score_request(self, *, sample_weight: bool | str | None) -> Self:
        """Set whether metadata routing passes `sample_weight`, and under which name."""
        self._request = MetadataRequest(owner=self)
        self._request.score.add_request(param="sample_weight", alias=sample_weight)
        return self

    def get_metadata_routing(self) -> Any:
        """Return the metadata request of this scorer, for scikit-learn."""
        if self._request is None:
            self.set_score_request(sample_weight=None)
        return self._request


def neg_smoothed_log_loss(*, label_smoothing: float = 0.0) -> SmoothedLogLossScorer:
    r"""Return a scorer: minus the mean label-smoothed loss of a classifier, in nats.

    .. math:: -\frac{1}{\sum_n s_n} \sum_n s_n
              \sum_k \left[(1-\varepsilon) [k = y_n] + \varepsilon / C\right] (-\log p_{nk})

    where :math:`p` is the classifier's `predict_proba`, clipped to :math:`[\delta, 1 - \delta]` as
    in scikit-learn's `log_loss`; :math:`\delta` is the spacing of its dtype at 1.

    Parameters
    ----------
    label_smoothing : float, default 0.0
        The share :math:`\varepsilon`, in [0, 1], of each target that is spread over all C classes.
        At 0 this is scikit-learn's "neg_log_loss".

    Returns
    -------
    SmoothedLogLossScorer
        A callable `(estimator, X, y, sample_weight=None)` for the argument `scoring` of
        `cross_val_score`, `cross_validate`, `GridSearchCV` and similar. Larger is better.

    Raises
    ------
    TypeError, ValueError
        `label_smoothing` is not a number in [0, 1].

        When the scorer is called: the estimator has no `classes_`, or neither `predict_proba` nor
        `decision_function`; its output is not one number per class (or one decision per row, for
        two classes); `y` holds other values than its classes; `sample_weight` is bad, as in
        `cross_entropy`.

    Notes
    -----
    Forests and nearest neighbours may predict a probability of 0. In float64, after clipping, it
    costs 36.04 nats times the share of its class in the target.

    For classifiers without `predict_proba`, which "neg_log_loss" can't score, the scorer calls
    `decision_function` and treats its numbers as logits, even if they were not fitted as logits. If
    there is one number per row, it is the logit of the second of two classes, and the first has
    logit 0. An SVC needs its default, ``decision_function_shape="ovr"``.

    With metadata routing, call ``.set_score_request(sample_weight=True)`` so that the scorer
    receives `sample_weight`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from smoothxent.sklearn import neg_smoothed_log_loss
    >>> X, y = load_iris(return_X_y=True)
    >>> scoring = neg_smoothed_log_loss(label_smoothing=0.1)
    >>> scores = cross_val_score(LogisticRegression(max_iter=500), X, y, scoring=scoring)
    >>> f"{scores.mean():.2f}"
    '-0.58'
    """
    return SmoothedLogLossScorer(label_smoothing)


def _logits(estimator: Any, X: Any) -> NDArray[Any]:
    """Return a row of logits for each row of `X`, in the order of the classes of the estimator."""
    kind = type(estimator).__name__
    if not hasattr(estimator, "classes_"):
        raise TypeError(f"estimator must be a fitted classifier, got {kind} without classes_")
    num_classes = len(estimator.classes_)
    method = PROBABILITIES if hasattr(estimator, PROBABILITIES) else DECISIONS
    if not hasattr(estimator, method):
        raise TypeError(f"estimator must have {PROBABILITIES} or {DECISIONS}, got {kind}")
    numbers = np.asarray(getattr(estimator, method)(X))
    if method == DECISIONS and numbers.ndim == 1 and num_classes == 2:
        numbers = np.stack([np.zeros_like(numbers), numbers], axis=1)
    if numbers.ndim != 2 or numbers.shape[1] != num_classes:
        raise ValueError(
            f"{method} must give one number for each of {num_classes} classes, "
            f"got shape {numbers.shape} from {kind}"
        )
    return _log_clipped(numbers) if method == PROBABILITIES else numbers


def _log_clipped(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Return the logarithms of the clipped probabilities, as in `log_loss`."""
    p = probabilities if probabilities.dtype.kind == "f" else probabilities.astype(np.float64)
    eps = np.finfo(p.dtype).eps
    logs: NDArray[np.float64] = np.log(np.clip(p, eps, 1 - eps), dtype=np.float64)
    return logs


def _class_indices(y: ArrayLike, classes: NDArray[Any], num_rows: int) -> NDArray[np.int64]:
    """Return the index of each label among the classes, which may be unsorted."""
    labels = np.asarray(y)
    if labels.shape != (num_rows,):
        raise ValueError(f"y must have shape ({num_rows},), got {labels.shape}")
    index_of = {label: index for index, label in enumerate(classes.tolist())}
    indices = [index_of.get(label, -1) for label in labels.tolist()]
    if -1 in indices:
        row = indices.index(-1)
        label = f"y[{row}] = {labels.tolist()[row]!r}"
        raise ValueError(f"y must hold classes that the estimator was fitted on, got {label}")
    return np.array(indices, np.int64)
