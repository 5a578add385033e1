"""Groups and classes: equal objects for any order, split, threads and instruction set."""

import copy
import functools
import itertools
import math
import operator
import pickle

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import rows_for_threads
from metric_checks import draw
from smoothxent import available_isas, bits, evaluate
from smoothxent._kernel import widening
from smoothxent._totals import keyed_sums
from ways import instruction_set


def assert_same(one, other):
    assert one == other
    assert hash(one) == hash(other)
    assert one.groups.ids.tolist() == other.groups.ids.tolist()


@st.composite
def calls(draw):
    """Draw logits with ties, nan and infinities, labels, groups, weights and options."""
    num_rows, num_classes = draw(st.integers(0, 40)), draw(st.sampled_from([1, 2, 3, 17]))
    seed = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = seed.integers(-4, 5, (num_rows, num_classes)).astype(draw(st.sampled_from("fde")))
    if num_rows:
        for special in draw(st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), max_size=3)):
            logits[seed.integers(num_rows), seed.integers(num_classes)] = special
    options = {"per_class": draw(st.booleans()), "num_bins": 3, "top_k": (2,)}
    if draw(st.booleans()):
        options["sample_weight"] = seed.integers(0, 4, num_rows) * seed.uniform(0, 1, num_rows)
    if draw(st.booleans()):
        options["ignore_index"] = -1
    labels = seed.integers(-1 if "ignore_index" in options else 0, num_classes, num_rows)
    groups = seed.integers(0, draw(st.sampled_from([1, 3, 16, 18])), num_rows)
    if draw(st.booleans()):
        groups = np.array(["b", "a", "long name", *"cdefghijklmnopqrs"])[groups]
    return logits, labels, groups, options


def part_of(call, rows):
    logits, labels, groups, options = call
    options = {
        name: value[rows] if name == "sample_weight" else value for name, value in options.items()
    }
    return evaluate(logits[rows], labels[rows], groups=groups[rows], **options)


@given(calls(), st.randoms(use_true_random=False))
def test_any_order_and_any_split_give_equal_evaluations(call, random):
    size = len(call[1])
    whole = part_of(call, slice(None))
    order = np.array(random.sample(range(size), size), int)
    assert_same(part_of(call, order), whole)
    cuts = sorted(random.randrange(size + 1) for _ in range(3))
    parts = [
        part_of(call, order[first:last]) for first, last in itertools.pairwise([0, *cuts, size])
    ]
    random.shuffle(parts)
    for least in (0, 1, 1000):  # keys that wait to be merged
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(keyed_sums, "LEAST_WAITING", least)
            assert_same(functools.reduce(operator.add, parts), whole)
            assert_same(sum(parts, part_of(call, slice(0, 0))), whole)


def test_rows_of_a_group_may_be_ignored_in_one_part_and_counted_in_another():
    logits, labels = 3 * np.eye(3)[[0, 1, 2, 1]], np.array([0, -1, 2, -1])
    groups = np.array([5, 5, 7, 9])
    options = {"ignore_index": -1}
    whole = evaluate(logits, labels, groups=groups, **options)
    assert whole.groups.ids.tolist() == [5, 7]
    assert (len(whole.groups), whole.groups.count.tolist(), whole.groups.all_greedy.tolist()) == (
        2,
        [1, 1],
        [True] * 2,
    )
    assert whole.ignored == 2
    parts = [
        evaluate(logits[n : n + 1], labels[n : n + 1], groups=groups[n : n + 1], **options)
        for n in range(4)
    ]
    assert [len(part.groups) for part in parts] == [1, 0, 1, 0]
    assert_same(sum(parts), whole)
    # A row of group 9 that counts, later.
    more = whole + evaluate(logits[:1], labels[:1], groups=[9], **options)
    assert (more.groups.ids.tolist(), more.ignored) == ([5, 7, 9], 2)


# Classes below, at and above the limits of few classes, short rows, tiles and segments.
CLASS_COUNTS = [2, 3, 100, 128, 129, 1000, 1024, 1025, 16_385, 40_000]
OPTIONS = {
    "plain": {},
    "softcap and temperature": {"softcap": 8.0, "temperature": 0.7},
    "smoothing": {"label_smoothing": 1.0, "z_loss": 0.1},
}


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("num_classes", CLASS_COUNTS)
def test_threads_and_instruction_sets_give_equal_evaluations(rng, any_dtype, num_classes, options):
    # Few rows of many classes are divided among threads; half types with options go in blocks.
    num_rows = 3 if num_classes > 16_384 else rows_for_threads(num_classes, 40)
    logits = np.round(rng.normal(0, 4, (num_rows, num_classes))).astype(any_dtype)
    labels = rng.integers(0, num_classes, num_rows)
    labels[::2] = logits[::2].astype(float).argmax(axis=1)
    groups = rng.integers(0, 5, num_rows)
    arguments = {"groups": groups, "per_class": True, **options}
    whole = evaluate(logits, labels, num_threads=1, **arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(widening, "_BLOCK", 7 * num_classes)
        assert_same(evaluate(logits, labels, num_threads=3, **arguments), whole)
    for isa in available_isas():
        with instruction_set(isa, "evaluate"):
            assert_same(evaluate(logits, labels, **arguments), whole)
    strided = np.repeat(logits, 2, axis=1)[:, ::2]
    assert_same(evaluate(strided, labels, **arguments), whole)
    columns = np.asfortranarray(logits)
    assert_same(evaluate(columns, labels, **arguments), whole)


def test_bfloat16_words_have_groups_too(rng):
    logits, labels = draw(rng, 60, 9, ml_dtypes.bfloat16)
    words = logits.view(np.uint16)
    groups = rng.integers(0, 4, 60)
    assert_same(
        evaluate(bits(words, "bfloat16"), labels, groups=groups, softcap=5),
        evaluate(logits, labels, groups=groups, softcap=5),
    )


def test_row_without_a_softmax_makes_nan_of_its_group_only(rng):
    logits, labels = draw(rng, 30, 5)
    logits[7, 2] = np.nan
    groups = np.arange(30) % 3
    grouped = evaluate(logits, labels, groups=groups)
    assert np.isnan(grouped.groups.nll).tolist() == [False, True, False]
    assert np.isnan(grouped.groups.brier).tolist() == [False, True, False]
    assert not np.isnan(grouped.groups.accuracy).any()
    assert math.isnan(grouped.nll_stderr)
    assert math.isnan(grouped.groups.macro_brier)
    assert grouped.accuracy_stderr > 0


def test_weight_of_0_leaves_out_infinity_but_not_nan():
    logits = np.array([[0.0, -np.inf], [0, 1], [np.nan, 0], [0, 1]])
    grouped = evaluate(logits, [1, 1, 1, 1], groups=[0, 0, 1, 1], sample_weight=[0, 1, 0, 1])
    assert grouped.groups.nll_sum[0] == pytest.approx(math.log1p(math.exp(-1)), rel=1e-15)
    assert math.isnan(grouped.groups.nll_sum[1])
    assert grouped.groups.count.tolist() == [2, 2]
    assert grouped.groups.all_greedy.tolist() == [False, False]
    nothing = evaluate(logits[1:2], [1], groups=[0], sample_weight=[0])
    assert math.isnan(nothing.groups.nll[0])
    assert math.isnan(nothing.groups.macro_nll)


def test_numbers_of_any_size_give_a_standard_error_without_a_warning():
    labels, groups = [1, 0, 0], [0, 1, 2]
    # nll 3e200, 0 and log 2: the deviations have no square in float64.
    huge = evaluate(np.array([[3e200, 0], [3e200, 0], [0, 0]]), labels, groups=groups)
    assert huge.nll_stderr == pytest.approx(1e200, rel=1e-15)
    assert huge.groups.macro_nll == pytest.approx(1e200, rel=1e-15)
    largest = float(np.finfo(float).max)
    overflowing = evaluate(np.array([[largest, 0]] * 2), [1, 1], groups=[0, 1])
    assert (overflowing.groups.macro_nll, overflowing.nll_stderr) == (largest, 0.0)
    logits = np.array([[1.0, 0], [0, 3], [2, 0]])
    for size in (1e-200, 1e200):
        weighted = evaluate(logits, labels, groups=groups, sample_weight=np.full(3, size))
        plain = evaluate(logits, labels, groups=groups)
        assert weighted.nll_stderr == pytest.approx(plain.nll_stderr, rel=1e-15)
    most = evaluate(logits, labels, groups=[0, 0, 1], sample_weight=np.full(3, largest))
    assert most.groups.weight.tolist() == [math.inf, largest]
    assert math.isnan(most.nll_stderr)


def test_equal_rows_have_no_error():
    logits = np.tile([0.3, -1.0, 0.7], (7, 1))
    grouped = evaluate(logits, np.ones(7, int), groups=[0, 0, 0, 1, 2, 2, 3])
    assert (grouped.nll_stderr, grouped.brier_stderr, grouped.accuracy_stderr) == (0.0, 0.0, 0.0)


def test_many_groups_are_merged(rng):
    logits, labels = draw(rng, 200_000, 2)
    ids = rng.permutation(200_000) * 5_000_000_000
    grouped = evaluate(logits, labels, groups=ids)
    assert (grouped.groups.ids == np.sort(ids)).all()
    twice = grouped + grouped
    assert (twice.groups.nll_sum == 2 * grouped.groups.nll_sum).all()
    assert twice.nll_stderr == pytest.approx(grouped.nll_stderr, rel=1e-12)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_evaluations_of_groups_and_classes_can_be_copied_and_pickled(rng, copied):
    logits, labels = draw(rng, 60, 9)
    grouped = evaluate(logits, labels, groups=labels, per_class=True)
    assert copied(grouped) == grouped
    assert copied(grouped.classes) == grouped.classes
    assert copied(grouped.groups) == grouped.groups


def test_one_long_id_does_not_make_the_others_long(rng):
    logits, labels = draw(rng, 20_000, 3)
    names = [f"{n % 5000}" for n in range(20_000)]
    names[7] = "x" * 100_000  # as an array of fixed width, 8 GB
    grouped = evaluate(logits, labels, groups=names)
    assert len(grouped.groups) == 5001
    assert (grouped + grouped).groups.count.sum() == 40_000
