"""Tables of results: numbers, and sections as text of 80 columns, Markdown and HTML."""

import math
import re
from html.parser import HTMLParser

import pytest

from smoothxent._reports.numbers import measured, number, plural, signed
from smoothxent._reports.report import Report, Section


@pytest.mark.parametrize(
    "value, shown",
    [
        (0.0, "0.0000"),
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
    assert number(value) == shown
    assert signed(value) == (shown if shown == "nan" else f"+{shown}")


@pytest.mark.parametrize(
    "value, stderr, shown",
    [
        (0.44525, 0.30124, "0.45 ± 0.30"),
        (0.0010123, 5.109e-5, "0.001012 ± 0.000051"),
        (0.5, 0.0199, "0.500 ± 0.020"),
        (0.5, 0.0996, "0.50 ± 0.10"),
        (-1.25e-3, 1.2e-2, "-0.001 ± 0.012"),
        (-1e-5, 1.2e-2, "0.000 ± 0.012"),
        (123456.7, 123.4, "123460 ± 120"),
        (1.2345e-9, 1.26e-11, "1.234e-09 ± 0.013e-09"),
        (5e-12, 2e-9, "0.0e-09 ± 2.0e-09"),
        (3.25e200, 1.5e198, "3.250e+200 ± 0.015e+200"),
        (0.5, 0.0, "0.5000"),
        (0.5, math.nan, "0.5000"),
        (math.inf, math.nan, "inf"),
        (math.nan, 0.1, "nan"),
    ],
)
def test_value_is_rounded_to_the_second_digit_of_its_error(value, stderr, shown):
    assert " ".join(measured(value, stderr)).rstrip() == shown


def test_differences_have_a_sign():
    assert measured(0.25, 0.03, "+") == ("+0.250", "± 0.030")
    assert measured(0.25, math.nan, "+") == ("+0.2500", "")


def test_counts_have_their_noun():
    assert [plural(0, "row"), plural(1, "class"), plural(1200, "class")] == [
        "0 rows",
        "1 class",
        "1,200 classes",
    ]


class Shown(Report):
    def _title(self, interval=None):
        return f"Title of <b>\nand {'more ' * 15}in a/long-path"

    def _sections(self, interval=None):
        return [
            Section([(r"x\|y", "1", "± 2"), ("long name", "10", "word " * 20)], has_notes=True),
            Section([("a", "1.5"), ("<i>", "12.25")], ("key", "number"), "second"),
        ]


def test_text_has_aligned_columns_and_wrapped_notes():
    assert (
        str(Shown())
        == Shown().to_text()
        == (
            f"Title of <b>\nand {'more ' * 14}more\nin a/long-path\n"
            "\n"
            "x\\|y        1  ± 2\n"
            "long name  10  word word word word word word word word word word word word word\n"
            "               word word word word word word word\n"
            "\n"
            "second\n"
            "key  number\n"
            "a       1.5\n"
            "<i>   12.25"
        )
    )


def test_markdown_has_a_table_for_each_section():
    assert Shown().to_markdown() == (
        f"Title of &lt;b>  \nand {'more ' * 15}in a/long-path\n"
        "\n"
        "| metric | value |  |\n"
        "|---|--:|---|\n"
        "| x\\\\\\|y | 1 | ± 2 |\n"
        f"| long name | 10 | {'word ' * 20} |\n"
        "\n"
        "second\n"
        "\n"
        "| key | number |\n"
        "|---|--:|\n"
        "| a | 1.5 |\n"
        "| &lt;i> | 12.25 |\n"
    )


class Cells(HTMLParser):
    """Collect the text of each element; raise if elements are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] != "style":
            self.texts.append(data)


def test_html_shows_what_the_text_shows():
    words = " ".join(Cells(Shown()._repr_html_()).texts).split()
    assert words == re.findall(r"\S+", str(Shown()))
