"""Errors of labels as text: each names the file, the line and the remedy."""

import numpy as np
import pytest

from assertions import error_text
from smoothxent import evaluate_file

LOGITS = np.arange(12, dtype=np.float32).reshape(4, 3)
SAVE_TEXT = "save them with np.savetxt(..., labels, fmt='%d')"


@pytest.fixture
def paths(tmp_path):
    """Return the paths of logits, which are there, and of labels as text."""
    np.save(tmp_path / "logits.npy", LOGITS)
    return tmp_path / "logits.npy", tmp_path / "labels.txt"


FAULTS = [
    (f"0\n2\n{line}\n1\n", line, 3)
    for line in ["1.0", "", "one", "1 2", "1_0", "9" * 30, "\ufeff1"]
] + [("label\n0\n2\n1\n1\n", "label", 1), ("0,2,1,1\n", "0,2,1,1", 1), ("\n0\n", "", 1)]


@pytest.mark.fault("names-and-text")
@pytest.mark.parametrize("text, line, number", FAULTS, ids=ascii)
def test_text_that_is_no_integer_is_named_with_its_line(paths, monkeypatch, text, line, number):
    monkeypatch.setattr("smoothxent._files.readers.text.MOST_LINES", 1)
    paths[1].write_bytes(text.encode())
    assert error_text(ValueError, evaluate_file, *paths) == (
        f"labels file {paths[1]} must be one 64-bit integer a line, "
        f"got {(line + chr(10)).encode()!r} in line {number}; {SAVE_TEXT}"
    )


@pytest.mark.parametrize("text", [b"", b"\n\n"])
def test_text_without_a_number_has_no_rows(paths, text):
    logits, labels = paths
    labels.write_bytes(text)
    np.save(logits, LOGITS[:0])
    assert evaluate_file(logits, labels).count == 0
    np.save(logits, LOGITS)
    assert error_text(ValueError, evaluate_file, logits, labels) == (
        f"labels file {labels} must have shape (4,), a number for each row of logits file "
        f"{logits}, got (0,); save one for each row"
    )


@pytest.mark.fault("names-and-text")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_in_utf_16_is_an_error_with_the_encoding(paths, encoding):
    paths[1].write_bytes("0\n2\n1\n1\n".encode(encoding))
    assert error_text(ValueError, evaluate_file, *paths) == (
        f"labels file {paths[1]} must be ASCII or UTF-8 text, got zero bytes, as in UTF-16; "
        "save it as UTF-8"
    )
