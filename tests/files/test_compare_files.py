"""compare_files: the bits of compare on the whole arrays, and errors that name the file."""

import threading

import ml_dtypes
import numpy as np
import pytest

from assertions import error_text
from peaks import peak_of
from smoothxent import compare, compare_files
from smoothxent._comparison import pairs
from smoothxent._files import chunks


@pytest.fixture
def arrays(rng):
    """Logits of two classifiers, and labels."""
    a = rng.normal(0, 3, (100, 9)).astype(np.float32)
    b = a + rng.normal(0, 0.5, a.shape).astype(np.float32)
    return a, b, rng.integers(0, 9, 100)


def saved(folder, *arrays):
    """Save the arrays; return the paths of the files."""
    paths = [folder / name for name in ("a.npy", "b.npy", "labels.npy")]
    for path, array in zip(paths, arrays, strict=True):
        np.save(path, array)
    return paths


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("num_threads", [1, 3, None])
def test_files_in_chunks_have_the_bits_of_the_arrays(tmp_path, arrays, num_threads):
    found = compare_files(*saved(tmp_path, *arrays), num_threads=num_threads)
    assert found == compare(*arrays)


@pytest.mark.usefixtures("small_chunks")
def test_options_are_those_of_compare(tmp_path, arrays):
    options = {"label_smoothing": 0.1, "ignore_index": 4, "top_k": [2, 3], "num_bins": 5}
    found = compare_files(*saved(tmp_path, *arrays), **options)
    assert found == compare(*arrays, **options)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("num_threads", [1, 3])
def test_weights_are_those_of_compare_from_a_file_or_an_array(tmp_path, arrays, rng, num_threads):
    weights = rng.exponential(size=100) * (rng.random(100) < 0.9)
    expected = compare(*arrays, sample_weight=weights, names=("x", "y"))
    paths = saved(tmp_path, *arrays)
    np.save(tmp_path / "weights-1.npy", weights[:7])
    np.save(tmp_path / "weights-2.npy", weights[7:])
    for given in (weights, weights.tolist(), tmp_path / "weights-*.npy"):
        options = {"sample_weight": given, "names": ["x", "y"], "num_threads": num_threads}
        assert compare_files(*paths, **options) == expected


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("named", [False, True])
def test_groups_are_those_of_compare_from_files_or_an_array(tmp_path, arrays, num_threads, named):
    ids = np.arange(100) * 7 % 30
    if named:
        ids = np.array([f"document {each}" for each in ids])
    options = {"ignore_index": 4, "sample_weight": np.arange(100) % 9, "num_threads": num_threads}
    expected = compare(*arrays, groups=ids, **options)
    paths = saved(tmp_path, *arrays)
    np.save(tmp_path / "ids-1.npy", ids[:13])
    np.save(tmp_path / "ids-2.npy", ids[13:])
    (tmp_path / "ids.txt").write_text("".join(f"{each}\n" for each in ids))
    for given in (ids, tmp_path / "ids-*.npy", tmp_path / "ids.txt"):
        assert compare_files(*paths, groups=given, **options) == expected
    nothing = saved(tmp_path, *(array[:0] for array in arrays))
    assert len(compare_files(*nothing, groups=ids[:0]).groups.ids) == 0


def test_groups_of_no_use_are_named_with_their_file(tmp_path, arrays):
    paths, path = saved(tmp_path, *arrays), tmp_path / "ids.npy"
    np.save(path, np.arange(99))
    assert error_text(ValueError, compare_files, *paths, groups=path) == (
        f"groups file {path} must have shape (100,), an id for each row of logits file "
        f"{paths[0]}, got (99,); name all shards of both"
    )
    assert error_text(ValueError, compare_files, *paths, groups=np.arange(99)) == (
        "groups must have shape (100,), got (99,)"
    )


@pytest.mark.usefixtures("small_chunks")
def test_weights_of_no_use_are_named_with_their_file(tmp_path, arrays):
    weights = np.ones(100)
    weights[57] = -1
    paths, path = saved(tmp_path, *arrays), tmp_path / "weights.npy"
    np.save(path, weights)
    assert error_text(ValueError, compare_files, *paths, sample_weight=path) == (
        f"sample_weight in {path} must be finite and not negative, got sample_weight[57] = -1.0"
    )


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
@pytest.mark.parametrize("swapped", [False, True])
def test_words_of_two_bytes_stand_beside_logits_of_another_dtype(tmp_path, arrays, name, swapped):
    a, b, labels = arrays
    half = b.astype(ml_dtypes.bfloat16 if name == "bfloat16" else np.float16)
    both, words = (a, half), (a, half.view(np.uint16))
    if swapped:
        both, words = both[::-1], words[::-1]
    paths = saved(tmp_path, *words, labels)
    assert compare_files(*paths, dtype=name) == compare(*both, labels)


def test_files_of_no_rows_are_no_rows(tmp_path, arrays):
    nothing = [array[:0] for array in arrays]
    assert str(compare_files(*saved(tmp_path, *nothing))) == "Comparison of A and B on 0 rows"


@pytest.mark.usefixtures("small_chunks")
def test_progress_is_told_of_every_chunk_in_order_in_the_thread_of_the_caller(tmp_path, arrays):
    told = []
    whole = compare_files(
        *saved(tmp_path, *arrays), progress=lambda *news: told.append((threading.get_ident(), news))
    )
    rows = 700 // (9 * 4)
    assert {thread for thread, _ in told} == {threading.get_ident()}
    assert [news[0] for _, news in told] == [*range(rows, 100, rows), 100]
    for _, (num_done, num_rows, of_a, of_b) in told:
        assert (of_a.count, of_b.count, num_rows) == (num_done, num_done, 100)
    assert told[-1][1][2:] == (whole.a, whole.b)


@pytest.mark.slow
@pytest.mark.thread_unsafe(reason="tracemalloc counts what every thread holds")
def test_memory_is_that_of_some_chunks_however_many_rows_there_are(tmp_path, rng, monkeypatch):
    monkeypatch.setattr("smoothxent._files.chunks.CHUNK_BYTES", 1 << 20)
    rows = rng.normal(size=(1000, 64)).astype(np.float32)
    peaks = []
    for times in (50, 200):  # the same rows, so that the same counts are kept for quantiles
        a = np.tile(rows, (times, 1))
        paths = saved(tmp_path, a, np.tile(rows[::-1], (times, 1)), np.arange(len(a)) % 64 % 10)
        peaks.append(peak_of(lambda paths=paths: compare_files(*paths, num_threads=1))[1])
    assert peaks[1] < 1.1 * peaks[0]
    of_chunks = 2 * 2 * chunks.CHUNK_BYTES  # of a and of b, one read while one is compared
    assert peaks[0] < of_chunks + 6 * 8 * pairs.BLOCK + 200 * pairs.PART


@pytest.mark.fault("compared-logits")
def test_logits_of_unequal_shapes_are_errors(tmp_path, arrays):
    a, b, labels = arrays
    for other in (b[:99], b[:, :8]):
        paths = saved(tmp_path, a, other, labels)
        assert error_text(ValueError, compare_files, *paths) == (
            f"logits file {paths[1]} must have the shape of logits file {paths[0]}, (100, 9), "
            f"got {other.shape}"
        )


def test_logits_of_another_dtype_are_errors(tmp_path, arrays):
    a, b, labels = arrays
    paths = saved(tmp_path, a, b.astype(np.int32), labels)
    for dtype in (None, "bfloat16"):
        found = error_text(TypeError, compare_files, *paths, dtype=dtype)
        assert found.startswith(f"logits file {paths[1]} must be float32, float64, float16 or ")


def test_dtype_that_is_not_that_of_the_files_is_an_error(tmp_path, arrays):
    paths = saved(tmp_path, *arrays)
    found = error_text(TypeError, compare_files, *paths, dtype="bfloat16")
    assert found == (
        f"dtype must be float32, that of the logits file {paths[1]}, got bfloat16; leave it out"
    )


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("row", [0, 57, 99])
def test_lowest_label_out_of_range_is_named_with_its_file(tmp_path, arrays, row):
    arrays[2][row:] = 10
    paths = saved(tmp_path, *arrays)
    found = error_text(IndexError, compare_files, *paths)
    assert found == f"labels in {paths[2]} must lie in [0, 9), got labels[{row}] = 10"


@pytest.mark.parametrize("options", [{"label_smoothing": 2}, {"num_threads": 0}, {"top_k": 3}])
def test_options_are_errors_as_by_compare(tmp_path, arrays, options):
    with pytest.raises((TypeError, ValueError)) as caught:
        compare(*arrays, **options)
    text = error_text(caught.type, compare_files, *saved(tmp_path, *arrays), **options)
    assert text == str(caught.value)
