"""Errors of archives: each text names the file, the member and the remedy."""

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest

from assertions import error_text
from smoothxent import evaluate, evaluate_file

LOGITS = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def labels(tmp_path):
    np.save(tmp_path / "labels.npy", np.zeros(4, np.int64))
    return tmp_path / "labels.npy"


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def header(shape, descr="<f4"):
    stream = io.BytesIO()
    declared = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, declared)
    return stream.getvalue()


def archive(path, compression=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def safetensors(path, entries, data=bytes(48)):
    text = json.dumps(entries).encode() if not isinstance(entries, bytes) else entries
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def floats(first):
    """Return the header entry of a 4 x 3 float32 array that begins at this byte of the data."""
    return {"dtype": "F32", "shape": [4, 3], "data_offsets": [first, first + 48]}


def error_of(logits, labels, error=ValueError):
    return error_text(error, evaluate_file, logits, labels)


@pytest.mark.fault("names-and-text")
@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_arrays_of_a_file_are_listed_where_the_name_does_not_decide(tmp_path, labels, suffix):
    path, one = tmp_path / f"two.{suffix}", tmp_path / f"one.{suffix}"
    if suffix == "npz":
        archive(path, a=npy(LOGITS), b=npy(LOGITS))
        archive(one, a=npy(LOGITS))
    else:
        safetensors(path, {"a": floats(0), "b": floats(48)}, bytes(96))
        safetensors(one, {"a": floats(0)})
    assert error_of(path, labels) == (
        f"logits file {path} must name one of the arrays in it, got a, b; "
        f"say which, as in {path}::a"
    )
    assert error_of(f"{path}::c", labels) == f"logits file {path} must hold an array 'c', got a, b"
    assert error_of(f"{one}::b", labels) == f"logits file {one} must hold an array 'b', got a"


@pytest.mark.fault("names-and-text")
@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_file_without_arrays_is_an_error(tmp_path, labels, suffix):
    path = tmp_path / f"none.{suffix}"
    archive(path) if suffix == "npz" else safetensors(path, {})
    assert error_of(path, labels) == (
        f"logits file {path} must name one of the arrays in it, got none"
    )


@pytest.mark.fault("pickle")
def test_checkpoint_of_pickles_is_never_loaded(tmp_path, labels):
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("model/data.pkl", pickle.dumps(LOGITS))
    assert error_of(path, labels) == (
        f"logits file {path} must be an archive of arrays, got one of pickles, which are never "
        "loaded; save the array with np.save"
    )


@pytest.mark.fault("pickle")
def test_pickled_objects_in_an_archive_are_never_loaded(tmp_path, labels):
    np.savez(tmp_path / "a.npz", a=np.array([[None]], object))
    assert error_of(tmp_path / "a.npz", labels) == (
        f"logits file {tmp_path / 'a.npz'}::a must hold numbers, got pickled objects, which are "
        "never loaded; save an array of numbers"
    )


@pytest.mark.fault("archive-claims")
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("shape", [(2**33, 1), (1, 2**33), (4, 4)])
def test_header_that_claims_more_than_its_member_takes_no_memory(
    tmp_path, labels, compression, shape
):
    path = archive(tmp_path / "a.npz", compression, a=header(shape) + LOGITS.tobytes())
    claimed = 4 * shape[0] * shape[1]
    assert error_of(path, labels) == (
        f"logits file {path}::a must hold {claimed} bytes of data, as its header declares, got 48; "
        "it is cut short: copy or save it again"
    )


def claim(path, size):
    """Write a wrong size of the only member to the archive's directory."""
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", size)
    path.write_bytes(content)


@pytest.mark.fault("archive-claims")
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_member_that_claims_more_than_its_bytes_can_be_takes_no_memory(
    tmp_path, labels, compression
):
    shape = (1, (2**32 - 256) // 4)
    path = archive(tmp_path / "a.npz", compression, a=header(shape) + LOGITS.tobytes())
    claim(path, 2**32 - 128)
    with zipfile.ZipFile(path) as file:
        held = file.infolist()[0].compress_size
    assert error_of(path, labels) == (
        f"logits file {path}::a is corrupt: its directory claims {2**32 - 128} bytes in {held}; "
        "copy or save it again"
    )


@pytest.mark.fault("archive-claims")
def test_member_that_ends_before_its_claim_is_an_error(tmp_path, labels):
    path = archive(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, a=header((4, 12)) + bytes(48))
    claim(path, 128 + 192)
    assert error_of(path, labels) == (
        f"logits file {path}::a is corrupt: the last 144 bytes are missing; copy or save it again"
    )


@pytest.mark.fault("archive-claims")
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("size", [12, 20_000])  # found with the header, or later
def test_flipped_bit_is_found(tmp_path, compression, size, rng):
    np.save(tmp_path / "labels.npy", np.zeros(size // 2, np.int64))
    logits = rng.normal(size=(size // 2, 2)).astype(np.float32)
    path = archive(tmp_path / "a.npz", compression, a=npy(logits))
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") - 3] ^= 4  # in the last bytes of the member
    path.write_bytes(content)
    message = error_of(path, tmp_path / "labels.npy")
    assert message.startswith(f"logits file {path}::a is corrupt: ")
    assert message.endswith("; copy or save it again")


@pytest.mark.fault("archive-claims")
def test_archive_cut_short_is_corrupt(tmp_path, labels):
    path = archive(tmp_path / "a.npz", a=npy(LOGITS))
    path.write_bytes(path.read_bytes()[:-10])
    assert error_of(path, labels) == (
        f"logits file {path} is corrupt: File is not a zip file; copy or save it again"
    )


def test_member_of_another_compression_is_an_error(tmp_path, labels):
    path = archive(tmp_path / "a.npz", zipfile.ZIP_BZIP2, a=npy(LOGITS))
    assert error_of(path, labels) == (
        f"logits file {path}::a must be stored or deflated, got compression 12; "
        "save it with np.savez_compressed"
    )


@pytest.mark.fault("archive-overlaps")
def test_archive_with_two_members_of_one_name_is_corrupt(tmp_path, labels):
    path = archive(tmp_path / "a.npz", a=npy(LOGITS))
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as file:
        file.writestr("a.npy", npy(LOGITS + 1))
    assert error_of(path, labels) == (
        f"logits file {path} is corrupt: two of its members have the same name; "
        "copy or save it again"
    )


@pytest.mark.fault("archive-claims")
@pytest.mark.parametrize(
    "length, size",
    [(49, 56), (10**8 + 1, 56), (2**35, 56), (2**64 - 1, 56), (10**8 + 1, 10**8 + 64)],
)
def test_length_of_a_safetensors_header_is_checked_before_it_is_read(
    tmp_path, labels, length, size
):
    path = tmp_path / "a.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", length))
        file.truncate(size)  # sparse
    assert error_of(path, labels) == (
        f"logits file {path} is corrupt: its header has {length} bytes and the file {size}; "
        "copy or save it again"
    )


ENTRY = json.dumps(floats(0))


@pytest.mark.fault("archive-claims")
@pytest.mark.parametrize(
    "entries",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff",
        b"7",
        b"null",
        b'"text"',
        b"[1]",
        *(f'{{"a": {ENTRY}}}'.encode(each) for each in ("utf-16", "utf-16-le", "utf-32")),
        {"a": 1},
        {"a": {}},
        {"a": {"dtype": "F32", "shape": [4, 3]}},
        {"a": {"dtype": 7, "shape": [4, 3], "data_offsets": [0, 48]}},
        {"a": {"dtype": "F32", "shape": 12, "data_offsets": [0, 48]}},
        {"a": {"dtype": "F32", "shape": [4, True], "data_offsets": [0, 48]}},
        {"a": {"dtype": "F32", "shape": [4, 3.0], "data_offsets": [0, 48]}},
        {"a": {"dtype": "F32", "shape": [-4, -3], "data_offsets": [0, 48]}},
        {"a": {"dtype": "F32", "shape": [4, 3], "data_offsets": [0]}},
        {"a": {"dtype": "F32", "shape": [4, 3], "data_offsets": [-48, 0]}},
    ],
)
def test_safetensors_header_of_nonsense_is_corrupt(tmp_path, labels, entries):
    path = safetensors(tmp_path / "a.safetensors", entries)
    message = error_of(path, labels)
    assert message.startswith(f"logits file {path} is corrupt: ")
    assert message.endswith("; copy or save it again")


@pytest.mark.fault("archive-claims")
@pytest.mark.parametrize(
    "shape, offsets, found",
    [
        ([4, 3], [0, 44], 44),  # the shape and the offsets differ
        ([2**33, 1], [0, 48], 48),
        ([2**33, 1], [0, 2**35], 48),  # the file is shorter than both
        ([4, 3], [4, 52], 44),
        ([4, 3], [100, 148], -52),
    ],
)
def test_safetensors_that_claims_more_than_the_file_has_takes_no_memory(
    tmp_path, labels, shape, offsets, found
):
    entry = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
    path = safetensors(tmp_path / "a.safetensors", {"a": entry})
    assert error_of(path, labels) == (
        f"logits file {path}::a must hold {4 * shape[0] * shape[1]} bytes of data, as its header "
        f"declares, got {found}; it is cut short: copy or save it again"
    )


def test_safetensors_whose_offsets_hold_more_than_the_shape_is_an_error(tmp_path, labels):
    entry = {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 60]}
    path = safetensors(tmp_path / "a.safetensors", {"a": entry})
    assert error_of(path, labels) == (
        f"logits file {path}::a must hold 48 bytes of data, as its header declares, got 60; "
        "save the array again, in a file of its own"
    )


@pytest.mark.fault("archive-overlaps")
@pytest.mark.parametrize(
    "places, size, found",
    [
        ({"a": 0}, 49, "its arrays take 48 bytes of 49"),
        ({"a": 0, "b": 48}, 95, "its arrays take 96 bytes of 95"),
        ({"a": 0, "b": 24}, 96, "its arrays a and b overlap"),
        ({"b": 0, "a": 0}, 48, "its arrays a and b overlap"),
        ({"a": 1}, 49, "bytes 0 to 1 of its data are in no array"),
        ({"b": 52, "a": 0}, 100, "bytes 48 to 52 of its data are in no array"),
    ],
)
def test_safetensors_whose_arrays_leave_gaps_or_overlap_is_corrupt(
    tmp_path, labels, places, size, found
):
    entries = {name: floats(first) for name, first in places.items()}
    path = safetensors(tmp_path / "a.safetensors", entries, bytes(size))
    assert error_of(f"{path}::a", labels) == (
        f"logits file {path}::a is corrupt: {found}; copy or save it again"
    )


def test_safetensors_may_have_its_arrays_in_any_order_and_some_without_numbers(tmp_path, labels):
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [48, 48]}
    entries = {"b": floats(48), "empty": empty, "a": floats(0)}
    path = safetensors(tmp_path / "a.safetensors", entries, LOGITS.tobytes() + bytes(48))
    assert evaluate_file(f"{path}::a", labels) == evaluate(LOGITS, [0] * 4)


@pytest.mark.fault("archive-overlaps")
@pytest.mark.parametrize(
    "text", [f'{{"a": {ENTRY}, "a": {ENTRY}}}', f'{{"a": {ENTRY[:-1]}, "dtype": "I32"}}}}']
)
def test_safetensors_header_with_a_key_twice_is_corrupt(tmp_path, labels, text):
    path = safetensors(tmp_path / "a.safetensors", text.encode())
    assert error_of(path, labels) == (
        f"logits file {path} is corrupt: a key of its header is there twice; copy or save it again"
    )


def test_safetensors_of_another_dtype_is_an_error(tmp_path, labels):
    entry = {"dtype": "F8_E4M3", "shape": [4, 12], "data_offsets": [0, 48]}
    path = safetensors(tmp_path / "a.safetensors", {"a": entry})
    assert error_of(path, labels, TypeError) == (
        f"logits file {path}::a must be one of F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, "
        "U16, U8, got F8_E4M3"
    )


def test_bfloat16_labels_are_errors(tmp_path):
    np.save(tmp_path / "logits.npy", LOGITS)
    entry = {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}
    path = safetensors(tmp_path / "a.safetensors", {"a": entry}, bytes(8))
    assert error_of(tmp_path / "logits.npy", path, TypeError) == (
        f"labels file {path}::a must be integers if they are class indices, got |V2"
    )
