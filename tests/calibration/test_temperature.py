"""Temperature: its tables, its record and its figure."""

import copy
import json
import pickle
from dataclasses import FrozenInstanceError
from html.parser import HTMLParser
from itertools import chain

import numpy as np
import pytest

from smoothxent import Temperature, fit_temperature


@pytest.fixture
def fitted():
    # T = 8 / log 3; entropy and nll at T are log 4 - (3/4) log 3.
    return fit_temperature([[8.0, 0]] * 4, [0, 0, 0, 1])


TABLE = """\
Temperature {value} from 4 rows; losses in nats

                   before      after
temperature             1  {value:>9}
nll                2.0003     0.5623
perplexity         7.3915     1.7548
entropy            0.0030     0.5623
confidence         0.9997     0.7500
brier              0.4997     0.3750
calibration error  0.2497  {error:>9}
accuracy           0.7500     0.7500

{reads} reads of the logits"""


def test_table(fitted):
    error = f"{fitted.evaluation.calibration_error:.3e}"  # 0, except for the rounding of T
    expected = TABLE.format(value=fitted.value, error=error, reads=fitted.iterations)
    assert str(fitted) == expected


def test_line(fitted):
    assert repr(fitted) == f"Temperature({fitted.value}, nll 2.0003 -> 0.5623, 4 rows)"


def test_markdown_and_html_hold_the_cells_of_the_text(fitted):
    lines = str(fitted).splitlines()
    rows = [line.rsplit(maxsplit=2) for line in lines[3:-2]]
    shown = fitted.to_markdown().splitlines()
    assert shown[:4] == [lines[0], "", "| metric | before | after |", "|---|--:|--:|"]
    assert shown[4:-2] == [f"| {' | '.join(row)} |" for row in rows]
    assert shown[-1] == lines[-1]

    texts = []
    parser = HTMLParser()
    parser.handle_data = texts.append
    html = fitted._repr_html_()
    assert '<table class="numbers">' in html  # so the last column is to the right, too
    parser.feed(html)
    assert texts[1:] == [lines[0], "before", "after", *chain(*rows), lines[-1]]


@pytest.mark.parametrize(
    "labels, end",
    [
        ([1, 1, 1, 0], "; at the upper bound, above which the nll falls further"),
        ([0, 0, 0, 1], "; at the lower bound, below which the nll falls further"),
    ],
)
def test_table_says_that_the_minimum_is_beyond_a_bound(labels, end):
    fitted = fit_temperature([[1e-3, 0]] * 4, labels)
    for text in (str(fitted), fitted.to_markdown().rstrip(), fitted._repr_html_()[:-6]):
        assert text.endswith(f"{fitted.iterations} reads of the logits{end}")


def test_record_holds_all_numbers_and_both_evaluations(fitted):
    record = json.loads(json.dumps(fitted.to_dict(), allow_nan=False))
    assert (record["format"], record["version"]) == ("smoothxent.Temperature", 2)
    assert record["metrics"] == {
        "evaluation_before": fitted.evaluation_before.to_dict()["metrics"],
        "evaluation": fitted.evaluation.to_dict()["metrics"],
        "value": fitted.value,
        "nll_before": fitted.nll_before,
        "nll_after": fitted.nll_after,
        "iterations": fitted.iterations,
        "bound": None,
    }
    assert Temperature.from_dict(record) == fitted


def test_temperature_is_immutable_and_can_be_copied(fitted):
    for name in ("value", "bound", "evaluation"):
        with pytest.raises((FrozenInstanceError, AttributeError)):
            setattr(fitted, name, None)
    for other in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
        assert other == fitted
        assert hash(other) == hash(fitted)


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


@pytest.mark.fault("matplotlib")
def test_figure_without_matplotlib_names_the_remedy(run_child):
    source = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import smoothxent\n"
        "try: smoothxent.fit_temperature([[8.0, 0]] * 4, [0, 0, 0, 1]).plot()\n"
        "except ModuleNotFoundError as error: print(error, error.name[:10], sep='|')"
    )
    assert run_child(source) == 'plot needs matplotlib; pip install "smoothxent[cli]"|matplotlib\n'


def test_temperatures_of_other_data_differ(fitted):
    assert fitted != fit_temperature(np.array([[8.0, 0]] * 5), [0, 0, 0, 0, 1])
