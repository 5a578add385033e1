"""The tables of an evaluation: their texts, and their widths."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given

import evaluations
from evaluations import splits
from smoothxent import Evaluation, evaluate


def alike(num_rows=4, **columns):
    """Return four rows with round numbers: the loss is 1/2, three rows are right."""
    whole = {
        "nll": 0.5,
        "loss": 0.75,
        "entropy": 0.25,
        "confidence": 0.875,
        "brier": 0.125,
        "rank": 0,
        "sample_weight": 1,
        "label_weight": 1,
    } | columns
    arrays = {name: np.full(num_rows, value, float) for name, value in whole.items()}
    arrays["rank"][0] = 7
    return evaluations.Rows(**arrays)


def test_table_shows_every_metric_and_the_bins_that_hold_rows():
    rows = dataclasses.replace(alike(), ignored=1200)
    rows.confidence[1] = 1 / 3
    assert str(evaluations.evaluation(rows)) == (
        "Evaluation of 4 rows, 1,200 more ignored; losses in nats\n"
        "\n"
        "loss               0.7500  label_smoothing 0.1\n"
        "nll                0.5000\n"
        "perplexity         1.6487\n"
        "accuracy             0.75  ± 0.25\n"
        "top-5 accuracy       0.75  ± 0.25\n"
        "entropy            0.2500\n"
        "mean confidence      0.74  ± 0.14\n"
        "Brier score        0.1250\n"
        "calibration error  0.3229  15 bins\n"
        "\n"
        "confidence   mean  accuracy     gap  rows\n"
        "0.33–0.40   0.333     1.000  +0.667     1  ██████████▋\n"
        "0.87–0.93   0.875     0.667  -0.208     3  ████████████████████████████████"
    )


def test_table_names_the_loss_once_where_it_is_the_nll():
    rows = dataclasses.replace(alike(1, loss=0.5), label_smoothing=0.0, num_bins=1, top_k=(1,))
    assert str(evaluations.evaluation(rows)) == (
        "Evaluation of 1 row; losses in nats\n"
        "\n"
        "loss (nll)         0.5000\n"
        "perplexity         1.6487\n"
        "accuracy           0.0000\n"
        "entropy            0.2500\n"
        "mean confidence    0.8750\n"
        "Brier score        0.1250\n"
        "calibration error  0.8750  1 bin\n"
        "\n"
        "confidence   mean  accuracy     gap  rows\n"
        "0.00–1.00   0.875     0.000  -0.875     1  ████████████████████████████████"
    )


def test_table_shows_the_weight_where_a_weight_is_not_1():
    shown = str(evaluations.evaluation(alike(sample_weight=2.5))).splitlines()
    assert "weight             10.0000" in shown
    assert "+nan" not in str(evaluate(np.eye(2), [0, 1], sample_weight=[0, 0]))
    for weights in ([1, 1], [0.5, 1.5]):
        shown = str(evaluate(np.eye(2), [0, 1], sample_weight=weights))
        assert bool(re.search("^weight +2.0000$", shown, re.MULTILINE)) == (weights != [1, 1])


@pytest.mark.parametrize("ignored, more", [(0, ""), (3, ", 3 more ignored")])
def test_evaluation_of_no_rows_is_a_single_line(ignored, more):
    rows = dataclasses.replace(alike(1).take(slice(0)), ignored=ignored)
    assert str(evaluations.evaluation(rows)) == f"Evaluation of 0 rows{more}"


def test_more_bins_than_anyone_reads_are_not_shown():
    rows = alike()
    # 26 and 1000 bins are merged in pairs and forties; 29 has no divisor that leaves so few.
    for num_bins, shown in ((25, True), (26, True), (29, False), (1000, True)):
        evaluation = evaluations.evaluation(dataclasses.replace(rows, num_bins=num_bins))
        assert ("█" in str(evaluation)) == shown


@pytest.mark.slow
@given(splits())
def test_table_fits_80_columns_whatever_the_numbers(split):
    rows, _, _ = split
    evaluation = evaluations.evaluation(dataclasses.replace(rows, ignored=10**12))
    assert max(map(len, str(evaluation).splitlines())) <= 80


def test_loss_of_nan_is_one_line_where_it_is_the_nll():
    lines = str(evaluate(np.full((2, 3), np.nan), [0, 1])).splitlines()
    assert lines[2:4] == ["loss (nll)            nan", "perplexity            nan"]


def test_table_counts_the_rows_that_make_the_means_nan():
    logits, labels = np.zeros((1300, 3)), np.zeros(1300, int)
    logits[:1100, 2] = np.nan
    logits[1100] = -np.inf
    logits[1101, 1] = np.inf
    logits[1102, 0] = -np.inf  # a loss of inf, which is no nan
    logits[1103, 1] = -np.inf  # a class that is ruled out
    labels[:10] = -1
    evaluation = evaluate(logits, labels, ignore_index=-1, sample_weight=np.arange(1300) % 2)
    assert evaluation.nan_rows == 1092
    assert "nan rows              1,092  hold nan or +inf, or only -inf" in str(evaluation)
    assert "| nan rows | 1,092 | hold nan or +inf, or only -inf |" in evaluation.to_markdown()
    twice = Evaluation.from_dict(evaluation.to_dict()) + evaluation
    assert twice.nan_rows == 2 * 1092


def test_table_without_such_rows_has_no_count_of_them():
    evaluation = evaluate([[0.0, -np.inf], [800, 0]], [1, 1])
    assert evaluation.nan_rows == 0
    assert "nan rows" not in str(evaluation)


def test_loss_that_class_weights_make_is_not_said_to_be_smoothed():
    lines = str(evaluate(np.eye(2) * [1, 3], [0, 1], class_weight=[0.5, 1])).splitlines()
    assert lines[2:4] == [
        "loss               0.1368  class_weight",
        "nll                  0.18  ± 0.13",
    ]


def test_repr_is_one_line():
    rows = alike()
    several = [evaluations.evaluation(rows), evaluations.evaluation(rows.take([0], ignored=1200))]
    assert repr([*several, Evaluation.empty()]) == (
        "[Evaluation(4 rows, nll 0.5000, accuracy 0.7500), "
        "Evaluation(1 row, 1,200 more ignored, nll 0.5000, accuracy 0.0000), "
        "Evaluation(0 rows)]"
    )


def test_table_names_what_is_not_the_default_in_lines_of_80_columns():
    settings = {
        "softcap": 30.0,
        "temperature": 1.5e-37,
        "z_loss": 1e-4,
        "label_smoothing": 1 / 3,
        "prior": [0.5, 0.5],
        "class_weight": [1.0, 2.0],
    }
    evaluation = evaluate(np.eye(2), [0, 1], **settings)
    lines = str(evaluation).splitlines()
    assert [line[30:] for line in lines[2:5]] == [
        "label_smoothing 0.333333, softcap 30, temperature",
        "1.5e-37, z_loss 0.0001, prior, class_weight",
        "",
    ]
    assert max(map(len, lines)) <= 80
    note = " ".join(line[30:] for line in lines[2:4])
    assert f"| {note} |" in evaluation.to_markdown().splitlines()[4]


def test_intervals_stand_in_place_of_errors():
    logits, labels = np.arange(40.0).reshape(20, 2) * [1, 0.5], [0] * 15 + [1] * 5
    evaluation = evaluate(logits, labels)
    low, high = evaluation.interval("accuracy", 0.9)
    text = evaluation.to_text(interval=0.9)
    line = rf"^accuracy +{evaluation.accuracy:.2f}  {low:.2f} to {high:.2f}$"
    assert re.search(line, text, re.MULTILINE)
    assert "±" not in text


def test_groups_and_classes_are_tables_of_their_own():
    evaluation = evaluate(np.eye(3), [0, 1, 1], groups=["a", "a", "b"], per_class=True)
    lines = str(evaluation).splitlines()
    assert lines[:2] == ["Evaluation of 3 rows in 2 groups", "losses in nats, errors by group"]
    assert repr(evaluation).startswith("Evaluation(3 rows in 2 groups, nll ")
    for part, name in ((evaluation.groups, "2 groups"), (evaluation.classes, "3 classes")):
        title, _, *table = str(part).splitlines()
        assert title == name
        assert repr(part) == f"{type(part).__name__}({name})"
        assert "\n".join(table) in str(evaluation)
    nothing = evaluate(np.zeros((0, 3)), [], groups=[], per_class=True)
    assert str(nothing) == "Evaluation of 0 rows in 0 groups"
