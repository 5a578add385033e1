"""The programs of examples/ run, and show what they are about."""

import re
import runpy
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from place import ROOT
from smoothxent import cross_entropy, evaluate

EXAMPLES = ROOT / "examples"


def output_of(name, *arguments):
    command = [sys.executable, EXAMPLES / name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def needs(*modules):
    missing = [name for name in modules if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def test_list_names_every_program():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\((\w+\.py|\w+/__main__\.py)\)", text))
    programs = [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*/__main__.py")]
    assert named == {path.relative_to(EXAMPLES).as_posix() for path in programs}


@pytest.mark.slow
@needs("matplotlib", "sklearn", "threadpoolctl")
def test_digits_show_what_their_evaluations_say(tmp_path):
    path = tmp_path / "new" / "picture.png"
    shown = output_of("digits", "--epochs", "30", "--output", path)
    logits = [[4.0, 5.0, 10.0], [1.0, 5.0, 4.0], [1.0, 15.0, 4.0]]
    smoothed = cross_entropy(logits, [2, 1, 1], label_smoothing=0.001)
    assert f"loss, label_smoothing=0.001 {smoothed!r}\n" in shown
    rows = [(line[:26].strip(), line[26:].split()) for line in shown.splitlines()]
    losses = [numbers for name, numbers in rows if name == "loss on the label (nll)"]
    table = dict(rows)
    plain, smooth = table["loss, as trained"]
    train, test, fitted = losses
    assert train[0] == plain
    # Smoothing costs a classifier that prefers the label to the others.
    assert float(smooth) > float(train[1])
    # The temperature has the least nll on other digits of the same kind.
    assert all(float(after) < float(before) for before, after in zip(test, fitted, strict=True))
    assert all(0 < float(share) <= 1 for share in table["accuracy"])
    assert shown.endswith(f"Picture: {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@needs("matplotlib", "sklearn", "threadpoolctl")
def test_digits_of_the_same_seed_show_the_same(tmp_path):
    shown = [
        output_of("digits", "--epochs", "2", "--seed", seed, "--output", tmp_path / "picture.svg")
        for seed in ("3", "3", "4")
    ]
    assert shown[0] == shown[1]
    assert shown[0] != shown[2]


@pytest.mark.slow
def test_network_of_numpy_learns_the_spirals():
    losses = [
        float(loss) for loss in re.findall(r"smoothed loss (.*)", output_of("train_numpy.py"))
    ]
    assert sorted(losses, reverse=True) == losses
    # A third of the rows of each arm: guesses have a loss of log(3).
    assert losses[-1] < 0.5 < np.log(3)


@pytest.mark.slow
@needs("sklearn.frozen" if find_spec("sklearn") else "sklearn")
def test_temperature_calibrates_naive_bayes():
    rows = {
        line[:20].strip(): [float(number) for number in line[20:].split()]
        for line in output_of("calibrate_sklearn.py").partition("\ntest digits")[2].splitlines()[1:]
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
    shown = output_of("language_model.py")
    nll = float(re.search(r"^loss \(nll\) +(\S+)", shown, re.MULTILINE)[1])
    assert nll < np.log(465) / 3  # a third of a guess
    # The same from logits that are stored.
    names = runpy.run_path(str(EXAMPLES / "language_model.py"), run_name="example")
    arrays, numbers = names["network"]()
    characters = np.array([numbers.get(each, numbers["<s>"]) for each in f"\n{names['zen']()}"])
    hidden = names["features"](characters, arrays)
    logits = hidden @ arrays["output/kernel:0"] + arrays["output/bias:0"]
    assert evaluate(logits, characters[1:]).nll == pytest.approx(nll, abs=1e-4)
