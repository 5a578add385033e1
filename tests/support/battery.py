"""Calls of every kind, and a digest of the bytes of all results of each.

Tests run it in child processes with other settings; equal digests mean equal bits.
"""

import hashlib
import json

import ml_dtypes
import numpy as np

import smoothxent
from inventory import DTYPES

# All remainders of the vector widths, around a tile, several tiles.
CLASS_COUNTS = [*range(1, 71), 127, 128, 129, 1000, 1023, 1024, 1025, 2049, 5000, 70000]


def cases(class_counts, seed=20):
    """Yield a name and the arrays of its results."""
    rng = np.random.default_rng(seed)
    for dtype in map(np.dtype, DTYPES):
        for num_classes in class_counts:
            for name, results in of_classes(rng, dtype, num_classes):
                yield f"{dtype} of {num_classes} classes, {name}", results
        yield f"{dtype}, special values", special(rng, dtype)


def of_classes(rng, dtype, num_classes):
    """Yield the name and the results of each kind of call on logits of this number of classes."""
    num_rows = 2 if num_classes > 9999 else 5
    spread = rng.choice([0.1, 4, 60])
    logits = (rng.normal(0, 1, (num_rows, num_classes)) * spread).astype(dtype)
    labels = rng.integers(0, num_classes, num_rows)
    weight = rng.uniform(0, 2, num_classes)
    q = rng.dirichlet(np.ones(num_classes), num_rows).astype(dtype)
    loss_and_grad = smoothxent.cross_entropy_and_grad
    yield "plain", loss_and_grad(logits, labels, reduction="none")
    yield (
        "smoothed and weighted",
        loss_and_grad(logits, labels, label_smoothing=0.1, class_weight=weight),
    )
    transforms = {"softcap": 5.0, "temperature": 0.7, "z_loss": 1e-3}
    yield "transformed", loss_and_grad(logits, labels, reduction="none", **transforms)
    yield (
        "transformed evaluation",
        [record(smoothxent.evaluate(logits, labels, top_k=(2,), num_bins=2, **transforms))],
    )
    yield "probabilities", loss_and_grad(logits, q, label_smoothing=0.1, reduction="none")
    columns = np.ascontiguousarray(logits.T)
    yield "first axis", loss_and_grad(columns, labels, axis=0, reduction="none")
    functions = (smoothxent.softmax, smoothxent.log_softmax, smoothxent.log_sum_exp)
    yield "softmaxes", [function(logits) for function in functions]
    top_k = min(num_classes, 20)
    yield "row statistics", smoothxent.row_statistics(logits, labels, top_k=top_k)
    yield "row statistics without labels", smoothxent.row_statistics(logits)[:5]
    transformed = smoothxent.row_statistics(logits, softcap=5.0, temperature=0.7, top_k=top_k)
    yield "transformed row statistics", [array for array in transformed if array is not None]
    features = [rng.integers(-3, 4, (size, 3)).astype(dtype) for size in (num_rows, num_classes)]
    yield "statistics of a head", smoothxent.linear_row_statistics(*features, labels, top_k=top_k)
    yield "evaluation", [record(smoothxent.evaluate(logits, labels, label_smoothing=0.1))]
    options = {"class_weight": weight, "sample_weight": rng.uniform(0, 2, num_rows), "num_bins": 4}
    yield "weighted evaluation", [record(smoothxent.evaluate(logits, labels, **options))]


def record(evaluation):
    """Return the record of an evaluation, as bytes of JSON."""
    return np.frombuffer(json.dumps(evaluation.to_dict(), allow_nan=False).encode(), np.uint8)


def special(rng, dtype):
    """Return results of rows with nan, infinities, huge, tiny and confident logits."""
    logits = rng.normal(0, 4, (60, 37)).astype(dtype)
    top = ml_dtypes.finfo(dtype).max
    for n, value in enumerate([np.nan, np.inf, -np.inf, top, -top, 1e-40, 90.0, -90.0]):
        logits[n, n + 3] = value
    logits[20] = -np.inf
    logits[21, :36] = -np.inf
    logits[22] = top
    logits[30:, 5] += np.arange(30, dtype=dtype) * 4
    labels = np.full(60, 5)
    return [
        *smoothxent.cross_entropy_and_grad(logits, labels, reduction="none"),
        *smoothxent.row_statistics(logits, labels, top_k=3),
        record(smoothxent.evaluate(logits, labels)),
    ]


def canonical(array):
    """Return the bytes of an array, with the same bits for every nan."""
    array = np.array(array, order="C")
    if array.dtype.kind not in "iu":
        array[np.isnan(array)] = np.nan
    return array.tobytes()


def digests(class_counts=CLASS_COUNTS):
    """Return the digest of each case by its name."""
    return {
        name: hashlib.sha256(b"".join(canonical(result) for result in results)).hexdigest()
        for name, results in cases(class_counts)
    }
