"""ext/reference.pyx, the loss in plain Cython: it is right, and every build agrees with it."""

import ast
import sys

import numpy as np
import pytest

import oracle
import smoothxent
from smoothxent._kernel import reference
from ways import instruction_set

# One class; few, with a row in each lane; the most of these, one more; a tile; several and a tail.
CLASS_COUNTS = [1, 2, 3, 10, 128, 129, 1000, 5000]
SMOOTHING = [0, 0.1, 1]
LEADS = [0.0, 17.0, -17.0, 60.0, -60.0, 1.0]  # added to the label's logit, in turn
NUM_ROWS = 67  # groups of every width, and some rows more

every_count = pytest.mark.parametrize("num_classes", CLASS_COUNTS)


def draw(rng, num_rows, num_classes, dtype):
    """Return logits and labels; some rows are confident in the label or in another class."""
    logits = rng.normal(0, 3, (num_rows, num_classes)).astype(dtype)
    labels = rng.integers(0, num_classes, num_rows)
    logits[np.arange(num_rows), labels] += np.resize(LEADS, num_rows).astype(dtype)
    return logits, labels


def reference_losses(logits, labels, label_smoothing, num_threads=1):
    out = np.full(len(labels), -1.0)
    reference.cross_entropy(logits, np.asarray(labels), label_smoothing, out, num_threads)
    return out


def reference_error(logits):
    """Return a bound of the reference's error, relative to the loss of each row, float64 (N,).

    In units of 2**-53. A sum of C positive terms, added one by one, is off by at most C - 1 of
    itself. That of S reaches nll = d + log1p(S - 1 + ...), d > 0, of at least log 2, enlarged by
    1 / log 2; nll_of_m, taken C - 1 times, stands in a sum over classes of -log p_k, of at least
    C log C, and that of x_k - m comes on top: 3 C is more than these together. Where d < 0 the
    rounding of d itself enters exp(d): |d|, at most the range of the row. 16 more are for exp and
    log1p, within 2 of themselves each, and the products.
    """
    return 2.0**-53 * (3 * logits.shape[1] + np.ptp(logits.astype(float), axis=1) + 16)


def losses_of_builds(logits, labels, label_smoothing):
    """Yield the losses of each build of the kernel."""
    for isa in smoothxent.available_isas():
        with instruction_set(isa, "cross_entropy"):
            yield smoothxent.cross_entropy(
                logits, labels, label_smoothing=label_smoothing, reduction="none"
            )


@pytest.mark.slow
@pytest.mark.parametrize("label_smoothing", SMOOTHING)
@every_count
def test_reference_is_right_to_float64(dtype, rng, num_classes, label_smoothing):
    logits, labels = draw(rng, len(LEADS), num_classes, dtype)
    losses = reference_losses(logits, labels, label_smoothing)
    for n, allowed in enumerate(reference_error(logits)):
        exact = oracle.exact_loss(logits[n], labels[n], label_smoothing=label_smoothing)
        assert abs(losses[n] - exact) <= allowed * exact, f"row {n}"


@every_count
def test_every_build_of_the_kernel_agrees_with_the_reference(dtype, rng, num_classes):
    logits, labels = draw(rng, NUM_ROWS, num_classes, dtype)
    for label_smoothing in SMOOTHING:
        expected = reference_losses(logits, labels, label_smoothing)
        allowed = (oracle.promised_loss(dtype) + reference_error(logits)) * expected
        for losses in losses_of_builds(logits, labels, label_smoothing):
            assert losses.dtype == dtype
            np.testing.assert_array_less(np.abs(losses - expected), np.nextafter(allowed, np.inf))


SPECIAL = {
    "one class is masked": ([1, 2, -np.inf, 0], 1),
    "all other classes are masked": ([-np.inf, 2, -np.inf, -np.inf], 1),
    "the label is masked": ([1, -np.inf, 2, 0], 1),
    "all classes are masked": ([-np.inf] * 4, 1),
    "another class is nan": ([1, 2, np.nan, 0], 1),
    "all other classes are nan": ([np.nan, 2, np.nan, np.nan], 1),
    "the label is nan": ([1, np.nan, 2, 0], 1),
    "the only class is masked": ([-np.inf], 0),
    "the only class is nan": ([np.nan], 0),
}


@pytest.mark.parametrize("row, label", SPECIAL.values(), ids=SPECIAL)
def test_rows_with_masked_classes_and_nan_have_the_loss_that_every_build_returns(dtype, row, label):
    logits, labels = np.array([row, [0] * len(row)], dtype), np.array([label, 0])
    for label_smoothing in SMOOTHING:
        losses = reference_losses(logits, labels, label_smoothing)
        for expected in losses_of_builds(logits, labels, label_smoothing):
            np.testing.assert_allclose(losses, expected, rtol=oracle.promised_loss(dtype))


def test_number_of_threads_does_not_change_a_bit_of_the_reference(dtype, rng):
    logits, labels = draw(rng, 10_000, 10, dtype)
    alone = reference_losses(logits, labels, 0.1)
    for num_threads in (2, 3, 16):
        assert reference_losses(logits, labels, 0.1, num_threads).tobytes() == alone.tobytes()


THREADS = """
import os, numpy as np
from smoothxent._kernel import reference
def threads(): return len(os.listdir("/proc/self/task"))
logits, labels, before = np.zeros((100, 3)), np.zeros(100, np.int64), threads()
for num_threads in (1, 3):
    reference.cross_entropy(logits, labels, 0.1, np.empty(100), num_threads)
    print(threads() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
@pytest.mark.skipif(not smoothxent.info()["openmp_runtime"], reason="built without OpenMP")
def test_reference_runs_on_as_many_threads_as_it_is_given(run_child):
    assert run_child(THREADS) == "0\n2\n"


@pytest.mark.slow
def test_package_does_without_the_reference(run_child):
    source = """
import sys, battery
battery.digests()
print([name for name in sys.modules if "reference" in name])
"""
    assert ast.literal_eval(run_child(source)) == []
