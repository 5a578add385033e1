"""The label-smoothed targets as a table of probabilities."""

from __future__ import annotations  # help() shows types by their names

import numpy as np
from numpy.typing import ArrayLike

from smoothxent._arguments.arrays import AnyArray, FloatArray
from smoothxent._arguments.labels import (
    check_indices_in_range,
    check_not_indices,
    check_probabilities,
    labels_array,
)
from smoothxent._arguments.logits import check_axis, check_class_axis
from smoothxent._arguments.options import check_label_smoothing, check_positive, check_prior


def smooth_labels(
    labels: ArrayLike,
    label_smoothing: float,
    *,
    num_classes: int | None = None,
    prior: ArrayLike | None = None,
    axis: int = -1,
) -> FloatArray:
    r"""Return the label-smoothed targets as a table of probabilities.

    .. math:: q'_k = (1-\varepsilon)\, q_k + \varepsilon\, u_k

    `cross_entropy` of this table without smoothing equals `cross_entropy` of the labels with
    smoothing, which does not need to store the table.

    Parameters
    ----------
    labels : array_like
        With `num_classes`: class indices in [0, C), of any integer dtype and any shape. Without
        `num_classes`: label probabilities of any real dtype, one-hot integers included, with the C
        classes on `axis`. Integers on one axis are class indices and need `num_classes`.
    label_smoothing : float
        The share :math:`\varepsilon`, in [0, 1], of the target that is moved from the label to
        `prior`.
    num_classes : int, optional
        C, at least 1, if `labels` are class indices.
    prior : array_like of shape (C,), optional
        The distribution of that share over the classes: not negative, with sum 1 (to 1e-6). By
        default it is uniform, 1/C for each class.
    axis : int, default -1
        The class axis of the result.

    Returns
    -------
    ndarray
        Probabilities: float32 for labels of float32, float16 or bfloat16, otherwise float64. The
        shape is that of the label probabilities, or that of the class indices with an axis of C
        classes inserted at `axis`.

    Raises
    ------
    IndexError
        A class index lies outside [0, C); the error names the first one.
    TypeError
        The labels have another dtype than described, or are a masked array; an option is not a
        number.
    ValueError
        `label_smoothing` lies outside [0, 1]; a probability is negative or not finite; `prior` does
        not have the shape (C,), has a negative entry or one that is not finite, or does not sum to
        1; `axis` does not exist; `num_classes` is missing.

    Notes
    -----
    The table is computed in float64; a float32 table is rounded once more.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking
    the Inception Architecture for Computer Vision", 2016, section 7. arXiv:1512.00567.

    Examples
    --------
    >>> from smoothxent import smooth_labels
    >>> smooth_labels([2, 1, 1], 0.001, num_classes=3)
    array([[3.33333333e-04, 3.33333333e-04, 9.99333333e-01],
           [3.33333333e-04, 9.99333333e-01, 3.33333333e-04],
           [3.33333333e-04, 9.99333333e-01, 3.33333333e-04]])
    >>> smooth_labels([[0, 0, 1]], 0.3, prior=[0.5, 0.5, 0])
    array([[0.15, 0.15, 0.7 ]])
    """
    array = labels_array(labels)
    eps = check_label_smoothing(label_smoothing)
    if num_classes is None:
        check_not_indices(array)
        axis, size, _ = check_class_axis("labels", axis, array.shape)
        targets = check_probabilities(array, axis)
    else:
        axis = check_axis(axis, array.ndim + 1)
        size = check_positive("num_classes", num_classes)
        targets = np.expand_dims(check_indices_in_range(array, size), axis)
        targets = targets == _along(np.arange(size), axis, targets.ndim)
    smoothed = (1.0 - eps) * targets.astype(np.float64)
    if prior is not None:
        smoothed += _along(eps * check_prior(prior, size), axis, smoothed.ndim)
    elif size:
        smoothed += eps / size
    return smoothed.astype(np.float32) if targets.dtype == np.float32 else smoothed


def _along(values: AnyArray, axis: int, ndim: int) -> AnyArray:
    """Reshape `values` so that they lie along one axis of `ndim` axes."""
    return values.reshape((-1,) + (1,) * (ndim - axis - 1))
