"""Errors of files that are missing, pickled, or of a wrong kind or shape."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from assertions import error_of, write_header
from smoothxent import evaluate_file


@pytest.mark.fault("missing-file")
def test_missing_file_is_named(files):
    assert error_of(FileNotFoundError, files, "none.npy") == (
        f"[Errno 2] No such file or directory: '{files / 'none.npy'}'"
    )


@pytest.mark.fault("missing-file")
def test_folder_is_no_file(files):
    assert error_of(IsADirectoryError, files, labels=".") == f"[Errno 21] Is a directory: '{files}'"


@pytest.mark.fault("missing-file")
@pytest.mark.parametrize("path", ["/dev/zero", "pipe"])
def test_pipe_is_not_waited_for(files, path):
    os.mkfifo(files / "pipe")
    assert error_of(ValueError, files, path) == (
        f"logits file {files / path} must be a regular file, got a pipe or device; save it first"
    )


class Trap:
    """An object that writes a file when it is loaded from a pickle."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.fault("pickle")
def test_pickled_objects_are_never_loaded(files):
    np.save(files / "logits.npy", np.array([[Trap(files / "sprung")]], object))
    assert error_of(ValueError, files) == (
        f"logits file {files / 'logits.npy'} must hold numbers, got pickled objects, which are "
        "never loaded; save an array of numbers"
    )
    assert not (files / "sprung").exists()


@pytest.mark.fault("pickle")
def test_pickle_is_never_loaded(files):
    (files / "logits.npy").write_bytes(pickle.dumps(Trap(files / "sprung")))
    assert error_of(ValueError, files) == (
        f"logits file {files / 'logits.npy'} must be one of .npy, .npz, .safetensors, got a "
        "pickle, which is never loaded; save the array with np.save"
    )
    assert not (files / "sprung").exists()


@pytest.mark.fault("file-kind")
@pytest.mark.parametrize(
    "name, text, remedy",
    [
        ("logits.dat", "1 2 3\n", "save the array with np.save"),
        ("logits.txt", "1 2 3\n", "save np.loadtxt('logits.txt', np.float32) with np.save"),
        (
            "logits.csv",
            "1,2,3\n",
            "save np.loadtxt('logits.csv', np.float32, delimiter=',') with np.save",
        ),
    ],
)
def test_logits_of_another_format_are_errors(files, name, text, remedy):
    (files / name).write_text(text)
    assert error_of(ValueError, files, name) == (
        f"logits file {files / name} must be one of .npy, .npz, .safetensors, got a "
        f"file that begins with {text.encode()!r}; {remedy}"
    )


@pytest.mark.fault("file-kind")
def test_labels_of_another_format_are_errors(files):
    (files / "labels.csv").write_text("0\n1\n2\n")
    assert error_of(ValueError, files, labels="labels.csv") == (
        f"labels file {files / 'labels.csv'} must be one of .npy, .npz, .safetensors, .txt, got a "
        "file that begins with b'0\\n1\\n2\\n'; with one integer or id a line, rename it to .txt"
    )


@pytest.mark.fault("file-kind")
def test_shard_of_another_length_than_its_logits_is_named(files):
    np.save(files / "more.npy", np.zeros((4, 3), np.float32))
    np.save(files / "three.npy", np.zeros(3, np.int64))
    logits, labels = ["logits.npy", "more.npy"], ["labels.npy", "three.npy"]
    assert error_of(ValueError, files, logits, labels) == (
        f"labels file {files / 'three.npy'} must have length 4, a number for each row of "
        f"logits file {files / 'more.npy'}, got 3"
    )


@pytest.mark.fault("file-kind")
def test_fortran_order_is_an_error(files):
    np.save(files / "logits.npy", np.zeros((4, 3), order="F"))
    assert error_of(ValueError, files) == (
        f"logits file {files / 'logits.npy'} must be in C order, got Fortran order; "
        "save np.ascontiguousarray(array)"
    )


def test_fortran_order_of_one_column_is_c_order(files):
    write_header(files / "logits.npy", (4, 1), fortran_order=True, data=bytes(16))
    assert evaluate_file(files / "logits.npy", files / "labels.npy").count == 4


@pytest.mark.fault("file-kind")
@pytest.mark.parametrize(
    "descr, found",
    [
        ("<i8", "int64; convert with logits.astype(np.float32)"),
        ("|b1", "bool; convert with logits.astype(np.float32)"),
        ("<c8", "complex64"),
        ("<u2", "uint16; if these are the bits of bfloat16 or float16, say so with dtype"),
        ("|V2", "uint16; if these are the bits of bfloat16 or float16, say so with dtype"),
    ],
)
def test_logits_of_another_dtype_are_errors(files, descr, found):
    path = files / "logits.npy"
    write_header(path, (4, 3), descr, data=bytes(12 * np.dtype(descr).itemsize))
    assert error_of(TypeError, files) == (
        f"logits file {path} must be float32, float64, float16 or bfloat16, got {found}"
    )


@pytest.mark.fault("file-kind")
@pytest.mark.parametrize(
    "dtype, found", [("bfloat16", "bfloat16"), (np.dtype(np.float64), "float64")], ids=str
)
def test_dtype_that_is_not_that_of_the_file_is_an_error(files, dtype, found):
    assert error_of(TypeError, files, dtype=dtype) == (
        f"dtype must be float32, that of the logits file {files / 'logits.npy'}, got {found}; "
        "leave it out"
    )


@pytest.mark.fault("file-kind")
def test_labels_of_another_dtype_are_errors(files):
    np.save(files / "labels.npy", np.zeros(4))
    assert error_of(TypeError, files) == (
        f"labels file {files / 'labels.npy'} must be integers if they are class indices, "
        "got float64; convert with labels.astype(np.int64)"
    )
    np.save(files / "labels.npy", np.array(["cat"] * 4))
    assert error_of(TypeError, files) == (
        f"labels file {files / 'labels.npy'} must be integers if they are class indices, "
        "got <U3; convert names with np.searchsorted(classes, labels), "
        "where classes are all names, sorted, as classifier.classes_"
    )


@pytest.mark.fault("file-shapes")
@pytest.mark.parametrize("shape", [(), (3,), (4, 0)])
def test_logits_without_rows_and_classes_are_errors(files, shape):
    np.save(files / "logits.npy", np.zeros(shape))
    assert error_of(ValueError, files) == (
        f"logits file {files / 'logits.npy'} must have shape (N, C) or more axes, the classes "
        f"last, got {shape}"
    )


@pytest.mark.fault("file-shapes")
@pytest.mark.parametrize("shape", [(3,), (5,), (0,), (4, 1), (1, 4), (4, 3, 1)])
def test_labels_of_another_length_or_shape_are_errors(files, shape):
    np.save(files / "labels.npy", np.zeros(shape, int))
    remedies = {4: "save labels.reshape((4,))", 0: "save one for each row"}
    remedy = remedies.get(int(np.prod(shape)), "name all shards of both")
    assert error_of(ValueError, files) == (
        f"labels file {files / 'labels.npy'} must have shape (4,), a number for each row of "
        f"logits file {files / 'logits.npy'}, got {shape}; {remedy}"
    )


def test_column_of_weights_is_an_error_with_the_remedy(files):
    np.save(files / "weights.npy", np.ones((4, 1)))
    assert error_of(ValueError, files, sample_weight=files / "weights.npy") == (
        f"sample_weight file {files / 'weights.npy'} must have shape (4,), a number for each row "
        f"of logits file {files / 'logits.npy'}, got (4, 1); save sample_weight.reshape((4,))"
    )


@pytest.mark.fault("file-shapes")
@pytest.mark.slow
@pytest.mark.parametrize("dtype", [int, np.float32, bool])
@pytest.mark.parametrize("num_rows", [4, 3])
def test_probabilities_in_place_of_labels_are_errors_with_the_remedy(files, num_rows, dtype):
    np.save(files / "labels.npy", np.eye(4, 3, dtype=dtype)[:num_rows])
    assert error_of(ValueError, files) == (
        f"labels file {files / 'labels.npy'} must be class indices, got probabilities of shape "
        f"({num_rows}, 3); save their argmax over the class axis"
    )


def test_label_without_an_axis_is_an_error(files):
    np.save(files / "labels.npy", np.int64(1))
    assert error_of(ValueError, files) == (
        f"labels file {files / 'labels.npy'} must have shape (N,) or more axes, got ()"
    )


@pytest.mark.fault("file-shapes")
def test_shards_of_another_length_are_errors(files):
    assert error_of(ValueError, files, ["logits.npy"] * 3, ["labels.npy"] * 2) == (
        f"labels files {files / 'labels.npy'} to {files / 'labels.npy'} must have shape (12,), a "
        f"number for each row of logits files {files / 'logits.npy'} to {files / 'logits.npy'}, "
        "got (8,); name all shards of both"
    )


@pytest.mark.fault("file-shapes")
@pytest.mark.parametrize("other", [np.zeros((4, 2), np.float32), np.zeros((4, 3))])
def test_shards_that_differ_are_errors(files, other):
    np.save(files / "other.npy", other)
    assert error_of(ValueError, files, ["logits.npy", "other.npy"]) == (
        f"logits file {files / 'other.npy'} must match {files / 'logits.npy'} except on the first "
        f"axis, float32 (4, 3), got {other.dtype} {other.shape}"
        f"{'; save all with the same dtype' * (other.dtype != np.float32)}"
    )


@pytest.mark.fault("file-length")
@pytest.mark.parametrize("name", ["logits.npy", "labels.npy"])
def test_empty_file_is_named_as_empty(files, name):
    (files / name).write_bytes(b"")
    assert error_of(ValueError, files) == (
        f"{name[:6]} file {files / name} must hold an array, got an empty file; "
        "copy or save it again"
    )


@pytest.mark.parametrize(
    "options, error",
    [
        ({"class_weight": [1]}, ValueError("class_weight must have shape (3,), got (1,)")),
        ({"sample_weight": [1]}, ValueError("sample_weight must have shape (4,), got (1,)")),
        ({"num_threads": 0}, ValueError("num_threads must be at least 1, got 0")),
    ],
)
def test_options_are_errors_as_by_evaluate(files, options, error):
    assert error_of(type(error), files, **options) == str(error)


def test_file_without_members_has_none_to_name(files):
    assert error_of(ValueError, files, "logits.npy::logits") == (
        f"logits file {files / 'logits.npy'}::logits must be a file with members, got .npy; "
        "leave out ::logits"
    )
