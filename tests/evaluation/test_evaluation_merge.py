"""Sums of evaluations: any split of the rows, added in any order, has the bits of the whole."""

import functools
import operator
import re

import numpy as np
import pytest
from hypothesis import given

import evaluations
from evaluations import attributes, checksum, splits
from smoothxent import Evaluation, compare, evaluate, linear_evaluate

HALVES = checksum(0.5, 0.5)


@pytest.mark.slow
@given(splits())
def test_merging_any_split_in_any_order_gives_the_same_bits(split):
    rows, part_of, order = split
    whole = evaluations.evaluation(rows.take(slice(None), ignored=10))
    parts = [evaluations.evaluation(rows.take(part_of == part, ignored=part)) for part in order]
    merged = functools.reduce(operator.add, parts)
    pairwise = (parts[0] + parts[1]) + (parts[2] + (parts[3] + parts[4]))
    for evaluation in (merged, pairwise):
        assert evaluation == whole
        assert hash(evaluation) == hash(whole)
        assert attributes(evaluation) == attributes(whole)


@given(splits())
def test_empty_evaluation_adds_nothing(split):
    rows, _, _ = split
    evaluation = evaluations.evaluation(rows)
    settings = {"top_k": rows.top_k, "num_bins": rows.num_bins}
    empty = Evaluation.empty(label_smoothing=rows.label_smoothing, **settings)
    assert evaluation + empty == evaluation
    assert empty + evaluation == evaluation


def test_sum_takes_evaluations_with_and_without_a_start(rng):
    rows = evaluations.draw(rng, 100)
    parts = [evaluations.evaluation(rows.take(slice(i, None, 7))) for i in range(7)]
    whole = evaluations.evaluation(rows)
    assert sum(parts) == whole
    assert sum(parts, Evaluation.empty(label_smoothing=0.1)) == whole
    assert sum([]) == 0


@pytest.mark.fault("unequal-settings")
@pytest.mark.parametrize(
    "name, ours, theirs, found",
    [
        ("label_smoothing", 0.0, 0.1, "got 0.0 and 0.1"),
        ("softcap", None, 30, "got None and 30.0"),
        ("temperature", 1, 2, "got 1.0 and 2.0"),
        ("z_loss", 0.25, 0.0, "got 0.25 and 0.0"),
        ("prior", None, [0.5, 0.5], f"got none and checksum {HALVES}"),
        ("prior", [0.5, 0.5], [1, 0], f"got checksum {HALVES} and checksum {checksum(1, 0)}"),
        ("class_weight", [0.5, 0.5], None, f"got checksum {HALVES} and none"),
        ("class_weight", [0], [1], f"got checksum {checksum(0)} and checksum {checksum(1)}"),
        ("top_k", (1, 5), (3, 5), "got (1, 5) and (1, 3, 5)"),
        ("num_bins", 15, 10, "got 15 and 10"),
    ],
)
def test_evaluations_of_unequal_settings_are_not_added(name, ours, theirs, found):
    message = f"{name} must be the same in evaluations that are added, {found}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Evaluation.empty(**{name: ours}) + Evaluation.empty(**{name: theirs})


OPTIONS = {
    "softcap": 30.0,
    "temperature": 2.0,
    "z_loss": 0.1,
    "label_smoothing": 0.1,
    "prior": [0.5, 0.25, 0.25],
    "class_weight": [1.0, 1.0, 1.0],
    "top_k": (2,),
    "num_bins": 4,
}


@pytest.mark.fault("unequal-settings")
@pytest.mark.parametrize("name", OPTIONS)
def test_rows_that_were_evaluated_otherwise_are_not_added(name):
    logits, labels = np.eye(3), [0, 1, 2]
    others = {each: value for each, value in OPTIONS.items() if each != name}
    evaluation, other = evaluate(logits, labels, **OPTIONS), evaluate(logits, labels, **others)
    assert (evaluation + Evaluation.empty(**OPTIONS)).count == 3
    with pytest.raises(ValueError, match=f"^{name} must be the same in evaluations"):
        evaluation + other
    with pytest.raises(ValueError, match=f"^{name} must be the same in evaluations"):
        sum([evaluation], Evaluation.empty(**others))


def head_evaluated(logits, labels):
    return linear_evaluate(logits, np.eye(logits.shape[1]), labels)


def compared(logits, labels):
    return compare(logits, 2 * logits, labels)


@pytest.mark.fault("unequal-settings")
@pytest.mark.parametrize("function", [evaluate, head_evaluated, compared])
def test_rows_of_other_numbers_of_classes_are_not_added(function):
    three, four = function(np.eye(3), [0, 1, 2]), function(np.eye(4), [0, 1, 2, 3])
    message = "num_classes must be the same in evaluations that are added, got 3 and 4"
    for classes, parts in ((3, [three, four]), (4, [four, three])):
        with pytest.raises(ValueError, match=f"^{message[:-7]}{classes} and "):
            sum(parts)
    with pytest.raises(ValueError, match=f"^{message}; pad the logits with -inf$"):
        three + function(np.zeros((0, 4)), [])
    assert three + function(np.zeros((0, 3)), []) == three


@pytest.mark.parametrize("kind", [list, np.float32, np.float16, np.uint8, ">f8", "reversed"])
def test_equal_class_weights_in_any_form_are_the_same_setting(kind):
    weight = [-0.0, 3.0, 0.0, 2.0]
    if kind == "reversed":
        given = np.array(weight[::-1])[::-1]
    else:
        given = np.abs(weight).tolist() if kind is list else np.abs(weight).astype(kind)
    assert Evaluation.empty(class_weight=given) == Evaluation.empty(class_weight=weight)


def test_top_k_without_1_is_the_same_setting_as_with_it():
    assert Evaluation.empty(top_k=(3, 5)) == Evaluation.empty(top_k=(1, 3, 5))


@pytest.mark.fault("unequal-settings")
@pytest.mark.parametrize("other", [1, 0.0, False, None, "0", [0]])
def test_nothing_else_is_added_to_an_evaluation(other):
    with pytest.raises(TypeError):
        Evaluation.empty() + other
    with pytest.raises(TypeError):
        other + Evaluation.empty()
