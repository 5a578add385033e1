"""Chunks that are read ahead: in order, a bounded number, and all threads end in any case."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from quick import PATIENCE
from smoothxent._files.read_ahead import results_in_order

pytestmark = pytest.mark.usefixtures("no_thread_stays")


@pytest.mark.parametrize("num_threads", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_results_come_in_order(count, num_threads):
    results = results_in_order(lambda n: n, lambda n: n * n, count, num_threads)
    assert list(results) == [n * n for n in range(count)]


@pytest.mark.parametrize("num_threads", [1, 3])
def test_no_more_than_the_rooms_are_read_beyond_what_is_taken(num_threads):
    read = []
    num_chunks = num_threads + 1
    results = results_in_order(lambda n: read.append(n) or n, lambda n: n, 40, num_threads)
    for number in results:
        assert read == list(range(len(read)))
        assert number < len(read) <= number + 1 + num_chunks


def test_chunk_is_read_while_another_is_computed():
    both = threading.Barrier(2, timeout=PATIENCE)  # breaks, which is an error, unless two meet

    def read(number):
        if number:
            both.wait()
        return number

    def compute(number):
        if number < 3:
            both.wait()
        return number

    assert list(results_in_order(read, compute, 4, 1)) == [0, 1, 2, 3]


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
        done.extend(results_in_order(step("read"), step("compute"), 40, 3))
    assert caught.value.args == (bad,)


@pytest.mark.fault("file-interrupt")
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_error_of_the_caller_ends_the_threads(error):
    results = results_in_order(lambda n: n, lambda n: n, 10**6, 2)
    with pytest.raises(error):  # noqa: PT012
        for number in results:
            if number == 5:
                results.throw(error())


def test_results_that_are_not_wanted_are_not_computed(monkeypatch):
    read, is_closed = [], threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, *arguments, **options):
            super().shutdown(*arguments, **options)
            is_closed.set()

    def read_chunk(number):
        if number:  # chunk 1 may be on its way when the caller stops
            is_closed.wait(PATIENCE)
        read.append(number)
        return number

    monkeypatch.setattr("smoothxent._files.read_ahead.ThreadPoolExecutor", Pool)
    results = results_in_order(read_chunk, lambda n: n, 10**6, 2)
    assert next(results) == 0
    results.close()
    assert read in ([0], [0, 1])
