"""Parts of the work in threads: each runs once, errors are raised, and all threads end."""

import threading

import pytest

from quick import PATIENCE
from smoothxent._linear.workers import Workers

pytestmark = [
    pytest.mark.usefixtures("no_thread_stays"),
    pytest.mark.thread_unsafe(reason="counts the threads of the process"),
]


@pytest.mark.parametrize("num_threads", [1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
def test_each_part_is_worked_at_once(count, num_threads):
    done = []
    with Workers(num_threads) as workers:
        for _ in range(3):
            workers.each(lambda a, b: done.append((a, b)), [(n, -n) for n in range(count)])
    assert sorted(done) == sorted([(n, -n) for n in range(count)] * 3)


@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_threads_are_as_many_as_allowed_the_calling_one_among_them(num_threads):
    together = threading.Barrier(num_threads, timeout=PATIENCE)  # breaks unless so many meet
    seen = set()

    def work():
        together.wait()
        seen.add(threading.current_thread())

    with Workers(num_threads) as workers:
        workers.each(work, [()] * num_threads)
    assert len(seen) == num_threads
    assert threading.current_thread() in seen


def test_one_thread_or_part_starts_no_other():
    before = threading.active_count()
    with Workers(1) as alone, Workers(4) as workers:
        alone.each(lambda: None, [()] * 9)
        workers.each(lambda: None, [()])
        assert threading.active_count() == before


@pytest.mark.parametrize("in_calling_thread", [True, False])
def test_error_of_any_thread_is_raised_once_all_are_done(in_calling_thread):
    both = threading.Barrier(2, timeout=PATIENCE)
    running = set()

    def work():
        running.add(threading.current_thread())
        both.wait()
        try:
            if (threading.current_thread() is threading.main_thread()) is in_calling_thread:
                raise OSError("of a part")
        finally:
            running.remove(threading.current_thread())

    with pytest.raises(OSError, match="of a part"), Workers(2) as workers:
        workers.each(work, [(), ()])
    assert not running


@pytest.mark.parametrize("started", [0, 1])
def test_threads_that_cannot_be_had_are_done_without(monkeypatch, started):
    start, threads = threading.Thread.start, []

    def start_some(thread):
        if len(threads) == started:
            raise RuntimeError("can't start new thread")
        threads.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    done = []
    with Workers(4) as workers:
        for _ in range(3):
            workers.each(done.append, [(n,) for n in range(50)])
    assert sorted(done) == sorted([*range(50)] * 3)
    assert len(threads) == started


@pytest.mark.slow
def test_head_is_computed_while_the_interpreter_ends(run_child):
    source = """
import atexit, numpy as np
from smoothxent import linear_cross_entropy
hidden, weight = np.ones((1024, 4), np.float32), np.ones((1024, 4), np.float32)
def last():
    loss = linear_cross_entropy(hidden, weight, np.zeros(1024, int), num_threads=2)
    print(abs(loss - np.log(1024)) < 1e-6)
atexit.register(last)
"""
    assert run_child(source) == "True\n"
