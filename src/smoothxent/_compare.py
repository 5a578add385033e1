"""Two classifiers on the same labelled rows: the metrics of each, and what is said of pairs."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothxent import _checks, _threads
from smoothxent._checks import AnyArray, DType
from smoothxent._comparison import Comparison
from smoothxent._evaluate import evaluate
from smoothxent._evaluation import Evaluation
from smoothxent._softmax import log_softmax, softmax

# Logits of a block of rows in float64, three arrays of which stay in the second-level cache. Rows
# that are longer are blocks of their own.
BLOCK = 1 << 15


class Pairs(NamedTuple):
    """What is said of pairs of rows, one number for each row."""

    nll_difference: NDArray[np.float64]  # of b less that of a
    divergence: NDArray[np.float64]  # of b from a
    agrees: NDArray[np.bool_]  # on the top class


class Part(NamedTuple):
    """The comparison of some rows, before anything is averaged."""

    a: Evaluation
    b: Evaluation
    pairs: Pairs


def compare(
    logits_a: ArrayLike,
    logits_b: ArrayLike,
    labels: ArrayLike,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    top_k: Iterable[int] = (1, 5),
    num_bins: int = 15,
    dtype: DType | None = None,
    num_threads: int | None = None,
) -> Comparison:
    r"""Return what two classifiers' logits say about the same labelled rows.

    With :math:`p = \mathrm{softmax}(x)` for one row of logits :math:`x` and its label :math:`y`,
    the means over the rows of

    .. math:: \log p^a_y - \log p^b_y, \qquad \sum_k p^a_k (\log p^a_k - \log p^b_k)

    are `nll_difference` and `kl`: what it costs on the label, and overall, to use b in place of a.

    Parameters
    ----------
    logits_a, logits_b : array_like of float32, float64, float16 or bfloat16, shape (..., C)
        Of the first classifier, to which the second is compared, and of the second: the same shape,
        each of any dtype. The classes are on the last axis.
    labels : array_like of any integer dtype, shape (...)
        Class indices in [0, C).
    label_smoothing, top_k, num_bins
        As in `evaluate`, for the metrics of each.
    ignore_index : int, optional
        Rows with this label count nowhere, whatever their logits hold.
    dtype : {"bfloat16", "float16"} or dtype, optional
        What uint16 logits are the bits of.
    num_threads : int, optional
        The most threads to use, at least 1; as in `cross_entropy`.

    Returns
    -------
    Comparison
        The evaluation of each, and what is said of pairs; see there.

    Raises
    ------
    IndexError, TypeError, ValueError
        As in `evaluate`; the logits have unequal shapes.

    See Also
    --------
    evaluate : the metrics of one classifier.

    Notes
    -----
    Accuracy: differences and divergences of rows are computed in float64 whatever the dtypes of
    the logits, with log-probabilities within 4 ulp. The result has the same bits for any number of
    threads and on every instruction set.

    Memory: 17 bytes a row, for exact quantiles; nothing of the size of the logits, unless their
    row axes can't be walked as one.

    Examples
    --------
    >>> import numpy as np
    >>> from smoothxent import compare
    >>> logits = np.array([[4.0, 5, 10], [1, 5, 4], [1, 15, 4]])
    >>> comparison = compare(logits, logits / 2, [2, 2, 1])
    >>> round(comparison.nll_difference, 4), round(comparison.nll_difference_stderr, 4)
    (-0.0506, 0.1149)
    >>> comparison.agreement, round(comparison.kl, 4)
    (1.0, 0.0549)
    """
    options = {
        "label_smoothing": label_smoothing,
        "ignore_index": ignore_index,
        "top_k": _checks.top_k(top_k),
        "num_bins": num_bins,
        "num_threads": num_threads,
    }
    a, b, pairs = part(logits_a, logits_b, labels, dtype, options)
    return Comparison.of(a, b, pairs.nll_difference, pairs.divergence, int(pairs.agrees.sum()))


def part(
    logits_a: ArrayLike,
    logits_b: ArrayLike,
    labels: ArrayLike,
    dtype: DType | None,
    options: dict[str, Any],
) -> Part:
    """Return the comparison of some rows; `options` are those of `evaluate`."""
    a, b = _checks.plain("logits_a", logits_a), _checks.plain("logits_b", logits_b)
    if a.shape != b.shape:
        raise ValueError(f"logits_b must have the shape of logits_a, {a.shape}, got {b.shape}")
    metrics = [evaluate(x, labels, dtype=_told(x, dtype), **options) for x in (a, b)]
    indices = _checks.plain("labels", labels).reshape(-1)
    kept = np.arange(len(indices))
    if options["ignore_index"] is not None:
        kept = np.flatnonzero(indices != options["ignore_index"])
    tables = [x.reshape(len(indices), a.shape[-1]) for x in (a, b)]
    builds = [_checks.logits(x, _told(x, dtype))[1] for x in (a, b)]

    pairs = Pairs(np.empty(len(kept)), np.empty(len(kept)), np.empty(len(kept), np.bool_))
    step = max(1, BLOCK // max(1, a.shape[-1]))
    blocks = [slice(first, first + step) for first in range(0, len(kept), step)]
    fill = partial(_fill, pairs, tables, builds, indices, kept)
    with ThreadPoolExecutor(_threads.resolve(options["num_threads"], a.size)) as pool:
        for _ in pool.map(fill, blocks):
            pass
    return Part(metrics[0], metrics[1], pairs)


def _told(logits: AnyArray, dtype: DType | None) -> DType | None:
    return dtype if logits.dtype == np.uint16 else None


def _fill(
    pairs: Pairs,
    tables: list[AnyArray],
    builds: list[np.dtype[Any] | str],
    indices: AnyArray,
    kept: NDArray[np.intp],
    block: slice,
) -> None:
    """Fill in one block of the rows that are kept."""
    rows = kept[block]
    a, b = (_wide(table[rows], build) for table, build in zip(tables, builds, strict=True))
    same_top = a.argmax(axis=1) == b.argmax(axis=1)
    p = softmax(a, num_threads=1)
    log_softmax(a, out=a, num_threads=1)
    log_softmax(b, out=b, num_threads=1)
    label = np.arange(len(rows)), indices[rows].astype(np.intp)
    with np.errstate(invalid="ignore"):
        pairs.nll_difference[block] = a[label] - b[label]
        gap = a - b
        divergence = (p * gap).sum(axis=1)
        # 0 * inf and inf - inf; other rows that hold nan stay so.
        special = np.isnan(divergence)
        if special.any():
            divergence[special] = _special_divergence(a[special], b[special], p[special])
    # Rounding may leave a little less than 0 where both are the same.
    pairs.divergence[block] = np.maximum(divergence, 0)
    pairs.agrees[block] = same_top & ~np.isnan(divergence)


def _special_divergence(
    a: NDArray[np.float64], b: NDArray[np.float64], p: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the divergence of rows of log-probabilities that -inf may stand among."""
    gap = np.where(a == -np.inf, 0, a - b)  # classes of no probability in a count nothing
    ruled_out = gap == np.inf
    divergence = (p * np.where(ruled_out, 0, gap)).sum(axis=1)
    return np.where(ruled_out.any(axis=1), np.inf, divergence)


def _wide(block: AnyArray, build: np.dtype[Any] | str) -> NDArray[np.float64]:
    """Return logits in float64, where the kernel's build says what uint16 are the bits of."""
    if build == "bfloat16":  # the upper half of a float32
        block = (block.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    elif build == "float16":
        block = block.view(np.float16)
    return block.astype(np.float64)
