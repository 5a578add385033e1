"""Shards of an array: patterns sort them by number; lists in alphabetical order give a warning."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from assertions import error_text
from smoothxent import compare, compare_files, evaluate, evaluate_file

NUM_SHARDS = 12


@pytest.fixture
def arrays(rng, tmp_path, monkeypatch):
    """Save logits and labels to the current folder, as single files and as 12 shards each."""
    monkeypatch.chdir(tmp_path)
    logits, labels = rng.normal(0, 3, (120, 7)), rng.integers(0, 7, 120)
    for name, array in (("logits", logits), ("labels", labels)):
        np.save(f"{name}.npy", array)
        for number, part in enumerate(np.split(array, NUM_SHARDS)):
            np.save(f"{name}-{number}.npy", part)
    return logits, labels


def named(*numbers):
    return [f"logits-{number}.npy" for number in numbers]


@pytest.mark.parametrize("kind", [str, Path])
def test_pattern_takes_shards_by_the_numbers_in_their_names(arrays, tmp_path, kind):
    for logits in (kind("logits-*.npy"), kind(tmp_path / "logits-[0-9]*.npy")):
        assert evaluate_file(logits, kind("labels-*.npy")) == evaluate(*arrays)


def test_pattern_of_weights_takes_shards_by_number(arrays, rng):
    weights = rng.uniform(0, 2, 120)
    for number, part in enumerate(np.split(weights, NUM_SHARDS)):
        np.save(f"weights-{number}.npy", part)
    found = evaluate_file("logits.npy", "labels.npy", sample_weight="weights-*.npy")
    assert found == evaluate(*arrays, sample_weight=weights)


def test_patterns_are_compared_by_number(arrays):
    logits, labels = arrays
    np.save("b.npy", logits[::-1])
    found = compare_files("logits-*.npy", "b.npy", "labels-*.npy")
    assert found == compare(logits, logits[::-1], labels)


def test_patterns_may_stand_in_a_list(arrays):
    logits, labels = arrays
    shards = ["logits-?.npy", "logits-1[0-9].npy"]
    assert evaluate_file(shards, ["labels-*.npy"]) == evaluate(logits, labels)
    other = [shards[1], shards[0]]
    assert evaluate_file(other, "labels-*.npy") == evaluate(np.roll(logits, 20, axis=0), labels)


def test_two_stars_take_files_of_any_depth(arrays):
    for name in ("logits", "labels"):
        for number in range(NUM_SHARDS):
            folder = Path("deep", *"ab"[: number // 10 + 1])
            folder.mkdir(parents=True, exist_ok=True)
            Path(f"{name}-{number}.npy").rename(folder / f"{name}-{number}.npy")
    found = evaluate_file("deep/**/logits-*.npy", "deep/**/labels-*.npy")
    assert found.count == 120
    assert found == evaluate(*arrays)


A_PATH = "logits must be a path or a sequence of paths, got"


@pytest.mark.fault("shards")
@pytest.mark.parametrize(
    "logits, error, found",
    [
        ("", ValueError, "logits must be paths, got ''"),
        (["logits.npy", ""], ValueError, "logits must be paths, got ''"),
        (b"logits.npy", TypeError, f"{A_PATH} bytes; decode it with os.fsdecode"),
        ([b"logits.npy"], TypeError, "logits must be paths, got b'logits.npy'"),
        ([], ValueError, "logits must be at least one path, got none"),
        (np.zeros((4, 3)), TypeError, f"{A_PATH} ndarray; evaluate takes arrays"),
        ([[1.0, 2.0]], TypeError, "logits must be paths, got [1.0, 2.0]"),
    ],
)
def test_what_is_no_path_is_an_error_that_names_the_argument(arrays, logits, error, found):
    assert error_text(error, evaluate_file, logits, "labels.npy") == found


def test_member_stays_behind_each_path_of_a_pattern(arrays):
    logits, labels = arrays
    for number, part in ((10, slice(50, None)), (2, slice(50))):
        np.savez(f"part-{number}.npz", x=logits[part], y=labels[part])
    assert evaluate_file("part-*.npz::x", "part-*.npz::y") == evaluate(logits, labels)


def test_file_whose_name_looks_like_a_pattern_is_that_file(arrays):
    Path("logits.npy").rename("logits[1].npy")
    np.savez("both[1].npz", x=arrays[0])
    for logits in ("logits[1].npy", "both[1].npz::x"):
        assert evaluate_file(logits, "labels.npy") == evaluate(*arrays)


@pytest.mark.fault("shards")
@pytest.mark.parametrize("pattern", ["none-*.npy", "none-[0-9].npz::x"])
def test_pattern_that_matches_no_file_is_named(arrays, pattern):
    assert error_text(FileNotFoundError, evaluate_file, pattern, "labels.npy") == (
        f"[Errno 2] No file matches: '{pattern}'"
    )


@pytest.mark.fault("shards")
@pytest.mark.parametrize(
    "shards",
    [sorted(named(*range(NUM_SHARDS))), [*named(0, 1), "logits-1[01].npy", *named(*range(2, 10))]],
    ids=["files", "with a pattern"],
)
def test_list_in_the_order_of_text_is_warned_of(arrays, shards):
    text = (
        "logits must be in the order of their rows, got logits-11.npy before logits-2.npy; "
        "a pattern instead of the list sorts them by number"
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(text)}$") as caught:
        evaluate_file(shards, "labels.npy")
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("argument", ["logits_a", "logits_b", "labels"])
def test_warning_names_the_argument_once_and_is_about_the_callers_line(arrays, argument):
    files = {"logits_a": "logits.npy", "logits_b": "logits.npy", "labels": "labels.npy"}
    files[argument] = sorted(map(str, Path().glob(f"{argument[:6]}-*.npy")))
    with pytest.warns(UserWarning, match=f"^{argument} must be in the order of ") as caught:
        compare_files(**files)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.fault("shards")
@pytest.mark.parametrize(
    "shards",
    [
        named(*range(NUM_SHARDS)),
        named(*reversed(range(NUM_SHARDS))),
        named(9, 10, 0, *range(1, 9), 11),
        ["part-01.npy", "part-02.npy", "part-10.npy"],
        ["a10.npy", "a1f.npy", "b10.npy", "c9.npy"],  # digits of a hash
        ["a.npy", "b.npy"],
    ],
    ids=" ".join,
)
def test_list_in_any_other_order_is_taken_in_silence(arrays, shards):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FileNotFoundError):
            evaluate_file(shards, "none.npy")
