"""A comparison as a table, as Markdown and as a record."""

from html import escape

import numpy as np
import pytest

from assertions import error_text
from smoothxent import compare

A = np.array([[2.0, 1, 0], [0, 3, 0], [0, 0, 0], [9, 9, 9]])
B = np.array([[1.0, 2, 0], [0, 2, 0], [0, 0, 0], [7, 7, 7]])
LABELS = np.array([0, 1, 2, -1])

TITLE = "Comparison of A and B on 3 rows, 1 more ignored; losses in nats"
SENTENCE = "B is not clearly better or worse: +0.38 ± 0.31 nats"


@pytest.fixture(scope="module")
def comparison():
    return compare(A, B, LABELS, ignore_index=-1, top_k=(1, 2), num_bins=5)


TABLE = f"""\
{TITLE}
{SENTENCE}

metric                  A       B    B - A
nll                0.5337  0.9153    +0.38  ± 0.31
perplexity         1.7053  2.4974  +0.7922
accuracy           0.6667  0.3333    -0.33  ± 0.33
top-2 accuracy     0.6667  0.6667  +0.0000
entropy            0.7659  0.8655    +0.10  ± 0.10
mean confidence    0.6360  0.5952   -0.041  ± 0.041
Brier score        0.2863  0.5853    +0.30  ± 0.27
calibration error  0.2529  0.2619  +0.0090

same top class                0.67  ± 0.33
only B right                     0  rows
only A right                     1  rows
KL of B from A                0.16  ± 0.13
label's probability, B - A   -0.18  ± 0.12
its root mean square        0.2529

quantile  KL of B from A  label's probability, B - A
min               0.0000                     -0.4205
1 %               0.0000                     -0.4205
5 %               0.0000                     -0.4205
25 %              0.0000                     -0.4205
50 %              0.0541                     -0.1225
75 %              0.4205                     +0.0000
90 %              0.4205                     +0.0000
95 %              0.4205                     +0.0000
99 %              0.4205                     +0.0000
99.9 %            0.4205                     +0.0000
max               0.4205                     +0.0000"""


def test_table_shows_the_metrics_of_each_and_what_is_said_of_pairs(comparison):
    assert str(comparison) == TABLE


def test_table_has_intervals_in_place_of_errors(comparison):
    changed = {
        "± 0.31": "-0.23 to +0.99",
        "± 0.33": "-0.99 to +0.32",
        "± 0.10": "-0.10 to +0.29",
        "± 0.041": "-0.121 to +0.039",
        "± 0.27": "-0.23 to +0.83",
        "0.67  ± 0.33": "0.67  0.21 to 0.94",
        "± 0.13": "-0.10 to 0.42",
        "± 0.12": "-0.43 to +0.06",
    }
    expected = TABLE.replace("+0.38 ± 0.31 nats", "-0.23 to +0.99 nats")
    for error in sorted(changed, key=len, reverse=True):
        expected = expected.replace(error, changed[error])
    assert comparison.to_text(interval=0.95) == expected
    assert "| nll | 0.5337 | 0.9153 | +0.38 | -0.23 to +0.99 |" in comparison.to_markdown(
        interval=0.95
    )


def test_repr_is_one_line(comparison):
    assert repr([comparison, compare(A[:0], B[:0], LABELS[:0])]) == (
        "[Comparison(3 rows, 1 more ignored, nll B - A +0.3815, same top class 0.6667), "
        "Comparison(0 rows)]"
    )


def test_table_has_the_loss_where_it_is_not_the_nll():
    lines = str(compare(A, B, LABELS, ignore_index=-1, label_smoothing=0.1)).splitlines()
    assert [line.split()[0] for line in lines[4:6]] == ["loss", "nll"]


def test_table_counts_the_rows_of_nan_of_each():
    a, b = A.copy(), B.copy()
    a[:2] = np.nan
    b[2, 1] = np.inf
    comparison = compare(a, b, LABELS, ignore_index=-1)
    assert "| nan rows | 2 | 1 | -1 |  |" in comparison.to_markdown().splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0, 1e-9, 1, 1e3, 1e30])
def test_table_fits_80_columns_whatever_the_numbers(scale):
    many = 10**5
    b = B + scale * np.arange(3)
    comparison = compare(np.tile(A, (many, 1)), np.tile(b, (many, 1)), np.tile(abs(LABELS), many))
    assert max(map(len, str(comparison).splitlines())) <= 80


def test_quantiles_of_any_size_stand_apart():
    certain, sure, wrong = [0, 250], [0, 240], [20_000, 0]
    a, b = np.array([certain] * 4, float), np.array([sure] * 2 + [wrong] * 2, float)
    lines = [line.split() for line in str(compare(a, b, [1] * 4)).splitlines()]
    found = [float(line[-2]) for line in lines[-11:]]
    # (1 - 11 exp(-10)) exp(-240), and 20,000; four digits, of numbers to 11 bits.
    assert found == pytest.approx([5.8758e-105] * 5 + [2e4] * 6, rel=2**-11 + 1e-4)


@pytest.mark.parametrize("names", [("base", "int8"), ["runs/a & <b>.npy", "x|y"]])
def test_names_stand_in_every_table(names):
    comparison = compare(A, B, LABELS, ignore_index=-1, top_k=(1, 2), num_bins=5, names=names)
    assert comparison.names == tuple(names)
    a, b = names
    titles = [TITLE, f"A: {a}", f"B: {b}", SENTENCE]
    assert str(comparison) == "\n".join([*titles, *TABLE.splitlines()[2:]])
    shown = "  \n".join(titles).replace("<", "&lt;").replace("|", r"\|")
    assert comparison.to_markdown().startswith(shown)
    assert f"<strong>{'<br>'.join(map(escape, titles))}</strong>" in comparison._repr_html_()


@pytest.mark.parametrize(
    "names, error, message",
    [
        ("AB", TypeError, "names must be a tuple of two strings, got 'AB'"),
        (("A", "B", "C"), TypeError, "names must be a tuple of two strings, got ('A', 'B', 'C')"),
        (("A", 1), TypeError, "names must be a tuple of two strings, got ('A', 1)"),
        (("A", ""), ValueError, "names must be printable and not empty, got ''"),
        (("A\n", "B"), ValueError, r"names must be printable and not empty, got 'A\n'"),
    ],
)
def test_names_that_are_no_two_texts_are_errors(comparison, names, error, message):
    assert error_text(error, compare, A, B, LABELS, ignore_index=-1, names=names) == message
    assert error_text(error, comparison.rename, names) == message


def test_table_has_the_weight_where_a_weight_is_not_1():
    for weights, total in (([1, 2, 3, 0.5], "6.5000"), ([1, 1.5, 1, 0.5], "4.0000")):
        comparison = compare(A, B, abs(LABELS), sample_weight=weights, groups=LABELS)
        lines = comparison.to_markdown().splitlines()
        assert f"| weight | {total} | {total} |  |  |" in lines
        assert "| only A right | 1 |  |" in lines  # a weight, no number of rows
    assert lines[0] == "Comparison of A and B on 4 rows in 4 groups  "


def test_comparison_of_no_rows_is_a_single_line():
    assert str(compare(A[:0], B[:0], LABELS[:0])) == "Comparison of A and B on 0 rows"
