"""Temperature: its tables, its record and its figure."""

import numpy as np
import pytest

from smoothxent import fit_temperature


@pytest.fixture
def fitted():
    # T = 8 / log 3; entropy and nll at T are log 4 - (3/4) log 3.
    return fit_temperature([[8.0, 0]] * 4, [0, 0, 0, 1])


def test_table(fitted):
    reads = f"{fitted.iterations} reads of the logits"
    error = f"{fitted.evaluation.calibration_error:.3e}"  # 0, except for the rounding of T
    assert str(fitted).splitlines() == [
        f"Temperature {fitted.value} from 4 rows, {reads}; losses in nats",
        "",
        "                   before      after",
        f"temperature             1  {fitted.value:>9}",
        "nll                2.0003     0.5623",
        "perplexity         7.3915     1.7548",
        "accuracy           0.7500     0.7500",
        "entropy            0.0030     0.5623",
        "mean confidence    0.9997     0.7500",
        "Brier score        0.4997     0.3750",
        f"calibration error  0.2497  {error:>9}",
    ]


def test_line(fitted):
    assert repr(fitted) == f"Temperature({fitted.value}, nll 2.0003 -> 0.5623, 4 rows)"


@pytest.mark.parametrize(
    "labels, end",
    [
        ([1, 1, 1, 0], "at the upper bound, above which the nll falls further"),
        ([0, 0, 0, 1], "at the lower bound, below which the nll falls further"),
    ],
)
def test_table_says_that_the_minimum_is_beyond_a_bound(labels, end):
    fitted = fit_temperature([[1e-3, 0]] * 4, labels)
    lines = str(fitted).splitlines()
    assert lines[1] == end
    assert max(map(len, lines)) <= 80


def test_figure_is_that_of_both_evaluations(rng):
    pytest.importorskip("matplotlib")
    logits, labels = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    labels[:25] = logits[:25].argmax(axis=1)
    fitted = fit_temperature(logits, labels)
    top, bottom = fitted.plot().subfigs
    both = (top, 1.0, fitted.evaluation_before), (bottom, fitted.value, fitted.evaluation)
    for part, temperature, evaluation in both:
        assert part.get_suptitle() == f"Temperature {temperature:.8g}"
        errors = {text.get_text() for axes in part.axes for text in axes.texts}
        assert errors == {text.get_text() for axes in evaluation.plot().axes for text in axes.texts}


def test_temperatures_of_other_data_differ(fitted):
    assert fitted != fit_temperature(np.array([[8.0, 0]] * 5), [0, 0, 0, 0, 1])
