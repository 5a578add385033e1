"""`smoothxent merge`: the sum of saved parts is the whole, and errors of parts that don't fit."""

import json
from pathlib import Path

import numpy as np
import pytest

from assertions import error_line, printed
from evaluations import checksum
from smoothxent import Comparison, Evaluation, compare, evaluate


@pytest.fixture
def rows(rng):
    """Return logits and labels of a hundred rows; some are ignored, one has an infinite loss."""
    logits = rng.normal(0, 3, (100, 7)).astype(np.float32)
    labels = rng.integers(0, 7, 100)
    labels[::9] = -1
    logits[1, :] = 0
    logits[1, labels[1]] = -800
    return logits, labels


def saved(path, logits, labels, **options):
    """Save the evaluation of some rows, like `smoothxent evaluate --json`."""
    evaluate(logits, labels, ignore_index=-1, **options).save(path)
    return str(path)


def fault(capsys, *arguments):
    """Return the line on stderr, without the name of the command."""
    return error_line(capsys, *arguments, command="merge")


TWICE = "given twice, which would count its rows twice; give it once"


def test_parts_add_up_to_the_bits_of_the_whole(rows, tmp_path, capsys):
    logits, labels = rows
    parts = [
        saved(tmp_path / f"{first}.json", logits[first:last], labels[first:last])
        for first, last in ((60, 100), (0, 13), (13, 60))
    ]
    whole = tmp_path / "whole.json"
    expected = evaluate(logits, labels, ignore_index=-1)
    assert printed(capsys, "merge", *parts, "--json", str(whole)) == f"{expected}\n"
    assert Evaluation.load(whole) == expected


def test_patterns_take_the_parts_that_they_match(rows, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b" / "c" / "d").mkdir(parents=True)
    cuts = {"a-1.json": (0, 9), "a-2.json": (9, 30), "b/c/d/3.json": (30, 60)}
    cuts["[4].json"] = (60, 100)
    for name, (first, last) in cuts.items():
        saved(tmp_path / name, rows[0][first:last], rows[1][first:last])
    shown = printed(capsys, "merge", "a-*.json", "b/**/*.json", "[4].json")
    assert shown == f"{evaluate(*rows, ignore_index=-1)}\n"

    assert fault(capsys, "a-*.json", "a-2.json") == f"a-2.json: {TWICE}"
    assert fault(capsys, "c-*.json") == "c-*.json: No such file or directory; check the path"


def test_whole_may_be_merged_with_more_parts(rows, tmp_path, capsys):
    logits, labels = rows
    first = saved(tmp_path / "first.json", logits[:50], labels[:50])
    second = saved(tmp_path / "second.json", logits[50:], labels[50:])
    again = str(tmp_path / "again.json")
    assert printed(capsys, "merge", first, "--json", again, "--quiet") == ""
    out = json.loads(printed(capsys, "merge", again, second, "--format", "json"))
    assert Evaluation.from_dict(out) == evaluate(logits, labels, ignore_index=-1)


def saved_comparison(path, rows, part, **options):
    """Save the comparison of some rows, like `smoothxent compare --json`."""
    logits, labels = (each[part] for each in rows)
    compare(logits, logits / 2, labels, ignore_index=-1, **options).save(path)
    return str(path)


def test_parts_of_a_comparison_add_up_to_the_bits_of_the_whole(rows, tmp_path, capsys):
    names = {"names": ("base", "int8")}
    parts = [
        saved_comparison(tmp_path / f"{first}.json", rows, slice(first, last), **names)
        for first, last in ((60, 100), (0, 13), (13, 60))
    ]
    whole = tmp_path / "whole.json"
    expected = compare(rows[0], rows[0] / 2, rows[1], ignore_index=-1, **names)
    assert printed(capsys, "merge", *parts, "--json", str(whole)) == f"{expected}\n"
    assert Comparison.load(whole) == expected


@pytest.mark.fault("cli-merge")
def test_parts_of_unequal_names_are_merged_under_new_names_only(rows, tmp_path, capsys):
    first = saved_comparison(tmp_path / "1.json", rows, slice(50), names=("a-1", "b-1"))
    other = saved_comparison(tmp_path / "2.json", rows, slice(50, None), names=("a-2", "b-2"))
    assert fault(capsys, first, other) == (
        f"{other}: names must be the same in comparisons that are added, got ('a-1', 'b-1') and "
        "('a-2', 'b-2'); if they mean the same, use rename: --names NAME_A NAME_B"
    )
    expected = compare(rows[0], rows[0] / 2, rows[1], ignore_index=-1, names=("a", "b"))
    assert printed(capsys, "merge", first, other, "--names", "a", "b") == f"{expected}\n"


@pytest.mark.fault("cli-merge")
def test_evaluations_and_comparisons_are_not_merged(rows, tmp_path, capsys):
    evaluation = saved(tmp_path / "1.json", *rows)
    comparison = saved_comparison(tmp_path / "2.json", rows, slice(None))
    kinds = {evaluation: "an evaluation", comparison: "a comparison"}
    for first, other in ((evaluation, comparison), (comparison, evaluation)):
        rule = f"must hold {kinds[first]}, like {first}, got {kinds[other]}; merge them apart"
        assert fault(capsys, first, other) == f"{other}: {rule}"
    rule = "holds an evaluation, which has no names; leave out --names"
    assert fault(capsys, evaluation, "--names", "a", "b") == f"{evaluation}: {rule}"


NOT_JSON = "record must be as it was saved, got text that is not JSON; "
NOT_JSON += "give a file that `smoothxent evaluate --json` or `compare --json` saved"
FORMATS = "'smoothxent.Evaluation', 'smoothxent.Comparison'"


@pytest.mark.fault("cli-merge")
@pytest.mark.parametrize(
    "content, error_text",
    [
        (b"", NOT_JSON),
        (b'{"format": "smoothxent.Eval', NOT_JSON),
        (b"\x93NUMPY\x01\x00v\x00", NOT_JSON),
        (b"[" * 100_000, NOT_JSON),
        (b"[]", f"format must be one of {FORMATS}, got []"),
        (b"{}", f"format must be one of {FORMATS}, got None"),
        (b'{"format": "other"}', f"format must be one of {FORMATS}, got 'other'"),
        (
            b'{"format": "smoothxent.Temperature"}',
            (
                f"format must be one of {FORMATS}, got 'smoothxent.Temperature'; --apply-json "
                "saves an evaluation"
            ),
        ),
        (b'{"format": []}', f"format must be one of {FORMATS}, got []"),
        (
            b'{"format": "smoothxent.Comparison", "version": 2}',
            (
                "record must have the version 4, got 2; compute it again with this version of "
                "smoothxent"
            ),
        ),
    ],
)
def test_file_that_holds_no_evaluation_is_named(content, error_text, tmp_path, capsys):
    part = tmp_path / "part.json"
    part.write_bytes(content)
    assert fault(capsys, str(part)) == f"{part}: {error_text}"


@pytest.mark.fault("cli-merge")
@pytest.mark.parametrize(
    "options, found",
    [
        ({"label_smoothing": 0.1}, "got 0.0 and 0.1"),
        ({"temperature": 2.0}, "got 1.0 and 2.0"),
        ({"class_weight": np.zeros(7)}, f"got none and checksum {checksum(*[0.0] * 7)}"),
    ],
)
def test_part_of_other_settings_is_named(rows, tmp_path, capsys, options, found):
    first = saved(tmp_path / "first.json", *rows)
    other = saved(tmp_path / "other.json", *rows, **options)
    (name,) = options
    rule = f"{name} must be the same in evaluations that are added, {found}"
    assert fault(capsys, first, other) == f"{other}: {rule}"


@pytest.mark.fault("cli-merge")
def test_part_given_twice_is_not_counted_twice(rows, tmp_path, capsys, monkeypatch):
    part = saved(tmp_path / "part.json", *rows)
    monkeypatch.chdir(tmp_path)
    assert fault(capsys, part, "part.json") == f"part.json: {TWICE}"


@pytest.mark.fault("cli-files")
@pytest.mark.parametrize(
    "target, found",
    [
        ("missing", "No such file or directory; check the path"),
        ("part.json", "Too many levels of symbolic links; check the path"),
        ("/proc/self/mem", "Input/output error"),
    ],
)
def test_part_that_cannot_be_read_is_named(tmp_path, capsys, target, found):
    part = tmp_path / "part.json"
    part.symlink_to(target)
    assert fault(capsys, str(part)) == f"{part}: {found}"


@pytest.mark.fault("cli-merge")
def test_folder_of_parts_is_named_with_its_pattern(tmp_path, capsys):
    remedy = f"give its files, as in {tmp_path}/*.json"
    assert fault(capsys, str(tmp_path)) == f"{tmp_path}: is a folder; {remedy}"


def test_part_that_memory_cannot_hold_is_named(rows, tmp_path, capsys, monkeypatch):
    def read_text(path, **options):
        raise MemoryError

    part = saved(tmp_path / "part.json", *rows)
    monkeypatch.setattr(Path, "read_text", read_text)
    assert fault(capsys, part) == f"{part}: out of memory"
