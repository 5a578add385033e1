"""The example of examples/hanzi, if its packages are installed: its output is as documented."""

import importlib.util
import json
import runpy
import subprocess
import sys

import numpy as np
import pytest

from place import ROOT
from smoothxent import Evaluation, softmax

FOLDER = ROOT / "examples" / "hanzi"
LINES = 4
MODULES = ("onnx", "onnxruntime", "PIL", "rapidocr", "pylopdf_fonts_zh_cn")
MISSING = [name for name in MODULES if importlib.util.find_spec(name) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


@pytest.fixture(scope="module")
def example():
    """Return the names that the script defines."""
    return runpy.run_path(str(FOLDER / "recognise.py"), run_name="example")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Run the script on the first few lines; return the folder of its output."""
    folder = tmp_path_factory.mktemp("hanzi")
    subprocess.run(
        [sys.executable, FOLDER / "recognise.py", folder, "--lines", str(LINES)], check=True
    )
    return folder


def evaluation_of(folder, scan):
    command = [sys.executable, "-m", "smoothxent", "evaluate", f"{scan}.npy", "labels.npy"]
    done = subprocess.run(
        [*command, "--json", "-"], cwd=folder, check=True, capture_output=True, text=True
    )
    return Evaluation.from_dict(json.loads(done.stdout))


def test_command_of_the_example_evaluates_every_character(folder):
    sharp, poor = evaluation_of(folder, "sharp"), evaluation_of(folder, "poor")
    assert sharp.count == poor.count == LINES * 8
    assert sharp.accuracy > 0.9  # of all characters 0.9955
    assert poor.accuracy < sharp.accuracy
    assert poor.nll > sharp.nll


def test_logits_are_those_before_the_softmax_of_the_recogniser(example, rng):
    import onnxruntime

    logits_of, classes = example["load"]()
    probabilities_of = onnxruntime.InferenceSession(
        example["carried_by"]("rapidocr", "*_rec_*.onnx"), providers=["CPUExecutionProvider"]
    )
    line = example["scan"](np.array(["好"] * 8), 1.0, 0.0, rng)
    given = {"x": example["as_input"](line)}
    logits, probabilities = (each.run(None, given)[0] for each in (logits_of, probabilities_of))
    assert logits.shape[-1] == len(classes) == 18_710
    # The model's own softmax, in float32 over so many classes, misses 1 by some 1e-5.
    np.testing.assert_allclose(softmax(logits), probabilities, rtol=1e-4, atol=1e-7)


def test_characters_are_those_of_the_first_level_of_gb_2312(example):
    characters = example["commonest"]()
    assert len(set(characters)) == len(characters) == 3755
    assert characters[0] + characters[-1] == "啊座"
    assert set(characters) - set(example["load"]()[1]) == {"硷"}
