"""The plot of an evaluation shows its numbers, also extreme ones."""

import dataclasses
import io
import math

import numpy as np
import pytest
from matplotlib.figure import Figure

import evaluations
from smoothxent import Evaluation


@pytest.fixture
def evaluation(rng):
    return evaluations.evaluation(evaluations.draw(rng, 2000))


def axes_of(figure):
    return {axes.get_label(): axes for axes in figure.get_axes()}


def heights(axes):
    return [bar.get_height() for bars in axes.containers for bar in bars]


def png(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def test_picture_counts_the_rows_of_every_bin_that_holds_some(evaluation):
    (bars,) = axes_of(evaluation.plot())["counts"].containers
    shown = {bar.get_x(): bar.get_height() for bar in bars}
    assert shown == {each.low: each.count for each in evaluation.bins if each.count}


def test_bars_of_the_reliability_diagram_end_at_accuracy_and_confidence(evaluation):
    kept, *gaps = axes_of(evaluation.plot())["reliability"].containers
    held = [each for each in evaluation.bins if each.count]
    low = [min(each.accuracy, each.confidence) for each in held]
    assert [bar.get_height() for bar in kept] == low
    high = np.max([[bar.get_y() + bar.get_height() for bar in bars] for bars in gaps], axis=0)
    # Height and place are added in float64, by the picture and by this test.
    assert high == pytest.approx([max(each.accuracy, each.confidence) for each in held], abs=1e-15)


def test_losses_stand_at_their_place_on_a_logarithmic_axis(rng):
    nll = np.array([2.0**-40, 0.3, 0.3, 0.9, 5.0, 2000.0, math.inf])
    rows = dataclasses.replace(evaluations.draw(rng, len(nll)), nll=nll)
    axes = axes_of(evaluations.evaluation(rows).plot())["losses"]
    assert axes.get_xscale() == "log"
    bars = [bar for container in axes.containers for bar in container if bar.get_height()]
    shown = sorted((bar.get_x(), bar.get_x() + bar.get_width(), bar.get_height()) for bar in bars)
    edges = [-32.5, -32, -2, -1.5, -0.5, 0, 2, 2.5, 10, 10.5]
    assert np.ravel([each[:2] for each in shown]) == pytest.approx(np.exp2(edges), rel=1e-15)
    assert [each[2] for each in shown] == [1, 2, 1, 1, 2]
    low, high = axes.get_xlim()
    assert low <= 2**-32.5
    assert high >= 2**10.5
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["below 2.3e-10", "1024 or more"]


def test_picture_names_the_mean_and_the_calibration_error(evaluation):
    axes = axes_of(evaluation.plot())
    (mean,) = axes["losses"].get_legend().get_texts()[:1]
    assert mean.get_text().startswith(f"mean {evaluation.nll:.3f} ± ")
    title = axes["reliability"].get_legend().get_title().get_text()
    assert title == f"calibration error {evaluation.calibration_error:.4f}"


def test_picture_shows_the_isotonic_regression(evaluation):
    axes, curve = axes_of(evaluation.plot())["reliability"], evaluation.reliability()
    (line,) = [each for each in axes.lines if each.get_label() == "isotonic"]
    assert line.get_xdata().tolist() == list(curve.confidence)
    assert line.get_ydata().tolist() == list(curve.recalibrated)


def test_bars_of_many_bins_have_no_edges_that_would_hide_them(rng):
    for num_bins, has_edges in ((50, True), (53, False), (1000, True)):
        rows = evaluations.draw(rng, 100, num_bins=num_bins)
        axes = axes_of(evaluations.evaluation(rows).plot())
        for name in ("reliability", "counts"):
            bars = [bar for container in axes[name].containers for bar in container]
            assert {bar.get_linewidth() > 0 for bar in bars} == {has_edges}


def test_picture_is_drawn_into_the_figure_given(evaluation):
    figure = Figure(layout="constrained")
    assert evaluation.plot(figure) is figure
    upper, lower = Figure(figsize=(9, 9), layout="constrained").subfigures(2, 1)
    assert evaluation.plot(upper) is upper
    assert evaluation.plot(figure=lower) is lower
    assert len(lower.get_axes()) == 3


@pytest.mark.slow
@pytest.mark.parametrize("num_bins", [1, 15])
@pytest.mark.parametrize("nll", [0.0, 1e-300, 0.5, 800.0, math.inf, math.nan])
def test_picture_of_any_loss_is_drawn(rng, nll, num_bins):
    rows = evaluations.draw(rng, 3, num_bins=num_bins)
    rows.nll[:] = nll
    if math.isnan(nll):
        rows.confidence[:] = nll
    assert png(evaluations.evaluation(rows).plot()).startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("nll", [0.0, 2.0**-31, 0.7, 1.0, 3.0, 2.0**9, 2.0**10, math.inf])
def test_axis_of_alike_losses_has_two_powers_of_ten(rng, nll):
    rows = dataclasses.replace(evaluations.draw(rng, 5), nll=np.full(5, nll))
    axes = axes_of(evaluations.evaluation(rows).plot())["losses"]
    low, high = axes.get_xlim()
    ticks = axes.get_xticks()
    assert len(ticks[(low <= ticks) & (ticks <= high)]) >= 2
    assert not any(label.get_text() for label in axes.get_xticklabels(minor=True))


@pytest.mark.slow
def test_picture_of_no_rows_is_drawn():
    assert png(Evaluation.empty().plot()).startswith(b"\x89PNG")


@pytest.mark.fault("matplotlib")
@pytest.mark.slow
@pytest.mark.parametrize(
    "result",
    [
        "Evaluation.empty()",
        "compare([[1.0, 2]], [[2.0, 1]], [0])",
        "fit_temperature([[8.0, 0]] * 4, [0, 0, 0, 1])",
    ],
)
def test_missing_matplotlib_is_an_error_that_names_the_remedy(run_child, result):
    source = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import smoothxent\n"
        f"try: smoothxent.{result}.plot()\n"
        "except ModuleNotFoundError as error: print(error, error.name[:10], sep='|')"
    )
    assert run_child(source) == 'plot needs matplotlib; pip install "smoothxent[cli]"|matplotlib\n'


@pytest.mark.slow
def test_table_and_record_need_no_matplotlib(run_child):
    source = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from smoothxent import Evaluation\n"
        "empty = Evaluation.empty()\n"
        "print(Evaluation.from_dict(empty.to_dict()))"
    )
    assert run_child(source) == "Evaluation of 0 rows\n"
