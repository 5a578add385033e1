"""Calls on arrays that touch inaccessible pages: a read or write too far kills the process.

Run in a child process. Every result is also compared with that on ordinary memory.
"""

import ctypes
import mmap

import numpy as np

import smoothxent
from battery import record
from inventory import DTYPES
from smoothxent._kernel import builds

INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
# All remainders modulo 64, for rows of one lane (up to 128 classes) and for rows of tiles.
FEW, CLASS_COUNTS = 128, range(1, 193)
# Below, at and above the 16 rows of a group, and three groups; of tiles, which take one row at a
# time, fewer.
ROW_COUNTS, ROW_COUNTS_OF_TILES = [1, 3, 16, 17, 48], [1, 2, 3, 17]
REAL_STATISTICS = ("log_sum_exp", "max_logit", "entropy", "confidence", "label_logit", "nll")
# Around a tile of 1024 classes; several segments of 16384, which two threads share.
LONG = [(2, 1023, 1), (2, 1024, 1), (2, 1025, 1), (1, 16500, 2)]
MOST = max(max(ROW_COUNTS) * max(CLASS_COUNTS), *(rows * classes for rows, classes, _ in LONG))


class Guarded:
    """Memory between two inaccessible pages, the guards."""

    def __init__(self, num_bytes):
        page = mmap.PAGESIZE
        self.size = -(-num_bytes // page) * page
        self.memory = mmap.mmap(-1, self.size + 2 * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        libc = ctypes.CDLL(None, use_errno=True)
        for guard in (start, start + page + self.size):
            if libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(page), 0):
                raise OSError(ctypes.get_errno(), "mprotect failed")

    def place(self, array, end):
        """Return a copy of the array; its first or last byte is next to a guard."""
        array = np.ascontiguousarray(array)
        offset = mmap.PAGESIZE + (self.size - array.nbytes if end == "last" else 0)
        view = np.ndarray(array.shape, array.dtype, buffer=self.memory, offset=offset)
        view[...] = array
        return view


def problem(dtype, num_rows, num_classes, rng):
    """Draw every array that a call may take, by name."""
    shape = (num_rows, num_classes)
    logits = rng.normal(0, 4, shape).astype(dtype)
    wide = np.dtype(np.float64 if dtype == np.float64 else np.float32)
    kind = rng.choice(INTEGERS)
    return {
        "logits": logits,
        "labels": rng.integers(0, min(num_classes, np.iinfo(kind).max), num_rows).astype(kind),
        "q": rng.dirichlet(np.ones(num_classes), num_rows).astype(wide),
        "class_weight": rng.uniform(0, 2, num_classes),
        "sample_weight": rng.uniform(0, 2, num_rows),
        "prior": rng.dirichlet(np.ones(num_classes)),
        "out": np.zeros(num_rows, wide),
        "grad": np.zeros(shape, dtype),
        "wide_grad": np.zeros(shape, wide),
        "columns": logits.T.copy(),
        "grad_columns": np.zeros(shape[::-1], dtype),
        "spread": np.repeat(logits, 2, axis=1),
        "in_place": logits,
        **{name: np.zeros(num_rows, wide) for name in REAL_STATISTICS},
        **{name: np.zeros(num_rows, np.int64) for name in ("argmax", "rank")},
        "top_log_probs": np.zeros((num_rows, min(num_classes, 64)), wide),
        "top_classes": np.zeros((num_rows, min(num_classes, 64)), np.int64),
    }


TRANSFORMS = {"softcap": 5.0, "temperature": 0.7, "z_loss": 1e-3}
WEIGHTS = ("class_weight", "sample_weight", "prior")


def both_outs(array, labels, weights=(), grad="grad", **options):
    """Return per-row losses and the gradient, written to `out` and `grad_out`."""
    return smoothxent.cross_entropy_and_grad(
        array["logits"],
        array[labels],
        label_smoothing=0.1,
        reduction="none",
        out=array["out"],
        grad_out=array[grad],
        **{name: array[name] for name in weights},
        **options,
    )


def statistics(array, labels, num_threads):
    """Return the statistics of rows, which the kernel writes to guarded arrays."""
    labelled = ("label_logit", "nll", "rank")
    names = smoothxent.RowStatistics._fields
    results = [None if name in labelled and labels is None else array[name] for name in names]
    logits = array["logits"]
    kernel = builds.kernel(logits.dtype.name)
    assert kernel.row_statistics(logits, labels, None, None, tuple(results), num_threads) == -1
    return [result for result in results if result is not None]


def evaluation_of(array, logits, weights=(), **options):
    """Return all numbers of an evaluation."""
    options |= {name: array[name] for name in weights}
    return [record(smoothxent.evaluate(logits, array["labels"], num_bins=1, **options))]


def results(array, end, num_threads):
    """Yield the results of every kind of call; the call in place is last."""
    threads = {"num_threads": num_threads}
    logits, labels = array["logits"], array["labels"]
    for kind in ("labels", "q"):
        for weights in ((), WEIGHTS):
            yield both_outs(array, kind, weights, **threads)
        yield smoothxent.cross_entropy_and_grad(logits, array[kind], **threads)
        yield [smoothxent.cross_entropy(logits, array[kind], label_smoothing=0.1, **threads)]
    yield both_outs(array, "labels", ignore_index=0, **threads)
    yield both_outs(array, "labels", grad="wide_grad", **threads)
    for name, out in [("softmax", "grad"), ("log_softmax", "wide_grad"), ("log_sum_exp", "out")]:
        yield [getattr(smoothxent, name)(logits, out=array[out], **threads)]
    yield statistics(array, None, num_threads)
    yield statistics(array, labels, num_threads)
    yield evaluation_of(array, logits, **threads)
    yield evaluation_of(array, logits, **TRANSFORMS, **threads)
    yield both_outs(array, "q", WEIGHTS, **TRANSFORMS, **threads)
    yield evaluation_of(array, logits, WEIGHTS, label_smoothing=0.1, **threads)
    yield evaluation_of(array, array["columns"], axis=0, **threads)
    yield smoothxent.cross_entropy_and_grad(
        array["columns"], labels, axis=0, grad_out=array["grad_columns"], **threads
    )
    yield [smoothxent.softmax(array["columns"], axis=0, out=array["grad_columns"], **threads)]
    for view in (logits[::-1, ::-1], array["spread"][:, end == "last" :: 2]):
        yield smoothxent.cross_entropy_and_grad(view, labels, reduction="none", **threads)
        top_k = min(view.shape[1], 64)
        yield smoothxent.row_statistics(view, labels, top_k=top_k, **threads)
    if logits.itemsize == 2:
        bits = logits.view(np.uint16)
        yield [smoothxent.log_softmax(smoothxent.bits(bits, logits.dtype.name), **threads)]
    in_place = array["in_place"]
    yield smoothxent.cross_entropy_and_grad(in_place, labels, grad_out=in_place, **threads)


def check(regions, plain, end, num_threads=1):
    """Compare the results of every kind of call on ordinary and on guarded memory."""
    guarded = {name: regions[name].place(array, end) for name, array in plain.items()}
    ordinary = {name: array.copy() for name, array in plain.items()}
    for expected, actual in zip(
        results(ordinary, end, num_threads), results(guarded, end, num_threads), strict=True
    ):
        for one, other in zip(expected, actual, strict=True):
            if np.asarray(one).tobytes() != np.asarray(other).tobytes():
                raise AssertionError(f"{one} is not {other}")


def check_past_the_caches(rng):
    """Compare a result so large that the kernel writes it past the caches, between guards."""
    shape = (8500, 1003)  # 34 MB
    logits = np.resize(rng.normal(0, 4, 99991), shape).astype(np.float32)
    expected = smoothxent.softmax(logits)
    region = Guarded(logits.nbytes)
    for end in ("first", "last"):
        out = region.place(np.zeros_like(logits), end)
        if smoothxent.softmax(logits, out=out).tobytes() != expected.tobytes():
            raise AssertionError("another result past the caches")


def ends(num_classes):
    """Return which ends of arrays touch a guard: the first is read alike for any number of classes.

    So each third will do, among which is every number modulo 64.
    """
    return ("last",) if num_classes % 3 else ("last", "first")


def main():
    """Check every dtype and number of classes."""
    rng = np.random.default_rng(18)
    regions = {name: Guarded(2 * MOST * 8) for name in problem(np.dtype(np.float32), 1, 1, rng)}
    sizes = []
    for num_classes in CLASS_COUNTS:
        row_counts = ROW_COUNTS if num_classes <= FEW else ROW_COUNTS_OF_TILES
        sizes.append((int(rng.choice(row_counts)), num_classes, 1))
    for dtype in map(np.dtype, DTYPES):
        for num_rows, num_classes, num_threads in sizes + LONG:
            plain = problem(dtype, num_rows, num_classes, rng)
            for end in ends(num_classes):
                check(regions, plain, end, num_threads)
    check_past_the_caches(rng)
    print("unharmed")


if __name__ == "__main__":
    main()
