"""Every format of evaluate_file: archives and text files have the same results as .npy files."""

import json
from itertools import product

import ml_dtypes
import numpy as np
import pytest

from metric_checks import draw
from smoothxent import evaluate, evaluate_file

SAFETENSORS = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
}


pytestmark = pytest.mark.usefixtures("small_chunks")


def write_safetensors(path, **arrays):
    """Write a file by the specification of the format, without code of this package."""
    header, data = {"__metadata__": {"format": "np"}}, b""
    codes = {np.dtype(dtype): code for code, dtype in SAFETENSORS.items()}
    for name, array in arrays.items():
        first, data = len(data), data + array.tobytes()
        offsets = [first, len(data)]
        header[name] = {"dtype": codes[array.dtype], "shape": array.shape, "data_offsets": offsets}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_members_of_an_archive_are_named_behind_colons(tmp_path, rng, any_dtype, save):
    logits, labels = draw(rng, dtype=any_dtype)
    path = tmp_path / "both.npz"
    save(path, logits=logits, labels=labels)
    dtype = "bfloat16" if any_dtype == ml_dtypes.bfloat16 else None
    evaluation = evaluate_file(f"{path}::logits", f"{path}::labels", dtype=dtype)
    assert evaluation == evaluate(logits, labels)


@pytest.mark.parametrize(
    "code, labels_code",
    [
        *product(["F64", "F16", "BF16"], ["I64"]),
        *product(["F32"], [code for code in SAFETENSORS if code[0] in "IU"]),
    ],
)
def test_safetensors_of_every_dtype(tmp_path, rng, code, labels_code):
    logits, labels = draw(rng, dtype=SAFETENSORS[code])
    labels = labels.astype(SAFETENSORS[labels_code])
    path = write_safetensors(tmp_path / "both.safetensors", labels=labels, logits=logits)
    evaluation = evaluate_file(f"{path}::logits", f"{path}::labels")
    assert evaluation == evaluate(logits, labels)


def test_safetensors_that_the_package_itself_writes(tmp_path, rng):
    package = pytest.importorskip("safetensors.numpy")
    logits, labels = draw(rng)
    path = tmp_path / "both.safetensors"
    package.save_file({"logits": logits, "labels": labels}, path, {"made by": "a test"})
    assert evaluate_file(f"{path}::logits", f"{path}::labels") == evaluate(logits, labels)


def test_only_array_of_a_file_needs_no_name(tmp_path, rng):
    logits, labels = draw(rng)
    np.savez(tmp_path / "labels.npz", labels)
    path = write_safetensors(tmp_path / "logits.safetensors", x=logits)
    assert evaluate_file(path, tmp_path / "labels.npz") == evaluate(logits, labels)


@pytest.mark.fault("names-and-text")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n", "\r\n\r\n \t\r\n", "\n \n  "])
def test_labels_may_be_text(tmp_path, rng, end, encoding):
    logits, labels = draw(rng)
    labels[3] = -100
    np.save(tmp_path / "logits.npy", logits)
    text = ("\r\n" if "\r" in end else "\n").join(map(str, labels)) + end
    (tmp_path / "labels.txt").write_bytes(text.encode(encoding))
    evaluation = evaluate_file(tmp_path / "logits.npy", tmp_path / "labels.txt", ignore_index=-100)
    assert evaluation == evaluate(logits, labels, ignore_index=-100)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n \n  "])
def test_text_is_read_in_parts(tmp_path, rng, monkeypatch, end):
    monkeypatch.setattr("smoothxent._files.readers.text.MOST_LINES", 5)
    monkeypatch.setattr("smoothxent._files.readers.text.BLOCK_BYTES", 7)
    test_labels_may_be_text(tmp_path, rng, end, "utf-8")


def test_shards_may_be_of_several_formats(tmp_path, rng):
    logits, labels = draw(rng)
    np.save(tmp_path / "0.npy", logits[:30])
    np.savez_compressed(tmp_path / "1.npz", logits[30:31])
    write_safetensors(tmp_path / "2.safetensors", logits=logits[31:])
    np.save(tmp_path / "labels.npy", labels)
    shards = [tmp_path / name for name in ("0.npy", "1.npz", "2.safetensors")]
    assert evaluate_file(shards, tmp_path / "labels.npy") == evaluate(logits, labels)


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_shards_may_be_arrays_of_one_file(tmp_path, rng, suffix):
    logits, labels = draw(rng)
    parts = {"a": logits[:30], "c": np.ones((50, 10), np.float32), "b": logits[30:]}
    path = tmp_path / f"parts.{suffix}"
    np.savez(path, **parts) if suffix == "npz" else write_safetensors(path, **parts)
    np.save(tmp_path / "labels.npy", labels)
    shards = [f"{path}::a", f"{path}::b"]
    assert evaluate_file(shards, tmp_path / "labels.npy") == evaluate(logits, labels)


def test_colons_in_the_name_of_a_file_are_no_member(tmp_path, rng):
    logits, labels = draw(rng)
    np.save(tmp_path / "a::logits.npy", logits)
    np.savez(tmp_path / "b::c.npz", logits=logits, labels=labels)
    evaluation = evaluate_file(tmp_path / "a::logits.npy", f"{tmp_path}/b::c.npz::labels")
    assert evaluation == evaluate(logits, labels)
