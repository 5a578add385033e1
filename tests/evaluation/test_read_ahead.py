"""Chunks that are read ahead: in order, a bounded number, and all threads end in any case."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from quick import PATIENCE
from smoothxent._evaluation.read_ahead import results_in_order

pytestmark = pytest.mark.usefixtures("no_thread_stays")


@pytest.mark.parametrize("num_threads", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_results_come_in_order(count, num_threads):
    results = results_in_order(range(count), lambda n: n * n, num_threads)
    assert list(results) == [n * n for n in range(count)]


@pytest.mark.parametrize("num_threads", [1, 3])
def test_no_more_than_the_rooms_are_read_beyond_what_is_taken(num_threads):
    read = []
    num_chunks = num_threads + 1
    chunks = (read.append(n) or n for n in range(40))
    for number in results_in_order(chunks, lambda n: n, num_threads):
        assert read == list(range(len(read)))
        assert number < len(read) <= number + num_chunks


def test_chunk_is_read_while_another_is_computed():
    both = threading.Barrier(2, timeout=PATIENCE)  # breaks, which is an error, unless two meet

    def chunks():
        for number in range(4):
            if number:
                both.wait()
            yield number

    def compute(number):
        if number < 3:
            both.wait()
        return number

    assert list(results_in_order(chunks(), compute, 1)) == [0, 1, 2, 3]


@pytest.mark.fault("file-interrupt")
@pytest.mark.parametrize("where", ["read", "compute"])
@pytest.mark.parametrize("bad", [0, 1, 5, 39])
def test_lowest_error_comes_where_its_result_would(where, bad):
    def step(name):
        def fail(number):
            if where == name and number >= bad:
                raise OSError(number)
            return number

        return fail

    done = []
    with pytest.raises(OSError) as caught:
        done.extend(results_in_order(map(step("read"), range(40)), step("compute"), 3))
    assert caught.value.args == (bad,)
    assert done == list(range(bad))


@pytest.mark.fault("file-interrupt")
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_error_of_the_caller_ends_the_threads(error):
    results = results_in_order(range(10**6), lambda n: n, 2)
    with pytest.raises(error):  # noqa: PT012
        for number in results:
            if number == 5:
                results.throw(error())


def test_results_that_are_not_wanted_are_not_computed(monkeypatch):
    computed, is_closed = [], threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, *arguments, **options):
            super().shutdown(*arguments, **options)
            is_closed.set()

    def compute(number):
        if number:  # chunk 1 has begun when the caller stops
            is_closed.wait(PATIENCE)
        computed.append(number)
        return number

    monkeypatch.setattr("smoothxent._evaluation.read_ahead.ThreadPoolExecutor", Pool)
    results = results_in_order(range(10**6), compute, 2)
    assert next(results) == 0
    results.close()
    assert set(computed) <= {0, 1, 2}
    assert len(computed) < 4
