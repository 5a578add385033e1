"""A comparison as a table, as Markdown and as a record."""

import re
from html import escape

import numpy as np
import pytest

from assertions import error_text
from smoothxent import compare

A = np.array([[2.0, 1, 0], [0, 3, 0], [0, 0, 0], [9, 9, 9]])
B = np.array([[1.0, 2, 0], [0, 2, 0], [0, 0, 0], [7, 7, 7]])
LABELS = np.array([0, 1, 2, -1])

TITLE = "Comparison of A and B on 3 rows, 1 more ignored; losses in nats"


@pytest.fixture(scope="module")
def comparison():
    return compare(A, B, LABELS, ignore_index=-1, top_k=(1, 2), num_bins=5)


def test_table_shows_the_metrics_of_each_and_what_is_said_of_pairs(comparison):
    assert str(comparison) == (
        f"{TITLE}\n"
        "\n"
        "                             A           B       B - A\n"
        "nll                     0.5337      0.9153     +0.3815 ± 0.31\n"
        "perplexity              1.7053      2.4974     +0.7922\n"
        "accuracy                0.6667      0.3333     -0.3333 ± 0.33\n"
        "top 2                   0.6667      0.6667     +0.0000 ± 0\n"
        "entropy                 0.7659      0.8655     +0.0997 ± 0.1\n"
        "confidence              0.6360      0.5952     -0.0408 ± 0.041\n"
        "brier                   0.2863      0.5853     +0.2989 ± 0.27\n"
        "calibration error       0.2529      0.2619     +0.0090\n"
        "\n"
        "same top class                      0.6667 ± 0.33\n"
        "KL of B from A                      0.1582 ± 0.13\n"
        "label's probability, B - A         -0.1810 ± 0.12\n"
        "its root mean square                0.2529\n"
        "\n"
        "quantile                    KL of B from A    label's probability, B - A\n"
        "least                               0.0000                       -0.4205\n"
        "1 %                                 0.0000                       -0.4205\n"
        "5 %                                 0.0000                       -0.4205\n"
        "25 %                                0.0000                       -0.4205\n"
        "50 %                                0.0541                       -0.1225\n"
        "75 %                                0.4205                       +0.0000\n"
        "90 %                                0.4205                       +0.0000\n"
        "95 %                                0.4205                       +0.0000\n"
        "99 %                                0.4205                       +0.0000\n"
        "99.9 %                              0.4205                       +0.0000\n"
        "most                                0.4205                       +0.0000"
    )


def test_repr_is_one_line(comparison):
    assert repr([comparison, compare(A[:0], B[:0], LABELS[:0])]) == (
        "[Comparison(3 rows, 1 more ignored, nll B - A +0.3815, same top class 0.6667), "
        "Comparison(0 rows)]"
    )


def test_table_has_the_loss_where_it_is_not_the_nll():
    lines = str(compare(A, B, LABELS, ignore_index=-1, label_smoothing=0.1)).splitlines()
    assert [line.split()[0] for line in lines[3:5]] == ["loss", "nll"]


def test_table_counts_the_rows_of_nan_of_each():
    a, b = A.copy(), B.copy()
    a[:2] = np.nan
    b[2, 1] = np.inf
    comparison = compare(a, b, LABELS, ignore_index=-1)
    assert "\nnan rows                     2           1          -1\n" in str(comparison)
    assert "| nan rows | 2 | 1 | -1 |" in comparison.to_markdown().splitlines()


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
    comparison = compare(A, B, LABELS, ignore_index=-1, names=names)
    assert comparison.names == tuple(names)
    a, b = names
    lines = str(comparison).splitlines()
    assert lines[:4] == [TITLE, f"A  {a}", f"B  {b}", ""]
    assert lines[4:] == str(comparison.rename(("A", "B"))).splitlines()[2:]
    b = b.replace("|", r"\|")
    assert comparison.to_markdown().splitlines()[2] == f"| metric | A: {a} | B: {b} | B - A |"
    assert f"<th>A: {escape(a)}</th>" in comparison._repr_html_()


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


def test_html_has_the_cells_of_the_markdown(comparison):
    html = comparison._repr_html_()
    assert f"<strong>{TITLE}</strong>" in html
    rows = re.findall("<tr>.*?</tr>", html)
    found = ["".join(re.findall(r"<t[dh]>(.*?)</t[dh]>", row)) for row in rows]
    lines = [line for line in comparison.to_markdown().splitlines() if line.startswith("| ")]
    lines.remove("| A and B | |")
    expected = [line.replace("| metric", "").translate({ord("|"): ""}) for line in lines]
    assert [row.replace(" ", "") for row in found] == [row.replace(" ", "") for row in expected]


def test_html_of_no_rows_is_the_title_alone(comparison):
    html = compare(A[:0], B[:0], LABELS[:0])._repr_html_()
    style = re.search("<style>.*</style>", comparison._repr_html_(), re.DOTALL)[0]
    title = "<strong>Comparison of A and B on 0 rows</strong>"
    assert html == f'<div class="smoothxent">{style}{title}</div>'


def test_table_has_the_weight_where_it_is_not_the_count():
    lines = str(compare(A, B, abs(LABELS), sample_weight=[1, 2, 3, 0.5])).splitlines()
    assert "weight                  6.5000      6.5000" in lines


def test_comparison_of_no_rows_is_a_single_line():
    assert str(compare(A[:0], B[:0], LABELS[:0])) == "Comparison of A and B on 0 rows"


def test_markdown_is_a_table_of_metrics_and_one_of_pairs(comparison):
    lines = comparison.to_markdown().split("\n")
    assert lines[:5] == [
        TITLE,
        "",
        "| metric | A | B | B - A |",
        "|---|--:|--:|---|",
        "| nll | 0.5337 | 0.9153 | +0.3815 ± 0.31 |",
    ]
    second = lines.index("| A and B | |")
    assert lines[second - 1 : second + 9] == [
        "",
        "| A and B | |",
        "|---|---|",
        "| same top class | 0.6667 ± 0.33 |",
        "| KL of B from A | 0.1582 ± 0.13 |",
        "| label's probability, B - A | -0.1810 ± 0.12 |",
        "| its root mean square | 0.2529 |",
        "",
        "| quantile | KL of B from A | label's probability, B - A |",
        "|---|--:|--:|",
    ]
    assert lines[-2:] == ["| most | 0.4205 | +0.0000 |", ""]
