"""One run through every kind of call, boiled down to a digest of all result bytes.

Run in a child process under each instruction set; equal digests are equal bits.
"""

import hashlib

import ml_dtypes
import numpy as np

import smoothxent

DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]

# Every tail of the vector widths, the edges of the tile, several tiles.
CLASS_COUNTS = [*range(1, 71), 127, 128, 129, 1000, 1023, 1024, 1025, 2049, 5000, 70000]


def cases(seed=20):
    """Yield a name and the arrays of its results."""
    rng = np.random.default_rng(seed)
    for dtype in DTYPES:
        for num_classes in CLASS_COUNTS:
            num_rows = 2 if num_classes > 9999 else 5
            logits = (rng.normal(0, 1, (num_rows, num_classes)) * rng.choice([0.1, 4, 60])).astype(
                dtype
            )
            labels = rng.integers(0, num_classes, num_rows)
            weight = rng.uniform(0, 2, num_classes)
            q = rng.dirichlet(np.ones(num_classes), num_rows).astype(dtype)
            name = f"{np.dtype(dtype)} of {num_classes} classes"
            yield (
                f"{name}, plain",
                smoothxent.cross_entropy_and_grad(logits, labels, reduction="none"),
            )
            yield (
                f"{name}, smoothed and weighted",
                smoothxent.cross_entropy_and_grad(
                    logits, labels, label_smoothing=0.1, class_weight=weight
                ),
            )
            yield (
                f"{name}, probabilities",
                smoothxent.cross_entropy_and_grad(logits, q, label_smoothing=0.1, reduction="none"),
            )
            yield (
                f"{name}, first axis",
                smoothxent.cross_entropy_and_grad(
                    np.ascontiguousarray(logits.T), labels, axis=0, reduction="none"
                ),
            )
            yield (
                f"{name}, softmaxes",
                (
                    smoothxent.softmax(logits),
                    smoothxent.log_softmax(logits),
                    smoothxent.log_sum_exp(logits),
                ),
            )
        yield f"{np.dtype(dtype)}, special values", special(rng, dtype)


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
    return smoothxent.cross_entropy_and_grad(logits, np.full(60, 5), reduction="none")


def canonical(array):
    """Return the bytes of an array in which every nan is the same nan."""
    array = np.array(array, order="C")
    array[np.isnan(array)] = np.nan
    return array.tobytes()


def digests():
    """Return the digest of each case by its name."""
    return {
        name: hashlib.sha256(b"".join(canonical(result) for result in results)).hexdigest()
        for name, results in cases()
    }
