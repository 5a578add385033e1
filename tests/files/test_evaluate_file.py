"""evaluate_file: the bits of evaluate on the whole arrays, for any files and shards."""

import threading
from itertools import product

import ml_dtypes
import numpy as np
import pytest

from assertions import error_text
from metric_checks import draw
from smoothxent import compare_files, evaluate, evaluate_file, fit_temperature_file
from smoothxent._evaluation import settings


def save(path, array):
    np.save(path, array)
    return path


def save_shards(folder, name, array, cuts):
    """Save the parts of an array between the cuts; return their paths."""
    parts = np.split(array, cuts)
    return [save(folder / f"{name}{i}.npy", part) for i, part in enumerate(parts)]


def save_both(folder, logits, labels):
    return save(folder / "logits.npy", logits), save(folder / "labels.npy", labels)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("num_threads", [1, 5])
@pytest.mark.parametrize("num_rows", [1, 17, 18, 1000])
def test_file_in_chunks_has_the_bits_of_the_array(tmp_path, rng, num_rows, num_threads):
    logits, labels = draw(rng, num_rows)
    assert evaluate_file(*save_both(tmp_path, logits, labels), num_threads=num_threads) == evaluate(
        logits, labels
    )


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("num_classes", [1, 2, 174, 175, 176, 5000])
def test_rows_below_at_and_above_the_size_of_a_chunk(tmp_path, rng, num_classes):
    logits, labels = draw(rng, 30, num_classes)
    assert evaluate_file(*save_both(tmp_path, logits, labels)) == evaluate(logits, labels)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "dtype, labels_dtype",
    [*product(["f2", "f8"], ["i8"]), *product(["f4"], ["i1", "i2", "i4", "u1", "u2", "u4", "u8"])],
)
def test_every_dtype_in_either_byte_order(tmp_path, rng, dtype, labels_dtype, order):
    logits, labels = draw(rng, 40, 7, order + dtype)
    labels = labels.astype(order + labels_dtype)
    assert evaluate_file(*save_both(tmp_path, logits, labels)) == evaluate(logits, labels)


@pytest.mark.parametrize("as_words", [False, True])
def test_bfloat16_is_taken_from_words_of_two_bytes(tmp_path, rng, as_words):
    logits, labels = draw(rng, 40, 7, ml_dtypes.bfloat16)
    stored = logits.view(np.uint16) if as_words else logits
    paths = save_both(tmp_path, stored, labels)
    assert evaluate_file(*paths, dtype="bfloat16") == evaluate(logits, labels)


def test_dtype_may_be_that_of_the_file(tmp_path, rng):
    logits, labels = draw(rng)
    paths = save_both(tmp_path, logits, labels)
    for dtype in ("float32", np.float32, np.dtype(np.float32)):
        assert evaluate_file(*paths, dtype=dtype) == evaluate(logits, labels)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    "cuts_of_logits, cuts_of_labels",
    [([50], []), ([], [3]), ([0, 1, 1, 99], [17, 34, 100]), (list(range(1, 100)), [3])],
)
def test_shards_cut_anywhere_are_one_array(tmp_path, rng, cuts_of_logits, cuts_of_labels):
    logits, labels = draw(rng)
    assert evaluate_file(
        save_shards(tmp_path, "logits", logits, cuts_of_logits),
        save_shards(tmp_path, "labels", labels, cuts_of_labels),
    ) == evaluate(logits, labels)


@pytest.mark.usefixtures("small_chunks")
def test_all_options_are_those_of_evaluate(tmp_path, rng):
    logits, labels = draw(rng, 100, 10)
    logits = logits.reshape(20, 5, 10)
    labels = labels.reshape(20, 5)
    prior = rng.uniform(0, 1, 10)
    options = {
        "softcap": 20.0,
        "temperature": 0.75,
        "z_loss": 0.01,
        "label_smoothing": 0.1,
        "prior": prior / prior.sum(),
        "class_weight": rng.uniform(0, 2, 10),
        "sample_weight": rng.uniform(0, 2, (20, 5)),
        "ignore_index": 3,
        "num_bins": 7,
    }
    expected = evaluate(logits, labels, top_k=(1, 2, 3), **options)
    paths = save_both(tmp_path, logits, labels)
    assert evaluate_file(*paths, top_k=iter((1, 2, 3)), **options) == expected


def test_checksums_are_made_once_for_all_chunks(tmp_path, rng, monkeypatch, small_chunks):
    made = []

    def checksum(numbers, of=settings.checksum):
        made.append(numbers)
        return of(numbers)

    logits, labels = draw(rng, 100, 10)
    options = {"prior": np.full(10, 0.1), "class_weight": np.ones(10)}
    expected = evaluate(logits, labels, **options)
    monkeypatch.setattr("smoothxent._evaluation.settings.checksum", checksum)
    assert evaluate_file(*save_both(tmp_path, logits, labels), **options) == expected
    assert len(made) == 2


def test_files_of_no_rows_are_no_rows(tmp_path):
    paths = save_both(tmp_path, np.zeros((0, 4), np.float32), np.zeros(0, int))
    expected = evaluate(np.zeros((0, 4), np.float32), [], num_bins=3)
    assert evaluate_file(*paths, num_bins=3) == expected
    assert expected.count == 0


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(tmp_path, rng, version):
    logits, labels = draw(rng)
    path = tmp_path / "logits.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, logits, version=version)
    assert evaluate_file(path, save(tmp_path / "labels.npy", labels)) == evaluate(logits, labels)


def test_name_of_a_file_needs_no_suffix(tmp_path, rng):
    logits, labels = draw(rng)
    paths = save_both(tmp_path, logits, labels)
    renamed = [path.rename(path.with_suffix(".array")) for path in paths]
    assert evaluate_file(*map(str, renamed)) == evaluate(logits, labels)


@pytest.mark.usefixtures("small_chunks")
def test_progress_is_told_of_every_chunk_in_order_in_the_thread_of_the_caller(tmp_path, rng):
    logits, labels = draw(rng)
    told = []

    def progress(*what):
        told.append((*what, threading.get_ident()))

    evaluate_file(*save_both(tmp_path, logits, labels), progress=progress)
    ends = [17, 34, 51, 68, 85, 100]
    here = threading.get_ident()
    assert told == [(end, 100, evaluate(logits[:end], labels[:end]), here) for end in ends]


@pytest.mark.fault("file-entries")
@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("row", [0, 16, 17, 60, 99])
def test_lowest_label_out_of_range_is_named_with_its_file(tmp_path, rng, row):
    logits, labels = draw(rng)
    labels[row:] = 11
    logits_path, _ = save_both(tmp_path, logits, labels)
    first, second = save_shards(tmp_path, "labels", labels, [50])
    for num_threads in (1, 4):
        message = error_text(
            IndexError, evaluate_file, logits_path, [first, second], num_threads=num_threads
        )
        file, own = (first, row) if row < 50 else (second, row - 50)
        assert message == (
            f"labels in {file} must lie in [0, 10), got labels[{row}] = 11, row {own} of it"
        )


def test_label_of_several_axes_is_named_by_its_place(tmp_path):
    labels = np.full((4, 6), 7)
    labels[2, 5] = -1
    paths = save_both(tmp_path, np.zeros((4, 6, 3), np.float16), labels)
    assert error_text(IndexError, evaluate_file, *paths, ignore_index=7) == (
        f"labels in {paths[1]} must lie in [0, 3), got labels[2, 5] = -1; "
        "pass ignore_index=-1 to leave such rows out"
    )


@pytest.mark.fault("file-entries")
@pytest.mark.usefixtures("small_chunks")
def test_remedy_says_where_labels_seem_to_count_from_one(tmp_path, rng):
    logits, labels = draw(rng)
    labels[50:] = 8
    labels += 1
    labels[[3, 77]] = 10, -100
    paths = save_both(tmp_path, logits, labels)
    text = f"labels in {paths[1]} must lie in [0, 10), got labels[{{}}] = 10"
    remedy = "; none is 0: if they count from 1, subtract 1 from each"
    first = int(labels.tolist().index(10))
    assert error_text(IndexError, evaluate_file, *paths, ignore_index=-100) == (
        text.format(first) + remedy
    )
    for other in (0, 11, -1):
        labels[99] = other
        save_both(tmp_path, logits, labels)
        assert error_text(IndexError, evaluate_file, *paths, ignore_index=-100) == text.format(
            first
        )


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("given", [list, lambda y: np.repeat(y, 2).astype(">i2")[::2]])
def test_labels_may_be_an_array(tmp_path, rng, given):
    logits, labels = draw(rng)
    labels[[4, 70]] = 9
    path, file = save_both(tmp_path, logits, labels)
    for function in (evaluate_file, fit_temperature_file):
        assert function(path, given(labels)) == function(path, file)
    assert compare_files(path, path, given(labels)) == compare_files(path, path, file)
    for function, paths in ((evaluate_file, [path]), (compare_files, [path, path])):
        labels[[70, 71]] = 10
        assert error_text(IndexError, function, *paths, given(labels)) == (
            "labels must lie in [0, 10), got labels[70] = 10"
        )
        assert error_text(ValueError, function, *paths, given(labels[1:])) == (
            "labels must have shape (100,), got (99,)"
        )


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.bool_])
def test_weights_may_be_in_files(tmp_path, rng, dtype):
    logits, labels = draw(rng)
    weights = rng.uniform(0, 3, 100).astype(dtype)
    paths = save_both(tmp_path, logits, labels)
    expected = evaluate(logits, labels, sample_weight=weights)
    shards = save_shards(tmp_path, "weights", weights, [1, 60])
    assert evaluate_file(*paths, sample_weight=shards) == expected
    whole = save(tmp_path / "weights.npy", weights)
    for path in (whole, str(whole)):
        assert evaluate_file(*paths, sample_weight=path) == expected
    assert evaluate_file(*paths, sample_weight=weights.tolist()) == expected


@pytest.mark.fault("file-entries")
@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_first_weight_that_will_not_do_is_named_with_its_file(tmp_path, rng, bad):
    paths = save_both(tmp_path, *draw(rng))
    weights = np.ones(100)
    weights[[70, 71]] = bad
    first, second = save_shards(tmp_path, "weights", weights, [50])
    assert error_text(ValueError, evaluate_file, *paths, sample_weight=[first, second]) == (
        f"sample_weight in {second} must be finite and not negative, "
        f"got sample_weight[70] = {bad}, row 20 of it"
    )


def test_weights_of_another_kind_or_length_are_errors(tmp_path, rng):
    paths = save_both(tmp_path, *draw(rng))
    weights = save(tmp_path / "weights.npy", np.ones(99))
    assert error_text(ValueError, evaluate_file, *paths, sample_weight=weights) == (
        f"sample_weight file {weights} must have shape (100,), a number for each row of "
        f"logits file {paths[0]}, got (99,); name all shards of both"
    )
    save(weights, np.ones(100, complex))
    assert error_text(TypeError, evaluate_file, *paths, sample_weight=weights) == (
        f"sample_weight file {weights} must be real numbers, got complex128"
    )


@pytest.mark.fault("file-interrupt")
@pytest.mark.usefixtures("small_chunks")
def test_error_in_progress_is_the_callers_and_leaves_no_thread(tmp_path, rng):
    before = threading.active_count()

    def progress(done, num_rows, evaluation):
        raise RuntimeError(f"{done} of {num_rows}")

    paths = save_both(tmp_path, *draw(rng))
    assert error_text(RuntimeError, evaluate_file, *paths, progress=progress) == "17 of 100"
    assert threading.active_count() == before
