"""Errors of .npy files that are cut short or too long, or whose header is corrupt."""

import threading

import numpy as np
import pytest

from assertions import error_of, write_header


@pytest.mark.fault("file-length")
@pytest.mark.parametrize("missing", [1, 47])
def test_file_cut_short_is_named_with_its_length(files, missing):
    path = files / "logits.npy"
    path.write_bytes(path.read_bytes()[:-missing])
    assert error_of(ValueError, files) == (
        f"logits file {path} must hold 48 bytes of data, as its header declares, "
        f"got {48 - missing}; it is cut short: copy or save it again"
    )


@pytest.mark.fault("file-length")
def test_file_that_goes_on_behind_its_array_is_an_error(files):
    with (files / "labels.npy").open("ab") as file:
        np.save(file, np.zeros(4))
    assert error_of(ValueError, files) == (
        f"labels file {files / 'labels.npy'} must hold 32 bytes of data, as its header declares, "
        "got 192; save the array again, in a file of its own"
    )


@pytest.mark.fault("file-length")
@pytest.mark.parametrize("shape", [(2**33, 1), (2**13, 2**20), (2**62, 2**62)])
def test_header_that_claims_more_than_the_file_has_takes_no_memory(files, shape):
    path = files / "logits.npy"
    write_header(path, shape, data=bytes(100))
    assert error_of(ValueError, files) == (
        f"logits file {path} must hold {4 * shape[0] * shape[1]} bytes of data, as its header "
        "declares, got 100; it is cut short: copy or save it again"
    )


@pytest.mark.fault("file-length")
def test_negative_shape_is_an_error(files):
    write_header(files / "logits.npy", (-4, -3), data=bytes(48))
    assert error_of(ValueError, files) == (
        f"logits file {files / 'logits.npy'} must have a shape without negative numbers, "
        "got (-4, -3); save it again"
    )


@pytest.mark.fault("npy-header")
@pytest.mark.parametrize("length", [3, 8, 20, 127])
def test_header_cut_short_is_corrupt(files, length):
    path = files / "logits.npy"
    path.write_bytes(path.read_bytes()[:length])
    assert error_of(ValueError, files) == (
        f"logits file {path} is corrupt: NumPy can't read its header (ValueError); "
        "copy or save it again"
    )


@pytest.mark.fault("npy-header")
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize(
    "header", ["{", "'\n", "[" * 5000, "{'descr': {}}", "{[]: 1}", "\x80", " " * 60_000]
)
def test_header_of_nonsense_is_corrupt(files, header, version):
    path = files / "labels.npy"
    text = header.encode("latin1")
    length = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    path.write_bytes(b"\x93NUMPY" + bytes(version) + length + text)
    message = error_of(ValueError, files)
    assert message.startswith(f"labels file {path} is corrupt: NumPy can't read its header (")
    assert message.endswith("); copy or save it again")


@pytest.mark.fault("npy-header")
@pytest.mark.parametrize("version", [(0, 0), (1, 1), (4, 0), (9, 9)])
def test_unknown_version_of_the_npy_format_is_corrupt(files, version):
    path = files / "labels.npy"
    content = bytearray(path.read_bytes())
    content[6:8] = bytes(version)
    path.write_bytes(content)
    assert error_of(ValueError, files) == (
        f"labels file {path} is corrupt: version {version[0]}.{version[1]} of the .npy format is "
        "unknown; copy or save it again"
    )


@pytest.mark.fault("file-length")
def test_file_that_shrinks_while_it_is_read_is_an_error(files, monkeypatch):
    before = set(threading.enumerate())
    monkeypatch.setattr("smoothxent._files.chunks.CHUNK_BYTES", 12)
    path = files / "logits.npy"
    np.save(path, np.zeros((400, 3), np.float32))
    np.save(files / "labels.npy", np.zeros(400, int))

    def progress(done, num_rows, evaluation):
        if done == 1:
            with path.open("r+b") as file:
                file.truncate(128 + 12 * 300 + 5)

    assert error_of(ValueError, files, progress=progress) == (
        f"logits file {path} is corrupt: the last 1195 bytes are missing; copy or save it again"
    )
    assert set(threading.enumerate()) <= before  # those of other libraries' pools stay
