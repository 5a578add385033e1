"""Files with bytes changed, cut or added at random, in every format."""

import io
import json
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from quick import slow_but_first
from smoothxent import Evaluation, evaluate, evaluate_file

LOGITS = np.random.default_rng(7).normal(size=(40, 3)).astype(np.float32)
LABELS = np.arange(40) % 3


def written(save, *arguments, **arrays):
    stream = io.BytesIO()
    save(stream, *arguments, **arrays)
    return stream.getvalue()


def safetensors():
    entries = {"logits": {"dtype": "F32", "shape": [40, 3], "data_offsets": [0, 480]}}
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + LOGITS.tobytes()


WHOLE = {
    "logits.npy": written(np.save, LOGITS),
    "logits.npz": written(np.savez, logits=LOGITS),
    "deflated.npz": written(np.savez_compressed, logits=LOGITS),
    "logits.safetensors": safetensors(),
    "labels.txt": "".join(f"{label}\n" for label in LABELS).encode(),
    "labels.npy": written(np.save, LABELS),
}


@st.composite
def damaged(draw, content):
    """Draw the bytes after one to three random changes."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, min(200, len(content)) - 1)))
        if draw(st.booleans()):  # the directory of an archive is at its end
            place = max(0, len(content) - 1 - place)
        new = draw(st.binary(max_size=8))
        length = draw(st.sampled_from([0, len(new), len(new), 8, 10**6]))
        content = content[:place] + new + content[place + length :]
    return content


def read(path):
    """Return the array of the file as other readers see it."""
    match path.suffix:
        case ".npy":
            return np.load(path)
        case ".npz":
            with zipfile.ZipFile(path) as archive:  # NumPy wants it to begin with the first byte
                return np.load(io.BytesIO(archive.read("logits.npy")))
        case ".safetensors":
            return load_file(path)["logits"]
        case _:
            return np.array([int(line) for line in path.read_text().split()])


def outcome(logits, labels):
    """Return the evaluation of the files, or the error that they raise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, on headers that Python 2 could have made
        try:
            return evaluate_file(logits, labels)
        except (IndexError, TypeError, ValueError) as error:
            return error


@pytest.mark.fault("file-damage")
@pytest.mark.parametrize("name", slow_but_first(WHOLE))
@given(data=st.data())
def test_whatever_is_done_to_a_file_the_error_names_it(tmp_path_factory, name, data):
    folder = tmp_path_factory.getbasetemp()
    for each, content in WHOLE.items():
        (folder / each).write_bytes(content)
    (folder / name).write_bytes(data.draw(damaged(WHOLE[name])))
    logits = name if name.startswith(("logits", "deflated")) else "logits.npy"
    labels = name if name.startswith("labels") else "labels.npy"
    found = outcome(folder / logits, folder / labels)
    if isinstance(found, Evaluation):
        assert found == evaluate(read(folder / logits), read(folder / labels))
    else:
        assert str(folder / name) in str(found)
