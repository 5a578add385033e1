"""A comparison as a table, as Markdown and as a record."""

import json
import math

import numpy as np
import pytest

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
        "accuracy                0.6667      0.3333     -0.3333\n"
        "top 2                   0.6667      0.6667     +0.0000\n"
        "entropy                 0.7659      0.8655     +0.0997\n"
        "confidence              0.6360      0.5952     -0.0408\n"
        "brier                   0.2863      0.5853     +0.2989\n"
        "calibration error       0.2529      0.2619     +0.0090\n"
        "\n"
        "same top class          0.6667\n"
        "KL of B from A          0.1582 ± 0.13\n"
        "\n"
        "KL of rows     least      25 %      50 %      75 %      90 %      99 %      most\n"
        "              0.0000    0.0000    0.0541    0.4205    0.4205    0.4205    0.4205"
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
    lines = str(compare(a, b, [1] * 4)).splitlines()
    assert lines[-1].split() == ["5.88e-105"] * 3 + ["2.00e+04"] * 4


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
    assert lines[second + 1 : second + 5] == [
        "|---|---|",
        "| same top class | 0.6667 |",
        "| KL of B from A | 0.1582 ± 0.13 |",
        "| KL, least | 0.0000 |",
    ]
    assert lines[-2:] == ["| KL, most | 0.4205 |", ""]


def test_record_has_every_number_and_no_bare_nan(comparison):
    record = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    assert (record["format"], record["version"]) == ("smoothxent.Comparison", 1)
    assert record["a"] == comparison.a.to_dict()
    assert record["b"] == comparison.b.to_dict()
    metrics = record["metrics"]
    quantiles = metrics.pop("kl_quantiles")
    assert {float(share): kl for share, kl in quantiles.items()} == comparison.kl_quantiles
    assert metrics == {name: getattr(comparison, name) for name in metrics}
    assert set(metrics) == {
        "nll_difference",
        "nll_difference_stderr",
        "agreement",
        "kl",
        "kl_stderr",
    }


def test_record_has_null_for_what_is_no_number():
    ruled_out = compare(np.zeros((1, 2)), np.array([[0, -math.inf]]), [0])
    metrics = json.loads(json.dumps(ruled_out.to_dict(), allow_nan=False))["metrics"]
    assert ruled_out.kl == math.inf
    assert (metrics["kl"], metrics["kl_stderr"], metrics["kl_quantiles"]["1"]) == (None,) * 3
