"""The tables of groups and classes."""

import re

import numpy as np
import pytest

from smoothxent import evaluate

ROWS = np.arange(48)
LABELS = ROWS % 4
GROUPS = np.minimum(ROWS // 3, 11)  # the last has 15 rows, the others 3
IDS = np.array([f"document {number}" for number in range(12)], object)
IDS[[1, 3, 5, 8]] = "a|b", "two\nlines", "a document with a long name", "<b>"
# Class 0 has a lower logit in every later group.
LOGITS = 4.0 * np.eye(4)[LABELS] + (np.arange(192).reshape(48, 4) * 7 % 13) / 8
LOGITS[:, 0] -= GROUPS / 2


def grouped(rows=slice(None), **options):
    ids = IDS[GROUPS[rows]].astype(str)
    return evaluate(LOGITS[rows], LABELS[rows], groups=ids, **options)


TEXT = """\
groups with the highest nll
group        rows     nll  accuracy  Brier score
document 9      3  0.8373    0.6667       0.3815
document 11    15  0.5763    0.8000       0.2407
document 10     3  0.5130    0.6667       0.2721
<b>             3  0.4292    0.6667       0.2204
document 6      3  0.4120    1.0000       0.2221

groups with the lowest nll
group       rows     nll  accuracy  Brier score
two\\nlines     3  0.0316    1.0000       0.0020
document 7     3  0.0435    1.0000       0.0031
a|b            3  0.0734    1.0000       0.0070
document 0     3  0.0797    1.0000       0.0091
document 4     3  0.1220    1.0000       0.0269

classes with the lowest recall, of those with 10 rows or more
class  rows  predicted  recall  precision      F1     nll
0        12          6  0.5000     1.0000  0.6667  1.2840
2        12         15  1.0000     0.8000  0.8889  0.0545
3        12         15  1.0000     0.8000  0.8889  0.0463
1        12         12  1.0000     1.0000  1.0000  0.0447"""


def test_groups_of_the_highest_and_the_lowest_nll_are_shown_and_the_worst_classes():
    evaluation = grouped(per_class=True)
    shown = f"{evaluation.groups}\n\n{evaluation.classes}".replace("12 groups\n\n", "")
    assert shown.replace("4 classes\n\n", "") == TEXT
    text = str(evaluation)
    assert text.index("mean of groups") < text.index("groups with the highest")
    assert re.search(r"^nll, mean of groups +0\.2844$", text, re.MULTILINE)
    assert "balanced accuracy" not in str(grouped())


def test_few_groups_are_one_table():
    few = grouped(GROUPS < 2, ignore_index=3)
    assert str(few).startswith(
        "Evaluation of 5 rows in 2 groups, 1 more ignored\nlosses in nats, errors by group\n\n"
    )
    assert str(few.groups) == FEW


FEW = """\
2 groups

groups, the highest nll first
group       rows     nll  accuracy  Brier score
document 0     3  0.0797    1.0000       0.0091
a|b            2  0.0736    1.0000       0.0071"""


def test_groups_of_weight_0_are_not_shown():
    shown = str(grouped(GROUPS < 3, sample_weight=np.repeat([1.0, 0.0, 1.0], 3)))
    assert "in 3 groups" in shown
    assert "document 0" in shown
    assert "a|b" not in shown


def test_classes_with_few_rows_are_shown_if_all_have_few():
    few = evaluate(LOGITS[:9], LABELS[:9], per_class=True)
    assert len(str(few.classes).splitlines()) == 4 + 4
    assert "classes with the lowest recall\n" in str(few)
    many = evaluate(np.zeros((40, 20)), np.arange(40) % 20, per_class=True)
    assert len(str(many.classes).splitlines()) == 4 + 10


def test_weights_of_predictions_that_are_no_whole_numbers_have_four_digits():
    shown = str(evaluate(LOGITS, LABELS, per_class=True, sample_weight=np.full(48, 0.25)))
    assert re.search(r"^0 +12 +\d\.\d{4}", shown, re.MULTILINE)


@pytest.mark.parametrize(
    "name, shown",
    [
        ("x" * 18 + "y" * 18, "x" * 18 + "y" * 18),
        ("x" * 18 + "y" * 19, "x" * 17 + "…" + "y" * 18),
        ("tab\there", r"tab\there"),
        ("é\x1b[31m", r"\xe9\x1b[31m"),
        ("漢字", "漢字"),
    ],
)
def test_long_and_unprintable_ids_are_shortened_and_escaped(name, shown):
    lines = str(evaluate(LOGITS[:2], LABELS[:2], groups=[name, "y"])).splitlines()
    assert any(line.startswith(f"{shown} ") for line in lines)
