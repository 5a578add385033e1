"""Errors of groups and classes, each in full."""

import numpy as np
import pytest

from assertions import error_text
from smoothxent import Evaluation, evaluate

LOGITS, LABELS = 3 * np.eye(3)[[0, 1, 2, 1]], np.array([0, 1, 1, 1])
TO_INTEGERS = "convert with groups.astype(np.int64)"
SHAPE = "groups must have shape (4,), got"
KINDS = "groups must be integers or strings, got"
NUMBERS, YEARS = np.array([1, 2, 3, 4], object), np.array(["2001", "2002"] * 2, "M8[Y]")
MASKED = "groups must be a plain array, got a masked array; fill it with groups.filled(value)"
RANGE = "groups must lie in [-2**63, 2**63), got"


@pytest.mark.fault("groups")
@pytest.mark.parametrize(
    "groups, error, message",
    [
        ([0, 1, 2], ValueError, f"{SHAPE} (3,)"),
        (5, ValueError, f"{SHAPE} ()"),
        ("abcd", ValueError, f"{SHAPE} ()"),
        ([[0, 1], [2, 3]], ValueError, f"{SHAPE} (2, 2); use groups.reshape((4,))"),
        ([0.0, 1, 2, 3], TypeError, f"{KINDS} float64; {TO_INTEGERS}"),
        ([True, False, True, True], TypeError, f"{KINDS} bool; {TO_INTEGERS}"),
        ([b"a"] * 4, TypeError, f"{KINDS} |S1; decode them with np.char.decode(groups)"),
        (NUMBERS, TypeError, f"{KINDS} 1 in an array of objects; {TO_INTEGERS}"),
        (["a", None, "b", "c"], TypeError, f"{KINDS} None in an array of objects"),
        (
            ["a", 1, "b", "c"],
            TypeError,
            f"{KINDS} 1 in an array of objects; write all ids as strings",
        ),
        (YEARS, TypeError, f"{KINDS} datetime64[Y]; convert with groups.astype(str)"),
        ([1j] * 4, TypeError, f"{KINDS} complex128"),
        (np.array([0, 1, 2**63, 2], np.uint64), ValueError, f"{RANGE} {2**63}"),
        ([0, 1, 2**63, 2], ValueError, f"{RANGE} {2**63}"),
        ([0, 1, -(2**63) - 1, 2], ValueError, f"{RANGE} {-(2**63) - 1}"),
        (np.ma.masked_array([0, 1, 2, 3]), TypeError, MASKED),
    ],
)
def test_groups_of_another_kind_or_shape_are_an_error(groups, error, message):
    assert error_text(error, evaluate, LOGITS, LABELS, groups=groups) == message


@pytest.mark.parametrize("flag", [1, 0, None, "yes", [True], 1.0])
def test_per_class_is_true_or_false(flag):
    message = f"per_class must be True or False, got {flag!r}"
    assert error_text(TypeError, evaluate, LOGITS, LABELS, per_class=flag) == message


def test_label_out_of_range_is_named_with_groups_and_classes_too():
    labels = np.array([0, 1, 3, -1])
    for options in ({"groups": [0, 0, 1, 1]}, {"per_class": True}, {"groups": range(4)}):
        message = "labels must lie in [0, 3), got labels[2] = 3"
        assert error_text(IndexError, evaluate, LOGITS, labels, **options) == message


OF_INTEGERS = evaluate(LOGITS, LABELS, groups=[1, 1, 2, 3])
OF_STRINGS = evaluate(LOGITS, LABELS, groups=["1", "1", "2", "3"])


@pytest.mark.fault("unequal-settings")
def test_groups_of_integers_and_of_strings_are_not_added():
    message = "groups must be all integers or all strings, got some of each"
    assert error_text(ValueError, lambda: OF_INTEGERS + OF_STRINGS) == message


@pytest.mark.fault("groups")
@pytest.mark.parametrize("shape, axes", [((2,), "[..., np.newaxis]"), ((2, 1), "")])
def test_one_id_for_each_sequence_has_a_remedy(shape, axes):
    logits, labels = np.zeros((2, 3, 4)), np.zeros((2, 3), int)
    ids = np.array([7, 8]).reshape(shape)
    message = error_text(ValueError, evaluate, logits, labels, groups=ids)
    remedy = f"np.broadcast_to(groups{axes}, (2, 3))"
    assert message == (
        f"groups must have shape (2, 3), got {shape}; repeat the id of each sequence, {remedy}"
    )
    groups = eval(remedy, {"np": np, "groups": ids})
    assert evaluate(logits, labels, groups=groups).groups.count.tolist() == [3, 3]


@pytest.mark.fault("unequal-settings")
@pytest.mark.parametrize(
    "name, option, remedy",
    [
        ("classes", {"per_class": True}, "use per_class for both"),
        ("groups", {"groups": range(4)}, "pass groups for both"),
    ],
)
def test_evaluations_with_and_without_groups_or_classes_are_not_added(name, option, remedy):
    evaluation, other = evaluate(LOGITS, LABELS, **option), evaluate(LOGITS, LABELS)
    message = (
        f"{name} must be in both evaluations that are added or in neither, got them in one; "
        f"{remedy}"
    )
    assert error_text(ValueError, lambda: evaluation + other) == message
    assert error_text(ValueError, lambda: other + evaluation) == message
    nothing = Evaluation.empty()
    assert nothing + evaluation == evaluation + nothing == evaluation


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"number": 0}, ValueError, "number must be at least 1, got 0"),
        ({"number": 1.5}, TypeError, "number must be an integer, got 1.5"),
        ({"least_rows": 0}, ValueError, "least_rows must be at least 1, got 0"),
        ({"least_rows": True}, TypeError, "least_rows must be an integer, got True"),
    ],
)
def test_worst_classes_are_a_number_of_those_with_rows(arguments, error, message):
    classes = evaluate(LOGITS, LABELS, per_class=True).classes
    assert error_text(error, classes.worst, **arguments) == message
