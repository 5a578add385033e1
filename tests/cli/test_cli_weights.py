"""`smoothxent evaluate` with unusable weights of rows and of classes: one line for each."""

import io
import os
from pathlib import Path

import numpy as np
import pytest

from assertions import error_line

ONE_EACH = "save one number for each class"
NO_ARRAY = "not an array of numbers in .npy format; save it with np.save"


@pytest.mark.fault("cli-files")
@pytest.mark.parametrize(
    "option, weights, rule",
    [
        ("--class-weight", np.ones(8), f"class_weight must have shape (7,), got (8,); {ONE_EACH}"),
        ("--prior", np.ones((7, 1)), f"prior must have shape (7,), got (7, 1); {ONE_EACH}"),
        ("--prior", np.ones(7), "prior must sum to 1, got a sum of 7.0; divide it by its sum"),
    ],
)
def test_bad_weights_of_classes_are_named_with_their_file(option, weights, rule, rows, capsys):
    np.save("weights.npy", weights)
    line = error_line(capsys, "logits.npy", "labels.npy", option, "weights.npy")
    assert line == f"weights.npy: {rule}"


def npy(shape, descr="<f8"):
    """Return the header of a .npy file, without data."""
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


@pytest.mark.fault("cli-files")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"1 2 3\n",
        b"\x93NUMPY\x01\x00\x0a\x00{'descr': ((",  # literal_eval and tokenize each raise their own
        npy((2**32,)),
        npy((2**63, 2**60)),
        npy((7,), "|O") + bytes(56),
    ],
)
def test_weights_that_are_no_array_are_errors(content, rows, capsys, folder):
    (folder / "weights.npy").write_bytes(content)
    line = error_line(capsys, "logits.npy", "labels.npy", "--class-weight", "weights.npy")
    assert line == f"weights.npy: {NO_ARRAY}"


def several_arrays(name):
    with Path(name).open("wb") as file:
        np.savez(file, np.ones(7), np.ones(7))


@pytest.mark.fault("cli-files")
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, several_arrays])
def test_weights_that_are_no_file_of_one_array_are_errors(make, rows, capsys):
    make("weights.npy")
    line = error_line(capsys, "logits.npy", "labels.npy", "--prior", "weights.npy")
    assert line == f"weights.npy: {NO_ARRAY}"
