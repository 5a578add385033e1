"""evaluate_chunks: errors of the source, of a chunk and of the caller, and Ctrl-C."""

import threading

import numpy as np
import pytest

from assertions import error_text
from smoothxent import evaluate, evaluate_chunks

pytestmark = pytest.mark.usefixtures("no_thread_stays")


def draw_chunks(rng, num_chunks):
    """Draw chunks of 10 rows and 10 classes."""
    shape = num_chunks, 10, 10
    return list(zip(rng.normal(0, 4, shape), rng.integers(0, 10, shape[:2]), strict=True))


def failing(chunks, error):
    """Yield the chunks and then raise the error."""
    yield from chunks
    raise error


@pytest.mark.fault("chunk-source")
def test_error_of_the_generator_comes_out_with_its_traceback_after_all_rows_before_it(rng):
    chunks = draw_chunks(rng, 3)
    error = OSError("the disk is gone")
    calls = []
    with pytest.raises(OSError) as caught:
        evaluate_chunks(failing(chunks, error), progress=lambda *call: calls.append(call))
    assert caught.value is error
    assert caught.traceback[-1].name == "failing"
    assert calls[-1] == (30, sum(evaluate(*chunk) for chunk in chunks))


@pytest.mark.fault("chunk-source")
def test_error_of_an_earlier_chunk_comes_before_that_of_the_generator(rng):
    first, (logits, labels) = draw_chunks(rng, 2)
    chunks = [first, (logits, labels + 10)]
    for source in (failing(chunks, OSError()), [*chunks, "no chunk"]):
        text = error_text(IndexError, evaluate_chunks, source)
        assert text == f"chunks[1]: labels must lie in [0, 10), got labels[0] = {labels[0] + 10}"


@pytest.mark.fault("chunk-source")
def test_interrupt_in_the_generator_comes_before_every_other_error(rng):
    (logits, labels), *_ = draw_chunks(rng, 1)
    for chunk in [(logits, labels), (logits, labels + 10)]:
        calls = []
        with pytest.raises(KeyboardInterrupt):
            evaluate_chunks(failing([chunk], KeyboardInterrupt()), progress=calls.append)
        assert calls == []


class Source:
    """A generator that records when it is closed, and in which thread."""

    def __init__(self, chunks):
        self.chunks, self.closed_in, self.taken = chunks, None, 0

    def run(self):
        try:
            for chunk in self.chunks:
                self.taken += 1
                yield chunk
        finally:
            self.closed_in = threading.get_ident()


@pytest.mark.fault("chunk-source")
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_error_in_progress_is_the_callers_and_closes_the_generator(rng, error):
    def progress(done, evaluation):
        raise error(done)

    source = Source(draw_chunks(rng, 9))
    generator = source.run()  # kept here, so that only the call can close it
    assert error_text(error, evaluate_chunks, generator, progress=progress) == "10"
    assert source.closed_in == threading.get_ident()
    assert source.taken == 2


@pytest.mark.fault("chunk-source")
def test_bad_chunk_closes_the_generator(rng):
    (logits, labels), *others = draw_chunks(rng, 9)
    source = Source([(logits, labels + 10), *others])
    generator = source.run()
    error_text(IndexError, evaluate_chunks, generator)
    assert source.closed_in == threading.get_ident()
    assert source.taken == 2


def test_only_generators_are_closed(rng):
    class Cursor:
        def __init__(self, chunks):
            self.chunks = chunks

        def __iter__(self):
            return self

        def __next__(self):
            if self.chunks:
                return self.chunks.pop()
            raise StopIteration

        def close(self):
            raise AssertionError("closed")

    assert evaluate_chunks(Cursor(draw_chunks(rng, 2))).count == 20


INTERRUPTED = """
import os, signal, sys, threading
import numpy as np
import smoothxent
from smoothxent._evaluation import evaluate_chunks as module

where, ended, interrupted = sys.argv[1], [], threading.Event()
interrupt = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))

def handle(*arguments):
    interrupted.set()
    raise KeyboardInterrupt

def source():
    try:
        for number in range(1000):
            if number == 3 and where == "generator":
                interrupt.start()
                threading.Event().wait()
            yield np.zeros((100, 10)), np.zeros(100, int)
    finally:
        ended.append("generator")

def evaluate_rows(*arguments, compute=module.evaluate_rows):
    if where == "chunk":
        interrupt.start()
        interrupted.wait()
    result = compute(*arguments)
    if where == "chunk":
        ended.append("chunk")
    return result

module.evaluate_rows = evaluate_rows
signal.signal(signal.SIGINT, handle)
generator = source()
try:
    smoothxent.evaluate_chunks(generator)
except KeyboardInterrupt:
    interrupt.join()
    print(*ended, threading.active_count())
"""


@pytest.mark.slow
@pytest.mark.fault("chunk-source")
@pytest.mark.parametrize(
    "where, expected", [("generator", "generator 1\n"), ("chunk", "chunk generator 1\n")]
)
def test_interrupt_ends_the_generator_at_once_and_the_call_after_the_chunk(
    run_child, where, expected
):
    assert run_child(INTERRUPTED, where) == expected


@pytest.mark.fault("chunks")
@pytest.mark.parametrize(
    "chunks, text",
    [
        (5, "chunks must be an iterable of {}, got int"),
        ([5], "chunks[0] must be {}, got int"),
        ((np.zeros((4, 2)), np.zeros(4, int)), "chunks[0] must be {}, got ndarray"),
        ([{"logits": [[0.0]], "labels": [0]}], "chunks[0] must be {}, got dict"),
    ],
)
def test_iterable_of_something_else_is_an_error(chunks, text):
    form = "(logits, labels), with sample_weight and groups after them or not"
    assert error_text(TypeError, evaluate_chunks, chunks) == text.format(form)


@pytest.mark.fault("chunks")
@pytest.mark.parametrize("count", [0, 1, 5])
def test_chunk_of_another_length_is_an_error(count):
    good = np.zeros((1, 2)), [0]
    assert error_text(ValueError, evaluate_chunks, [good, (good[0],) * count]) == (
        "chunks[1] must be (logits, labels), with sample_weight and groups after them or not, "
        f"got {count} items"
    )


LOGITS, LABELS = np.zeros((4, 2)), [0, 1, 0, 1]
OF_CLASSES = "logits must have 2 classes, as in chunks[0], got shape (4, 3)"
OF_WEIGHTS = "sample_weight must be finite and not negative, got sample_weight[2] = -1"
MASKED = "a plain array, got a masked array; fill it with sample_weight.filled(value)"
CLASS_WEIGHT = "class_weight must be finite and not negative, got class_weight[1] = -1.0"


@pytest.mark.fault("chunks")
@pytest.mark.parametrize(
    "bad, error, text",
    [
        ((np.zeros((4, 3)), LABELS), ValueError, OF_CLASSES),
        ((LOGITS, LABELS[:3]), ValueError, "labels must have shape (4,), got (3,)"),
        ((LOGITS, [0, 1, 2, 3]), IndexError, "labels must lie in [0, 2), got labels[2] = 2"),
        ((LOGITS, LABELS, [1, 1, -1, 1]), ValueError, OF_WEIGHTS),
        ((LOGITS, LABELS, np.ma.ones(4)), TypeError, f"sample_weight must be {MASKED}"),
    ],
)
def test_error_about_an_array_names_the_chunk(bad, error, text):
    good = LOGITS, [0, 0, 1, 1]
    chunks = [good, good, good, bad, good, good]
    assert error_text(error, evaluate_chunks, chunks) == f"chunks[3]: {text}"


@pytest.mark.fault("chunks")
@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"label_smoothing": 2.0}, ValueError, "label_smoothing must lie in [0, 1], got 2.0"),
        ({"top_k": 5}, TypeError, "top_k must be a tuple of integers, got 5; write (5,)"),
        ({"num_threads": 0}, ValueError, "num_threads must be at least 1, got 0"),
        ({"ignore_index": 1.5}, TypeError, "ignore_index must be an integer, got 1.5"),
        ({"class_weight": [1.0, -1.0]}, ValueError, CLASS_WEIGHT),
    ],
)
def test_bad_option_is_an_error_before_any_chunk_is_taken(options, error, text):
    source = Source([])
    generator = source.run()
    assert error_text(error, evaluate_chunks, generator, **options) == text
    assert generator.gi_frame.f_lasti == source.run().gi_frame.f_lasti  # has not begun


@pytest.mark.fault("chunks")
def test_weights_of_classes_must_fit_the_first_chunk(rng):
    chunks = draw_chunks(rng, 2)
    text = error_text(ValueError, evaluate_chunks, chunks, class_weight=np.ones(9))
    assert text == "class_weight must have shape (10,), got (9,)"


@pytest.mark.fault("chunks")
@pytest.mark.parametrize("with_groups", [0, 1])
def test_groups_in_some_chunks_only_are_an_error(with_groups):
    chunks = [(np.zeros((1, 2)), [0], None, ["a"]), (np.zeros((1, 2)), [0])]
    assert error_text(ValueError, evaluate_chunks, chunks[:: 1 - 2 * with_groups]) == (
        "chunks[1]: groups must be in all chunks or in none, "
        f"got them only in chunks[{with_groups}]"
    )
