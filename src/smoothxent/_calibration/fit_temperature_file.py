"""The temperature that calibrates logits in files, which may be larger than memory."""

from __future__ import annotations  # help() shows types by their names

from collections.abc import Iterable

from numpy.typing import ArrayLike

from smoothxent._arguments.bits import DType
from smoothxent._arguments.options import check_bounds, check_top_k
from smoothxent._calibration.fit import LABELS_ONLY, fit
from smoothxent._calibration.temperature import Temperature
from smoothxent._evaluation.evaluation import Evaluation
from smoothxent._evaluation.probabilities import warn_of_probabilities
from smoothxent._evaluation.settings import Options
from smoothxent._files.evaluate_file import Progress, StoredRows, evaluate_stored
from smoothxent._files.shards import Paths, shards_of, shards_or_array


def fit_temperature_file(
    logits: Paths,
    labels: ArrayLike | Paths,
    *,
    bounds: tuple[float, float] = (0.01, 100.0),
    softcap: float | None = None,
    sample_weight: ArrayLike | Paths | None = None,
    ignore_index: int | None = None,
    top_k: Iterable[int] = (1, 5),
    num_bins: int = 15,
    dtype: DType | None = None,
    num_threads: int | None = None,
    progress: Progress | None = None,
) -> Temperature:
    """Return what `fit_temperature` returns, for logits and labels in files of any size.

    Parameters
    ----------
    logits : path, pattern or sequence of paths
        As in `evaluate_file`.
    labels : array_like, path, pattern or sequence of paths
        As in `evaluate_file`.
    bounds, softcap, ignore_index, top_k, num_bins
        As in `fit_temperature`.
    sample_weight : array_like, path, pattern or sequence of paths, optional
        As in `evaluate_file`.
    dtype : "bfloat16" or "float16", optional
        As in `evaluate_file`.
    num_threads : int, optional
        The number of threads that compute, each on its own chunk; the caller's reads ahead.
    progress : callable, optional
        Called in each read of the files as in `evaluate_file`, with the evaluation of the rows done
        so far; its `temperature` is that of the read.

    Returns
    -------
    Temperature
        The same, to the last bit, as `fit_temperature` returns for the whole arrays.

    Raises
    ------
    OSError, IndexError, TypeError, ValueError
        As in `evaluate_file` and `fit_temperature`.

    Warns
    -----
    UserWarning
        As in `evaluate_file`.

    See Also
    --------
    fit_temperature : the same for arrays in memory.
    evaluate_file : all metrics at a given temperature.

    Notes
    -----
    Memory: some chunks of 8 MB, as in `evaluate_file`. The files are read once for each step of the
    search and must not change meanwhile.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from smoothxent import fit_temperature, fit_temperature_file
    >>> rng = np.random.default_rng(0)
    >>> logits, labels = rng.normal(size=(1000, 10)), rng.integers(0, 10, size=1000)
    >>> labels[:500] = logits[:500].argmax(axis=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder, "logits.npy"), logits)
    ...     np.save(Path(folder, "labels.npy"), labels)
    ...     fitted = fit_temperature_file(Path(folder, "logits.npy"), Path(folder, "labels.npy"))
    >>> fitted == fit_temperature(logits, labels)
    True
    """
    limits, ranks = check_bounds(bounds), check_top_k(top_k)
    of_logits, of_labels = shards_of("logits", logits), shards_or_array("labels", labels)
    of_weights = shards_or_array("sample_weight", sample_weight)
    rows = StoredRows.of(of_logits, of_labels, of_weights, None, dtype)

    def evaluate_at(temperature: float) -> Evaluation:
        transforms = softcap, temperature, 0.0
        options = Options.of(rows.num_classes, transforms, LABELS_ONLY, ranks, num_bins)
        return evaluate_stored(rows, options, ignore_index, num_threads, progress)

    first = evaluate_at(1.0)
    if first._totals.looks_like_probabilities:
        warn_of_probabilities(str(rows.logits))
    return fit(first, evaluate_at, rows.num_classes, limits)
