"""The programs of examples/ run, and show what they are about. hanzi/ has tests of its own."""

import re
import runpy
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from place import ROOT
from smoothxent import evaluate

EXAMPLES = ROOT / "examples"


def output_of(name):
    command = [sys.executable, EXAMPLES / f"{name}.py"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def needs(*modules):
    missing = [name for name in modules if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def test_list_names_every_program():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\((\w+\.py)\)", text))
    assert named == {path.name for path in EXAMPLES.glob("*.py")}


@pytest.mark.slow
def test_network_of_numpy_learns_the_spirals():
    losses = [float(loss) for loss in re.findall(r"smoothed loss (.*)", output_of("train_numpy"))]
    assert sorted(losses, reverse=True) == losses
    # A third of the rows of each arm: guesses have a loss of log(3).
    assert losses[-1] < 0.5 < np.log(3)


@pytest.mark.slow
@needs("sklearn.frozen" if find_spec("sklearn") else "sklearn")
def test_temperature_calibrates_naive_bayes():
    rows = {
        line[:20].strip(): [float(number) for number in line[20:].split()]
        for line in output_of("calibrate_sklearn").partition("\ntest digits")[2].splitlines()[1:]
    }
    trained, fitted = rows["as trained"], next(rows[name] for name in rows if "temp" in name)
    nll, accuracy, confidence, error = range(4)
    assert trained[accuracy] == fitted[accuracy]
    assert trained[confidence] > trained[accuracy]  # overconfident
    assert fitted[nll] < trained[nll]
    assert fitted[error] < trained[error]


@pytest.mark.slow
@needs("h5py", "textgenrnn")
def test_language_model_predicts_english():
    shown = output_of("language_model")
    nll = float(re.search(r"^loss \(nll\) +(\S+)", shown, re.MULTILINE)[1])
    assert nll < np.log(465) / 3  # a third of a guess
    # The same from logits that are stored.
    names = runpy.run_path(str(EXAMPLES / "language_model.py"), run_name="example")
    arrays, numbers = names["network"]()
    characters = np.array([numbers.get(each, numbers["<s>"]) for each in f"\n{names['zen']()}"])
    hidden = names["features"](characters, arrays)
    logits = hidden @ arrays["output/kernel:0"] + arrays["output/bias:0"]
    assert evaluate(logits, characters[1:]).nll == pytest.approx(nll, abs=1e-4)
