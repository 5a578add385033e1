"""Equivalent ways to make a call; all must return the same bits.

A way takes a call and Hypothesis's draw; it returns the results of the call itself, and the results
of the other way. Batches are split and reordered along the first row axis.
"""

import contextlib
from dataclasses import replace
from functools import partial
from importlib import import_module
from unittest import mock

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import smoothxent
from battery import canonical
from memory import MEMORY, placed
from smoothxent._kernel import builds


class Observed:
    """A build of the kernel that adds the names of its called functions to a set."""

    def __init__(self, build, called):
        self.build, self.called = build, called

    def __getattr__(self, name):
        value = getattr(self.build, name)
        if not callable(value):
            return value

        def call(*arguments):
            self.called.add(name)
            return value(*arguments)

        return call


@contextlib.contextmanager
def instruction_set(isa, function, *others):
    """Compute with the kernel's builds for this instruction set, in this process.

    Raise AssertionError unless all these functions of the builds were called: otherwise a test
    might compare a build with itself.
    """
    called = set()

    def kernel(dtype):
        return Observed(import_module(f"smoothxent._kernel.{isa}_{dtype}"), called)

    with mock.patch.object(builds, "kernel", kernel):
        yield
    assert called >= {function, *others}, f"of the {isa} builds only {called} were called"


def assert_same(call, expected, actual):
    """Assert that both are the same numbers, bit for bit, with the same dtypes and shapes."""
    assert len(expected) == len(actual)
    for one, other in zip(expected, actual, strict=True):
        if isinstance(one, smoothxent.Evaluation):
            assert one == other
            continue
        one, other = np.asarray(one), np.asarray(other)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert canonical(call.as_numbers(one)) == canonical(call.as_numbers(other))


def again(call, draw):
    return call.make(), call.make()


def other_threads(call, draw):
    return call.make(), call.make(num_threads=draw(st.integers(1, 16)))


def other_instruction_set(isa, call, draw):
    expected = call.make()
    with instruction_set(isa, call.function.removesuffix("_and_grad")):
        return expected, call.make()


def other_memory(names, call, draw):
    """Make the call with arrays in other memory layouts."""
    logits = np.array(call.logits, call.logits.dtype.newbyteorder("="), order="C", subok=False)
    labels = call.labels if call.labels is None else draw(placed(np.array(call.labels), MEMORY))
    return call.make(), replace(call, logits=draw(placed(logits, names)), labels=labels).make()


def classes_last(call, draw):
    """Make the call with the class axis moved to the end; move the results back."""
    logits, labels = np.moveaxis(call.logits, call.axis, -1), call.labels
    if labels is not None and labels.ndim == logits.ndim:
        labels = np.moveaxis(labels, call.axis, -1)
    results = replace(call, logits=logits, labels=labels).make(axis=-1)
    moved = [
        np.moveaxis(result, -1, call.axis) if call.has_class_axis(result) else result
        for result in results
    ]
    return call.make(), moved


def rows_of(call, index):
    """Return the call on only these entries of the first row axis."""
    class_axis = call.axis % call.logits.ndim
    row_axis = int(class_axis == 0)

    def part(array):
        if array is None:
            return None
        place = row_axis if array.ndim == call.logits.ndim else 0
        return array[(slice(None),) * place + (index,)]

    weight = call.options.get("sample_weight")
    options = call.options if weight is None else call.options | {"sample_weight": part(weight)}
    return row_axis, replace(
        call, logits=part(call.logits), labels=part(call.labels), options=options
    )


def each_row(call):
    """Return the call without a reduction, which mixes rows."""
    if "reduction" not in call.options:
        return call
    return replace(call, options=call.options | {"reduction": "none"})


def split_batch(call, draw):
    """Make the call on two parts of the batch; concatenate the results."""
    assume(call.logits.ndim > 1)
    call = each_row(call)
    expected = call.make()
    cut = draw(st.integers(0, 40))
    parts = [rows_of(call, part) for part in (slice(0, cut), slice(cut, None))]
    results = zip(*[part.make() for _, part in parts], strict=True)
    row_axis = parts[0][0]

    def joined(one, other):
        if isinstance(one, smoothxent.Evaluation):
            return one + other
        return np.concatenate([one, other], axis=row_axis if call.has_class_axis(one) else 0)

    return expected, [joined(*pair) for pair in results]


def other_order(call, draw):
    """Make the call with the rows in another order; restore the order of the results."""
    assume(call.logits.ndim > 1)
    row_axis = int(call.axis % call.logits.ndim == 0)
    count = call.logits.shape[row_axis]
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(count)
    back = np.argsort(order)
    _, shuffled = rows_of(call, order)
    results = [
        np.take(result, back, axis=row_axis if call.has_class_axis(result) else 0)
        if np.ndim(result)
        else result
        for result in shuffled.make()
    ]
    return call.make(), results


WAYS = {
    "again": again,
    "other threads": other_threads,
    "split batch": split_batch,
    "other order of rows": other_order,
    "classes last": classes_last,
    **{name: partial(other_memory, [name]) for name in [*MEMORY, "read-only"]},
    **{isa: partial(other_instruction_set, isa) for isa in smoothxent.available_isas()},
}
