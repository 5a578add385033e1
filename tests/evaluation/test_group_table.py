"""Tables of groups and classes, as text of at most 80 columns, Markdown and HTML."""

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
Evaluation of 48 rows, in 12 groups; losses in nats

loss (nll)             0.3574  ± 0.11
perplexity             1.4296
accuracy               0.8750  ± 0.048
top 5                  1.0000
entropy                0.4159  ± 0.057
confidence             0.8570  ± 0.029
brier                  0.1518  ± 0.051
calibration error      0.1210  15 bins
balanced accuracy      0.8750
macro F1               0.8611

by group  mean of rows  ± by group  mean of groups
nll             0.3574       0.092          0.2844
accuracy        0.8750       0.041          0.9000
brier           0.1518       0.041          0.1222

groups with the highest nll
group        rows     nll  accuracy   brier
document 9      3  0.8373    0.6667  0.3815
document 11    15  0.5763    0.8000  0.2407
document 10     3  0.5130    0.6667  0.2721
<b>             3  0.4292    0.6667  0.2204
document 6      3  0.4120    1.0000  0.2221

groups with the lowest nll
group       rows     nll  accuracy   brier
two\\nlines     3  0.0316    1.0000  0.0020
document 7     3  0.0435    1.0000  0.0031
a|b            3  0.0734    1.0000  0.0070
document 0     3  0.0797    1.0000  0.0091
document 4     3  0.1220    1.0000  0.0269

classes with the lowest recall, of those with 10 rows or more
class  rows  predicted  recall  precision      F1     nll
0        12          6  0.5000     1.0000  0.6667  1.2840
2        12         15  1.0000     0.8000  0.8889  0.0545
3        12         15  1.0000     0.8000  0.8889  0.0463
1        12         12  1.0000     1.0000  1.0000  0.0447
"""


def test_table_of_text():
    assert f"{grouped(per_class=True)}\n" == TEXT
    assert max(map(len, TEXT.splitlines())) <= 80


def test_few_groups_are_one_table():
    few = grouped(GROUPS < 2, ignore_index=3)
    assert str(few) == FEW


FEW = """\
Evaluation of 5 rows, 1 more ignored, in 2 groups; losses in nats

loss (nll)             0.0772  ± 0.013
perplexity             1.0803
accuracy               1.0000
top 5                  1.0000
entropy                0.3356  ± 0.044
confidence             0.9260  ± 0.012
brier                  0.0083  ± 0.0022
calibration error      0.0740  15 bins

by group  mean of rows  ± by group  mean of groups
nll             0.0772      0.0029          0.0766
accuracy        1.0000           0          1.0000
brier           0.0083     0.00099          0.0081

groups, the highest nll first
group       rows     nll  accuracy   brier
document 0     3  0.0797    1.0000  0.0091
a|b            2  0.0736    1.0000  0.0071"""

MARKDOWN = """\
Evaluation of 48 rows, in 12 groups; losses in nats

| metric | value | |
|---|--:|---|
| loss (nll) | 0.3574 | ± 0.11 |
| perplexity | 1.4296 |  |
| accuracy | 0.8750 | ± 0.048 |
| top 5 | 1.0000 |  |
| entropy | 0.4159 | ± 0.057 |
| confidence | 0.8570 | ± 0.029 |
| brier | 0.1518 | ± 0.051 |
| calibration error | 0.1210 | 15 bins |
| balanced accuracy | 0.8750 |  |
| macro F1 | 0.8611 |  |

| by group | mean of rows | ± by group | mean of groups |
|---|--:|--:|--:|
| nll | 0.3574 | 0.092 | 0.2844 |
| accuracy | 0.8750 | 0.041 | 0.9000 |
| brier | 0.1518 | 0.041 | 0.1222 |

groups with the highest nll

| group | rows | nll | accuracy | brier |
|---|--:|--:|--:|--:|
| document 9 | 3 | 0.8373 | 0.6667 | 0.3815 |
| document 11 | 15 | 0.5763 | 0.8000 | 0.2407 |
| document 10 | 3 | 0.5130 | 0.6667 | 0.2721 |
| <b> | 3 | 0.4292 | 0.6667 | 0.2204 |
| document 6 | 3 | 0.4120 | 1.0000 | 0.2221 |

groups with the lowest nll

| group | rows | nll | accuracy | brier |
|---|--:|--:|--:|--:|
| two\\nlines | 3 | 0.0316 | 1.0000 | 0.0020 |
| document 7 | 3 | 0.0435 | 1.0000 | 0.0031 |
| a\\|b | 3 | 0.0734 | 1.0000 | 0.0070 |
| document 0 | 3 | 0.0797 | 1.0000 | 0.0091 |
| document 4 | 3 | 0.1220 | 1.0000 | 0.0269 |

classes with the lowest recall, of those with 10 rows or more

| class | rows | predicted | recall | precision | F1 | nll |
|---|--:|--:|--:|--:|--:|--:|
| 0 | 12 | 6 | 0.5000 | 1.0000 | 0.6667 | 1.2840 |
| 2 | 12 | 15 | 1.0000 | 0.8000 | 0.8889 | 0.0545 |
| 3 | 12 | 15 | 1.0000 | 0.8000 | 0.8889 | 0.0463 |
| 1 | 12 | 12 | 1.0000 | 1.0000 | 1.0000 | 0.0447 |
"""


def test_table_of_markdown():
    assert grouped(per_class=True).to_markdown() == MARKDOWN


def test_table_of_html():
    html = grouped(per_class=True)._repr_html_()
    assert html.startswith('<div class="smoothxent"><style>')
    assert html.endswith("</div>")
    tables = re.findall(r'<table class="numbers">(.*?)</table>', html)
    assert len(tables) == 4
    cells = [
        [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in re.findall("<tr>(.*?)</tr>", table)]
        for table in tables
    ]
    assert [rows[0][0] for rows in cells] == ["by group", "group", "group", "class"]
    assert [len(rows) for rows in cells] == [4, 6, 6, 5]
    names = [row[0] for rows in cells[1:3] for row in rows[1:]]
    assert r"two\nlines" in names
    assert "&lt;b&gt;" in names
    assert "<b>" not in html
    # The same numbers as in the text.
    words = re.findall(r"\d\.\d+", TEXT)
    assert re.findall(r"\d\.\d+", re.sub("<style>.*</style>", "", html)) == words


def test_groups_without_classes_have_no_table_of_classes():
    start = "classes with"
    without, text = grouped(), TEXT[: TEXT.index(start)].rstrip()
    no_classes = ("balanced accuracy", "macro F1")
    assert str(without) == "\n".join(
        line for line in text.splitlines() if not line.startswith(no_classes)
    )
    html = without._repr_html_()
    assert html.endswith("</table></div>")
    assert html.count('<table class="numbers">') == 3
    assert start not in html
    assert start not in without.to_markdown()


def test_representation_is_one_line():
    assert repr(grouped()) == f"GroupedEvaluation(12 groups, {grouped().total!r})"
    assert repr(grouped(GROUPS == 0)).startswith("GroupedEvaluation(1 group, Evaluation(3 rows, ")


def test_no_rows_have_a_title_only():
    nothing = grouped(GROUPS < 0, per_class=True)
    assert str(nothing) == "Evaluation of 0 rows, in 0 groups"
    assert nothing.to_markdown() == "Evaluation of 0 rows, in 0 groups\n"
    assert repr(nothing) == "GroupedEvaluation(0 groups, Evaluation(0 rows))"
    assert "<table" not in nothing._repr_html_()


def test_one_group_has_no_error():
    lines = str(grouped(GROUPS == 0)).splitlines()
    assert lines[0] == "Evaluation of 3 rows, in 1 group; losses in nats"
    assert any(re.fullmatch(r"nll +0\.\d{4} +0\.\d{4}", line) for line in lines)


def test_groups_of_weight_0_are_not_shown():
    shown = str(grouped(GROUPS < 3, sample_weight=np.repeat([1.0, 0.0, 1.0], 3)))
    assert "in 3 groups" in shown
    assert "document 0" in shown
    assert "a|b" not in shown


@pytest.mark.parametrize("per_class", [False, True])
def test_table_of_an_evaluation_has_its_classes(per_class):
    evaluation = evaluate(LOGITS, LABELS, per_class=per_class)
    text, markdown, html = str(evaluation), evaluation.to_markdown(), evaluation._repr_html_()
    title = "classes with the lowest recall, of those with 10 rows or more"
    for shown in (text, markdown, html):
        assert (title in shown) == per_class
        assert ("balanced accuracy" in shown) == ("macro F1" in shown) == per_class
    if per_class:
        assert text.endswith(TEXT[TEXT.index(title) : -1])
        assert markdown.endswith(MARKDOWN[MARKDOWN.index(title) :])


def test_classes_with_few_rows_are_shown_if_all_have_few():
    few = evaluate(LOGITS[:9], LABELS[:9], per_class=True)
    lines = str(few).splitlines()
    start = lines.index("classes with the lowest recall")
    assert len(lines) - start == 2 + 4
    many = evaluate(np.zeros((40, 20)), np.arange(40) % 20, per_class=True)
    assert len(str(many).splitlines()) - str(many).splitlines().index(lines[start]) == 2 + 10


def test_weights_of_predictions_that_are_no_whole_numbers_have_four_digits():
    shown = str(evaluate(LOGITS, LABELS, per_class=True, sample_weight=np.full(48, 0.25)))
    assert re.search(r"^0 +12 +\d\.\d{4}", shown, re.MULTILINE)


@pytest.mark.parametrize(
    "name, shown",
    [
        ("x" * 20 + "y" * 20, "x" * 20 + "y" * 20),
        ("x" * 20 + "y" * 21, "x" * 19 + "…" + "y" * 20),
        ("tab\there", r"tab\there"),
        ("é\x1b[31m", r"\xe9\x1b[31m"),
        ("漢字", "漢字"),
    ],
)
def test_long_and_unprintable_ids_are_shortened_and_escaped(name, shown):
    lines = str(evaluate(LOGITS[:2], LABELS[:2], groups=[name, "y"])).splitlines()
    assert any(line.startswith(f"{shown} ") for line in lines)
