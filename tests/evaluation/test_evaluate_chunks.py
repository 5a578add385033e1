"""evaluate_chunks: the bits of evaluate on all rows, computed while the next chunk is taken."""

import contextvars
import sys
import threading
import tracemalloc

import numpy as np
import pytest

from metric_checks import draw
from peaks import peak_of
from quick import PATIENCE
from smoothxent import Evaluation, bits, evaluate, evaluate_chunks

pytestmark = pytest.mark.usefixtures("no_thread_stays")
CUTS = [[], [50], [0, 1, 1, 99], [17, 34, 100], list(range(1, 100))]


def cut(cuts, *arrays):
    """Return the chunks of arrays between the cuts."""
    return list(zip(*(np.split(array, cuts) for array in arrays), strict=True))


@pytest.fixture
def before_computing(monkeypatch):
    """Return a function that sets what is called before each chunk is computed."""

    def set_call(call):
        from smoothxent._evaluation import evaluate_chunks as module

        def evaluate_rows(*arguments, compute=module.evaluate_rows):
            call(*arguments)
            return compute(*arguments)

        monkeypatch.setattr(module, "evaluate_rows", evaluate_rows)

    return set_call


# The result.


@pytest.mark.parametrize("num_threads", [1, 2, 5, None])
@pytest.mark.parametrize("cuts", CUTS)
def test_chunks_of_any_size_have_the_bits_of_all_rows(rng, any_dtype, cuts, num_threads):
    arrays = draw(rng, dtype=any_dtype)
    expected = evaluate(*arrays)
    assert evaluate_chunks(cut(cuts, *arrays), num_threads=num_threads) == expected
    assert evaluate_chunks(iter(cut(cuts, *arrays)), num_threads=num_threads) == expected


@pytest.mark.parametrize("num_groups", [3, 50])
@pytest.mark.parametrize("cuts", CUTS)
def test_groups_and_classes_of_all_chunks_have_the_bits_of_all_rows(rng, cuts, num_groups):
    logits, labels = draw(rng)
    weights, groups = rng.uniform(0, 2, 100), rng.integers(0, num_groups, 100)
    chunks = cut(cuts, logits, labels, weights, groups)
    assert evaluate_chunks(chunks, per_class=True) == evaluate(
        logits, labels, sample_weight=weights, groups=groups, per_class=True
    )


@pytest.mark.parametrize("cuts", CUTS)
def test_all_options_are_those_of_evaluate(rng, cuts):
    logits, labels = draw(rng)
    weights = rng.uniform(0, 2, 100)
    prior = rng.uniform(0, 1, 10)
    options = {
        "softcap": 20.0,
        "temperature": 0.75,
        "z_loss": 0.01,
        "label_smoothing": 0.1,
        "prior": prior / prior.sum(),
        "class_weight": rng.uniform(0, 2, 10),
        "ignore_index": 3,
        "num_bins": 7,
    }
    expected = evaluate(logits, labels, sample_weight=weights, top_k=(1, 2, 3), **options)
    chunks = cut(cuts, logits, labels, weights)
    assert evaluate_chunks(chunks, top_k=iter((1, 2, 3)), **options) == expected
    for name in options:  # each of them has an effect
        others = {other: value for other, value in options.items() if other != name}
        assert evaluate_chunks(chunks, top_k=(1, 2, 3), **others) != expected


@pytest.mark.parametrize("num_threads", [3, None])
def test_each_chunk_is_computed_with_the_given_number_of_threads(
    rng, before_computing, num_threads
):
    numbers = []
    before_computing(lambda *arguments: numbers.append(arguments[-1]))
    evaluate_chunks(cut([50], *draw(rng)), num_threads=num_threads)
    assert numbers == [num_threads] * 2


def test_chunks_may_be_bits(rng):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    logits, labels = draw(rng, dtype=ml_dtypes.bfloat16)
    chunks = [(bits(x.view(np.uint16), "bfloat16"), y) for x, y in cut([30, 60], logits, labels)]
    assert evaluate_chunks(chunks) == evaluate(logits, labels)


def test_chunks_may_differ_in_shape_dtype_of_labels_and_memory_layout(rng):
    logits, labels = draw(rng)
    chunks = [
        (logits[:60].reshape(4, 15, 10), labels[:60].reshape(4, 15).astype(np.uint8)),
        [np.asfortranarray(logits[60:80]), labels[60:80].tolist()],
        (logits[80:99][::-1], labels[80:99][::-1].astype(">i4"), None),
        (logits[99], labels[99]),
    ]
    assert evaluate_chunks(chunks) == evaluate(logits, labels)


def test_weight_of_none_is_1(rng):
    logits, labels = draw(rng)
    weights = np.where(np.arange(100) < 30, 1.0, rng.uniform(0, 2, 100))
    chunks = [(logits[:30], labels[:30], None), (logits[30:], labels[30:], weights[30:])]
    assert evaluate_chunks(chunks) == evaluate(logits, labels, sample_weight=weights)


def test_tensors_and_batches_of_a_data_loader_are_chunks(rng, torch):
    logits, labels = draw(rng)
    data = torch.utils.data.TensorDataset(torch.tensor(logits), torch.tensor(labels))
    loader = torch.utils.data.DataLoader(data, batch_size=30)
    assert evaluate_chunks(loader) == evaluate(logits, labels)


def test_no_chunks_are_no_rows():
    prior = [0.25, 0.75]
    options = {"num_bins": 3, "top_k": (2,), "prior": prior, "temperature": 2.0}
    assert evaluate_chunks([], **options) == Evaluation.empty(**options)
    nothing = np.zeros((0, 2)), np.zeros(0, int)
    assert evaluate_chunks([nothing, nothing], **options) == Evaluation.empty(**options)


@pytest.mark.parametrize("option", [{"per_class": "x"}, {"num_threads": 0}])
def test_options_are_checked_although_there_are_no_chunks(option):
    with pytest.raises((TypeError, ValueError), match=f"{next(iter(option))} must be "):
        evaluate_chunks([], **option)


def test_progress_is_called_after_every_chunk_in_order_in_the_thread_of_the_caller(rng):
    logits, labels = draw(rng)
    labels[::7] = -100
    calls = []

    def progress(*arguments):
        calls.append((*arguments, threading.get_ident()))

    chunks = cut([17, 34, 34], logits, labels)
    evaluate_chunks(chunks, ignore_index=-100, progress=progress)
    here = threading.get_ident()
    assert calls == [
        (end, evaluate(logits[:end], labels[:end], ignore_index=-100), here)
        for end in (17, 34, 34, 100)
    ]


# Read-ahead.


def test_chunk_is_computed_while_the_next_one_is_taken(rng, before_computing):
    both = threading.Barrier(2, timeout=PATIENCE)  # breaks, which is an error, unless two meet
    chunks = cut([20, 40, 60], *draw(rng))

    def source():
        yield chunks[0]
        for chunk in chunks[1:]:
            both.wait()
            yield chunk
        both.wait()

    before_computing(lambda *_: both.wait())
    assert evaluate_chunks(source()).count == 100


def test_at_most_one_chunk_is_taken_ahead(rng):
    chunks = cut(list(range(5, 100, 5)), *draw(rng))
    done = []

    def source():
        for number, chunk in enumerate(chunks):
            assert len(done) == max(0, number - 1)
            yield chunk

    evaluate_chunks(source(), progress=lambda *arguments: done.append(arguments))
    assert len(done) == len(chunks) == 20


def test_generator_runs_in_the_thread_and_the_context_of_the_caller(rng):
    chunks = cut([20, 40], *draw(rng))
    variable = contextvars.ContextVar("variable")
    found = []

    def source():
        for chunk in chunks:
            found.append((threading.get_ident(), variable.get(None)))
            yield chunk

    variable.set("of the caller")
    evaluate_chunks(source())
    assert found == [(threading.get_ident(), "of the caller")] * 3


@pytest.mark.fault("chunk-memory")
@pytest.mark.parametrize("with_weights", [False, True])
def test_generator_may_change_its_arrays_while_the_chunk_is_computed(
    rng, before_computing, with_weights
):
    arrays = draw(rng)
    if with_weights:
        arrays = (*arrays, rng.uniform(0, 2, 100))
    room = [np.empty_like(array[:20]) for array in arrays]
    changed = threading.Semaphore(0)

    def source():
        for chunk in cut([20, 40, 60, 80], *arrays):
            for mine, numbers in zip(room, chunk, strict=True):
                mine[:] = numbers
            yield tuple(room)
            for mine in room:
                mine[:] = 3
            changed.release()

    before_computing(
        lambda *_: changed.acquire(timeout=PATIENCE) or pytest.fail("is not computed ahead")
    )
    expected = evaluate(*arrays[:2], sample_weight=arrays[2] if with_weights else None)
    assert evaluate_chunks(source()) == expected


@pytest.mark.fault("chunk-memory")
@pytest.mark.thread_unsafe(reason="tracemalloc traces all threads")
def test_memory_is_that_of_two_copies_and_of_one_while_the_source_works():
    size = 256 * 1024 * 4
    sizes = []

    def source():
        for _ in range(20):
            sizes.append(tracemalloc.get_traced_memory()[0])
            yield np.zeros((256, 1024), np.float32), np.zeros(256, int)

    evaluate_chunks(source())  # imports, and the kernel's own memory
    _, peak = peak_of(lambda: evaluate_chunks(source()))
    # A free-threaded Python lets the thread that made an array free it, which may be a chunk later.
    late = 0 if getattr(sys, "_is_gil_enabled", lambda: True)() else size
    assert size < max(sizes) < 1.25 * size + late
    assert 3 * size < peak < 3.25 * size + late  # two copies, and what the source has returned
