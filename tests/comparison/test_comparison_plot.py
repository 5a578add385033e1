"""The picture of a comparison: reliability of both in one axes, and quantiles."""

import io

import numpy as np
import pytest

from smoothxent import compare
from test_compare_formulas import draw

pytest.importorskip("matplotlib")


def test_picture_has_the_reliability_of_both_and_the_quantiles(rng):
    comparison = compare(*draw(rng, 300, 6, noise=2), names=("base", "int8"))
    reliability, change, divergence = comparison.plot().axes
    for number, evaluation in enumerate((comparison.a, comparison.b)):
        points = reliability.collections[number]
        filled = [each for each in evaluation.bins if each.count]
        expected = [(each.confidence, each.accuracy) for each in filled]
        assert np.array_equal(points.get_offsets(), expected)
        sizes = points.get_sizes() / points.get_sizes().sum()
        assert sizes == pytest.approx([each.count / 300 for each in filled])
        name = ("A: base", "B: int8")[number]
        error = f"{evaluation.calibration_error:.4f}"
        assert points.get_label() == f"{name}\ncalibration error {error}"
    for axes, quantiles in (
        (change, comparison.probability_change_quantiles),
        (divergence, comparison.kl_quantiles),
    ):
        shown = axes.lines[-1]
        assert list(shown.get_ydata()) == list(quantiles.values())
        assert shown.get_xdata() == pytest.approx([100 * share for share in quantiles])


def test_names_in_a_picture_are_shown_as_they_are():
    # matplotlib would write $5 and $ as a formula, fail on {, and leave out a label that begins
    # with _.
    names = "_a_{$", "$5 and $6"
    figure = compare(np.eye(3) * 9, np.eye(3) * 8, [0, 1, 2], names=names).plot()
    figure.savefig(io.BytesIO())
    texts = figure.axes[0].get_legend().get_texts()
    assert [text.get_text().partition("\n")[0] for text in texts] == ["A: _a_{$", "B: $5 and $6"]
    assert not any(text.get_parse_math() for text in texts)


@pytest.mark.parametrize("special", [None, np.nan, -np.inf])
def test_picture_of_equal_or_special_rows_is_drawn(rng, special):
    a, _, labels = draw(rng, 20, 4)
    b = a.copy()
    if special is not None:
        b[3, labels[3]] = special
    compare(a, b, labels).plot().savefig(io.BytesIO())  # warnings are errors
