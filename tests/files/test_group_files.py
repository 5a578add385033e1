"""Groups and classes of files: the objects of evaluate on the whole arrays."""

import os

import numpy as np
import pytest

from assertions import error_text
from smoothxent import compare, compare_files, evaluate, evaluate_file

INTEGERS = np.array([3, -1, 2**40, 7])
NAMES = np.array(["b", "", "a longer id", "漢字"])


def save(path, array):
    np.save(path, array)
    return path


@pytest.fixture
def rows(rng, tmp_path):
    """Save 100 rows; return the arrays, the paths, and a group's index for each row."""
    logits = rng.normal(0, 4, (100, 10)).astype(np.float32)
    labels = rng.integers(0, 10, 100)
    paths = save(tmp_path / "logits.npy", logits), save(tmp_path / "labels.npy", labels)
    return (logits, labels), paths, rng.integers(0, 4, 100)


def write_npy(folder, ids):
    return save(folder / "ids.npy", ids)


def write_npz(folder, ids):
    np.savez(folder / "ids.npz", other=np.zeros(3), ids=ids)
    return f"{folder / 'ids.npz'}::ids"


def write_compressed(folder, ids):
    np.savez_compressed(folder / "ids.npz", ids=ids)
    return folder / "ids.npz"


def write_text(folder, ids):
    (folder / "ids.txt").write_text("".join(f"{each}\n" for each in ids), encoding="utf-8")
    return str(folder / "ids.txt")


def write_safetensors(folder, ids):
    safetensors = pytest.importorskip("safetensors.numpy")
    safetensors.save_file({"ids": ids}, folder / "ids.safetensors")
    return folder / "ids.safetensors"


def write_shards(folder, ids):
    for number, part in enumerate(np.split(ids, [1, 40, 40, 97])):
        np.save(folder / f"ids-{number}.npy", part)
    return folder / "ids-*.npy"


def write_text_shards(folder, ids):
    parts = np.split(ids, [30, 31])
    for number, part in enumerate(parts):
        text = "".join(f"{each}\n" for each in part)
        (folder / f"ids-{number}.txt").write_text(text, encoding="utf-8")
    return [folder / f"ids-{number}.txt" for number in range(len(parts))]


WRITERS = [write_npy, write_npz, write_compressed, write_text, write_safetensors]
WRITERS += [write_shards, write_text_shards]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("ids", [INTEGERS, NAMES], ids=["integers", "names"])
@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_groups_of_every_format_are_those_of_the_array(rows, tmp_path, write, ids):
    arrays, paths, index = rows
    groups = ids[index]
    if write is write_safetensors and ids is NAMES:
        pytest.skip("the format has no strings")
    file = write(tmp_path, groups)
    expected = evaluate(*arrays, groups=groups)
    for num_threads in (1, 4):
        assert evaluate_file(*paths, groups=file, num_threads=num_threads) == expected
    assert evaluate_file(*paths, groups=groups) == expected


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("dtype", ["i1", "<i2", ">i4", ">i8", "u1", ">u8", "<U3", ">U3"])
def test_ids_of_every_dtype(rows, tmp_path, dtype):
    arrays, paths, index = rows
    groups = index.astype(dtype)
    file = save(tmp_path / "ids.npy", groups)
    assert evaluate_file(*paths, groups=file) == evaluate(*arrays, groups=groups)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("num_groups", [1, 16, 17, 100])
@pytest.mark.parametrize("per_class", [False, True])
def test_chunks_cut_groups_anywhere(rows, num_groups, per_class):
    (logits, labels), paths, _ = rows
    for groups in (np.arange(100) * num_groups // 100, np.arange(100) % num_groups):
        for ignored in (None, 3):
            options = {"groups": groups, "per_class": per_class, "ignore_index": ignored}
            expected = evaluate(logits, labels, **options)
            assert evaluate_file(*paths, **options) == expected


@pytest.mark.usefixtures("small_chunks")
def test_rows_of_a_chunk_may_all_be_ignored(tmp_path, rng):
    # The end of the second document is padding, in chunks of its own.
    logits = rng.normal(size=(100, 10)).astype(np.float32)
    labels = rng.integers(0, 10, 100)
    labels[30:] = -100
    paths = save(tmp_path / "logits.npy", logits), save(tmp_path / "labels.npy", labels)
    groups = np.repeat([5, 7, 9], [20, 50, 30])
    options = {"groups": groups, "ignore_index": -100}
    evaluation = evaluate_file(*paths, **options)
    assert evaluation == evaluate(logits, labels, **options)
    assert evaluation.groups.ids.tolist() == [5, 7]
    assert evaluation.groups.count.tolist() == [20, 10]


@pytest.mark.usefixtures("small_chunks")
def test_classes_of_files_are_those_of_the_arrays(rows, rng):
    arrays, paths, _ = rows
    s = rng.uniform(0, 2, 100)
    for options in ({}, {"sample_weight": s}, {"ignore_index": 2, "softcap": 5}):
        expected = evaluate(*arrays, per_class=True, **options)
        assert evaluate_file(*paths, per_class=True, **options) == expected


def test_files_of_no_rows_have_no_groups(tmp_path):
    paths = (
        save(tmp_path / "logits.npy", np.zeros((0, 4), np.float32)),
        save(tmp_path / "labels.npy", np.zeros(0, int)),
    )
    (tmp_path / "ids.txt").write_text("")
    for groups in (np.zeros(0, int), tmp_path / "ids.txt"):
        evaluation = evaluate_file(*paths, groups=groups, per_class=True)
        assert (evaluation.count, len(evaluation.groups), len(evaluation.classes)) == (0, 0, 4)


def test_groups_of_several_axes_have_the_shape_of_labels(tmp_path, rng):
    logits, labels = rng.normal(size=(20, 5, 3)), rng.integers(0, 3, (20, 5))
    groups = rng.integers(0, 4, (20, 5))
    paths = save(tmp_path / "logits.npy", logits), save(tmp_path / "labels.npy", labels)
    expected = evaluate(logits, labels, groups=groups)
    assert evaluate_file(*paths, groups=save(tmp_path / "ids.npy", groups)) == expected
    assert evaluate_file(*paths, groups=write_text(tmp_path, groups.ravel())) == expected
    flat = save(tmp_path / "flat.npy", groups.ravel())
    assert error_text(ValueError, evaluate_file, *paths, groups=flat) == (
        f"groups file {flat} must have shape (20, 5), an id for each row of "
        f"logits file {paths[0]}, got (100,); save groups.reshape((20, 5))"
    )


@pytest.mark.usefixtures("small_chunks")
def test_progress_has_the_evaluation_of_the_rows_so_far(rows):
    (logits, labels), paths, index = rows
    seen = []
    evaluate_file(*paths, groups=index, per_class=True, progress=lambda *what: seen.append(what))
    assert seen == [
        (end, 100, evaluate(logits[:end], labels[:end], groups=index[:end], per_class=True))
        for end in (17, 34, 51, 68, 85, 100)
    ]


THREE = np.array([[0.0, 1, 3]] * 4, np.float32)


@pytest.mark.parametrize(
    "text, ids",
    [
        ("1\n-2\n0\n9223372036854775807\n", [-2, 0, 1, 2**63 - 1]),
        ("1\r\n2\r\n3\r\n4\r\n", [1, 2, 3, 4]),
        ("1\n2\n3\n4", [1, 2, 3, 4]),
        ("a\n\n\n\n", ["", "a"]),
        ("\ufeff1\n2\n3\n4\n", [1, 2, 3, 4]),
        # Not all are integers as str writes them: all stay as they are written.
        ("1\n01\n001\n2\n", ["001", "01", "1", "2"]),
        ("10\n1_0\n+10\n-0\n", ["+10", "-0", "10", "1_0"]),
        ("1\n٣\n3\n4\n", ["1", "3", "4", "٣"]),
        ("9223372036854775808\n1\n2\n3\n", ["1", "2", "3", "9223372036854775808"]),
        ("1\n 1\n1 \n2 \n", [" 1", "1", "1 ", "2 "]),
        ("a\n\nb\na\n", ["", "a", "b"]),
        ("a\x0bb\na\x0cb\na\x85b\na\u2028b\n", ["a\x0bb", "a\x0cb", "a\x85b", "a\u2028b"]),
    ],
)
def test_lines_are_ids_as_they_are_written(tmp_path, text, ids):
    paths = save(tmp_path / "logits.npy", THREE), save(tmp_path / "labels.npy", np.arange(4) % 3)
    file = tmp_path / "ids.txt"
    file.write_bytes(text.encode())
    assert evaluate_file(*paths, groups=file).groups.ids.tolist() == ids


def fails(tmp_path, error, file):
    """Return the error's text for a file of groups, with the folder left out."""
    paths = save(tmp_path / "logits.npy", THREE), save(tmp_path / "labels.npy", np.arange(4) % 3)
    text = error_text(error, evaluate_file, *paths, groups=file)
    return text.replace(f"{tmp_path}{os.sep}", "")


KINDS = "be integers or strings, got"
PICKLES = "hold integers or strings, got pickled objects,"
WITH_BYTES = np.array([b"a"] * 4)
PICKLED = np.array(["a", "b", "c", None], object)
SHAPE = "have shape (4,), an id for each row of logits file logits.npy, got (3,); name all shards"
NOT_TEXT = "be UTF-8 text, got"
LINES = "have 4 lines, one for each row of logits file logits.npy, got"


@pytest.mark.fault("file-entries")
@pytest.mark.parametrize(
    "content, error, rule",
    [
        (np.zeros(4), TypeError, f"{KINDS} float64; convert with groups.astype(np.int64)"),
        (WITH_BYTES, TypeError, f"{KINDS} |S1; decode them with np.char.decode(groups)"),
        (np.arange(3), ValueError, f"{SHAPE} of both"),
        (PICKLED, ValueError, f"{PICKLES} which are never loaded; save ids.astype(str)"),
    ],
)
def test_arrays_of_other_ids_are_an_error(tmp_path, content, error, rule):
    file = save(tmp_path / "ids.npy", content)
    assert fails(tmp_path, error, file) == f"groups file ids.npy must {rule}"


@pytest.mark.fault("file-entries")
def test_integer_beyond_64_bits_is_an_error(tmp_path):
    file = save(tmp_path / "ids.npy", np.array([0, 2**63, 1, 2], np.uint64))
    text = f"groups must lie in [-2**63, 2**63), got {2**63}"
    assert fails(tmp_path, ValueError, file) == text


@pytest.mark.fault("names-and-text")
@pytest.mark.parametrize(
    "content, rule",
    [
        (b"a\nb\nc\n", f"{LINES} 3"),
        (b"a\nb\n\xff\nd\n", f"{NOT_TEXT} other bytes; save it as UTF-8"),
        ("a\nb\n".encode("utf-16-le"), f"{NOT_TEXT} zero bytes, as in UTF-16; save it as UTF-8"),
    ],
)
def test_texts_of_other_ids_are_an_error(tmp_path, content, rule):
    (tmp_path / "ids.txt").write_bytes(content)
    assert fails(tmp_path, ValueError, tmp_path / "ids.txt") == f"groups file ids.txt must {rule}"


def test_texts_with_too_many_lines_are_named(tmp_path):
    for number in range(3):
        (tmp_path / f"ids-{number}.txt").write_text("1\n2\n")
    text = f"groups file ids-0.txt to ids-2.txt must {LINES} 6"
    assert fails(tmp_path, ValueError, tmp_path / "ids-*.txt") == text


def test_text_has_no_member(tmp_path):
    (tmp_path / "ids.txt").write_text("1\n2\n3\n4\n")
    assert fails(tmp_path, ValueError, f"{tmp_path / 'ids.txt'}::x") == (
        "groups file ids.txt::x must be a file with members, got .txt; leave out ::x"
    )


@pytest.mark.parametrize("kind", [list, tuple])
def test_list_of_str_holds_ids_but_not_paths(rows, tmp_path, kind):
    arrays, paths, index = rows
    names = kind(NAMES[index].tolist())
    expected = evaluate(*arrays, groups=names)
    assert evaluate_file(*paths, groups=names) == expected
    both = compare_files(paths[0], *paths, groups=names)
    assert both == compare(arrays[0], *arrays, groups=names)
    assert fails(tmp_path, ValueError, kind(["ids-0.npy", "ids-1.npy"])) == (
        "groups must have shape (4,), got (2,); pass Path objects if these are files"
    )


def test_array_of_another_shape_is_an_error(tmp_path):
    assert fails(tmp_path, ValueError, np.arange(3)) == "groups must have shape (4,), got (3,)"


def test_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "ids.txt")
    assert fails(tmp_path, ValueError, tmp_path / "ids.txt") == (
        "groups file ids.txt must be a regular file, got a pipe or device; save it first"
    )


@pytest.mark.fault("file-entries")
@pytest.mark.parametrize("first", [0, 1])
def test_shards_of_both_kinds_are_an_error(tmp_path, first):
    parts = np.arange(2), np.array(["a", "b"])
    files = [save(tmp_path / f"ids-{n}.npy", parts[first - n]) for n in range(2)]
    assert fails(tmp_path, ValueError, files) == (
        "groups file ids-0.npy to ids-1.npy must be all integers or all strings, got some of each"
    )


@pytest.mark.parametrize("dtypes", [("<U1", "<U9"), (">i4", "i8")])
def test_shards_may_have_different_dtypes_of_one_kind(tmp_path, rng, dtypes):
    logits, labels = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    groups = np.arange(40) % 7
    paths = [tmp_path / f"{name}.npy" for name in ("logits", "labels", "ids-0", "ids-1")]
    parts = (groups[:9].astype(dtypes[0]), groups[9:].astype(dtypes[1]))
    for path, array in zip(paths, (logits, labels, *parts), strict=True):
        np.save(path, array)
    expected = evaluate(logits, labels, groups=groups.astype(parts[1].dtype))
    assert evaluate_file(*paths[:2], groups=paths[2:]) == expected
