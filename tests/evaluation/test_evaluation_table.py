"""The tables of an evaluation: their texts, and their widths."""

import dataclasses
import math
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given

import evaluations
from evaluations import splits
from smoothxent import Evaluation, evaluate
from smoothxent._evaluation.report import table


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
        "loss                   0.7500  label_smoothing 0.1\n"
        "nll                    0.5000  ± 0\n"
        "perplexity             1.6487\n"
        "accuracy               0.7500  ± 0.25\n"
        "top 5                  0.7500  ± 0.25\n"
        "entropy                0.2500  ± 0\n"
        "confidence             0.7396  ± 0.14\n"
        "brier                  0.1250  ± 0\n"
        "calibration error      0.3229  15 bins\n"
        "\n"
        "confidence   mean  accuracy  rows\n"
        "0.33–0.40  0.333     1.000     1  ██████████▋\n"
        "0.87–0.93  0.875     0.667     3  ████████████████████████████████"
    )


def test_table_names_the_loss_once_where_it_is_the_nll():
    rows = dataclasses.replace(alike(1, loss=0.5), label_smoothing=0.0, num_bins=1, top_k=(1,))
    assert str(evaluations.evaluation(rows)) == (
        "Evaluation of 1 row; losses in nats\n"
        "\n"
        "loss (nll)             0.5000\n"
        "perplexity             1.6487\n"
        "accuracy               0.0000\n"
        "entropy                0.2500\n"
        "confidence             0.8750\n"
        "brier                  0.1250\n"
        "calibration error      0.8750  1 bin\n"
        "\n"
        "confidence   mean  accuracy  rows\n"
        "0.00–1.00  0.875     0.000     1  ████████████████████████████████"
    )


@pytest.mark.parametrize("num_bytes, shown", [(1, "1 byte"), (2000, "2,000 bytes")])
def test_bits_per_byte_are_one_more_line_of_the_tables(num_bytes, shown):
    evaluation = evaluations.evaluation(alike())
    bits = f"{4 * 0.5 / math.log(2) / num_bytes:.4f}"
    lines = evaluation.to_text(num_bytes=num_bytes).splitlines()
    assert lines.pop(5) == f"bits per byte          {bits}  {shown}"
    assert lines == str(evaluation).splitlines() == evaluation.to_text().splitlines()
    lines = evaluation.to_markdown(num_bytes=num_bytes).splitlines()
    assert lines.pop(7) == f"| bits per byte | {bits} | {shown} |"
    assert lines == evaluation.to_markdown().splitlines()


def test_table_shows_the_weight_where_it_is_not_the_number_of_rows():
    shown = str(evaluations.evaluation(alike(sample_weight=2.5))).splitlines()
    assert "weight                10.0000" in shown


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
        assert ('class="bar"' in evaluation._repr_html_()) == shown


@pytest.mark.parametrize(
    "value, shown",
    [
        (0.0, "0.0000"),
        (1.0, "1.0000"),
        (0.001, "0.0010"),
        (0.00099, "9.900e-04"),
        (4.1399e-9, "4.140e-09"),
        (12345.678, "12345.6780"),
        (1e5, "1.000e+05"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_numbers_are_shown_with_four_decimals_or_four_digits(value, shown):
    assert table.number(value) == shown


@pytest.mark.parametrize(
    "stderr, shown",
    [
        (math.nan, ""),
        (0.0, " ± 0"),
        (0.0123, " ± 0.012"),
        (5e-6, " ± 5.000e-06"),
        (123.4, " ± 123.4000"),
    ],
)
def test_standard_error_has_two_digits(stderr, shown):
    assert table.deviation(stderr) == shown


@pytest.mark.slow
@given(splits())
def test_table_fits_80_columns_whatever_the_numbers(split):
    rows, _, _ = split
    evaluation = evaluations.evaluation(dataclasses.replace(rows, ignored=10**12))
    assert max(map(len, str(evaluation).splitlines())) <= 80


def test_loss_of_nan_is_one_line_where_it_is_the_nll():
    lines = str(evaluate(np.full((2, 3), np.nan), [0, 1])).splitlines()
    assert lines[2:4] == ["loss (nll)                nan", "perplexity                nan"]


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
    assert "nan rows                1,092  hold nan or +inf, or only -inf" in str(evaluation)
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
        "loss                   0.1368  class_weight",
        "nll                    0.1809  ± 0.13",
    ]


def test_table_of_a_billion_rows_fits_80_columns():
    one = evaluations.evaluation(alike())
    for _ in range(32):
        one += one
    assert one.count == 2**34
    assert "17,179,869,184" in str(one)
    assert max(map(len, str(one).splitlines())) <= 80


def test_repr_is_one_line():
    rows = alike()
    several = [evaluations.evaluation(rows), evaluations.evaluation(rows.take([0], ignored=1200))]
    assert repr([*several, Evaluation.empty()]) == (
        "[Evaluation(4 rows, nll 0.5000, accuracy 0.7500), "
        "Evaluation(1 row, 1,200 more ignored, nll 0.5000, accuracy 0.0000), "
        "Evaluation(0 rows)]"
    )


class Cells(HTMLParser):
    """Collect the text of each element; raise if elements are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] != "style":
            self.texts.append(data)


def test_html_shows_what_the_text_shows():
    evaluation = evaluations.evaluation(alike())
    words = " ".join(Cells(evaluation._repr_html_()).texts).split()
    assert words == [word for word in str(evaluation).split() if "█" not in word]


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
    assert [line[17 + 14 :] for line in lines[2:5]] == [
        "label_smoothing 0.333333, softcap 30, temperature",
        "1.5e-37, z_loss 0.0001, prior, class_weight",
        "± 0",
    ]
    assert max(map(len, lines)) <= 80
    note = " ".join(line[17 + 14 :] for line in lines[2:4])
    assert f"| {note} |" in evaluation.to_markdown().splitlines()[4]


def test_table_names_the_temperature_beside_a_loss_that_is_the_nll():
    lines = evaluate(np.eye(2), [0, 1], temperature=2.0).to_markdown().splitlines()
    assert lines[4:6] == ["| loss | 0.4741 | temperature 2 |", "| nll | 0.4741 | ± 0 |"]


def test_html_of_no_rows_is_its_title():
    assert Cells(Evaluation.empty()._repr_html_()).texts == ["Evaluation of 0 rows"]


def test_markdown_is_a_table_of_the_metrics():
    lines = evaluations.evaluation(alike()).to_markdown().splitlines()
    assert lines[:5] == [
        "Evaluation of 4 rows; losses in nats",
        "",
        "| metric | value | |",
        "|---|--:|---|",
        "| loss | 0.7500 | label_smoothing 0.1 |",
    ]
    assert lines[-1] == "| calibration error | 0.1250 | 15 bins |"
    assert all(line.count("|") == 4 for line in lines[2:])
