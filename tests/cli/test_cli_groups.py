"""`smoothxent evaluate --groups --per-class`: the results of the library in every format."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from assertions import error_line, misuse, printed
from smoothxent import Evaluation, evaluate

INPUTS = ("logits.npy", "labels.npy")
EVALUATE = ("evaluate", *INPUTS)


@pytest.fixture
def groups(rng, rows):
    """Save logits, labels and ids in the current folder; return the arrays."""
    ids = np.array(["a", "b,c", 'd "e"', "f"])[rng.integers(0, 4, 120)]
    np.save("ids.npy", ids)
    Path("ids.txt").write_text("".join(f"{each}\n" for each in ids))
    return *rows, ids


@pytest.mark.parametrize("file", ["ids.npy", "ids.txt"])
def test_groups_have_the_bits_of_the_library(groups, capsys, file):
    logits, labels, ids = groups
    expected = evaluate(logits, labels, groups=ids, label_smoothing=0.1)
    options = (*EVALUATE, "--groups", file, "--label-smoothing", "0.1")
    record = json.loads(printed(capsys, *options, "--json", "-"))
    assert Evaluation.from_dict(record) == expected
    assert json.loads(printed(capsys, *options, "--format", "json")) == record


def test_groups_and_classes_are_printed_in_every_format(groups, capsys):
    logits, labels, ids = groups
    expected = evaluate(logits, labels, groups=ids, per_class=True)
    options = (*EVALUATE, "--groups", "ids.npy", "--per-class")
    assert printed(capsys, *options) == f"{expected}\n"
    assert printed(capsys, *options, "--format", "markdown") == expected.to_markdown()
    assert printed(capsys, *options, "--interval", "90") == f"{expected.to_text(interval=0.9)}\n"
    (line,) = csv.DictReader(io.StringIO(printed(capsys, *options, "--format", "csv")))
    assert float(line["nll_stderr"]) == expected.nll_stderr
    assert float(line["groups_macro_nll"]) == expected.groups.macro_nll
    assert line["groups"] == "4"
    assert printed(capsys, *options, "--quiet") == ""


def test_groups_and_classes_are_saved_as_csv(groups, capsys):
    logits, labels, ids = groups
    logits[:, 3] = -50  # never predicted
    np.save("logits.npy", logits)
    ids = np.where(ids == "f", "f\r\ud800", ids)
    np.save("ids.npy", ids)
    expected = evaluate(logits, labels, groups=ids, per_class=True)
    files = ("--per-class", "classes.csv", "--per-group", "groups.csv")
    printed(capsys, *EVALUATE, "--groups", "ids.npy", *files, "--quiet")
    for file, first, keys, metrics, names in (
        ("classes.csv", "class", range(7), expected.classes, CLASS_COLUMNS),
        ("groups.csv", "group", expected.groups.ids, expected.groups, GROUP_COLUMNS),
    ):
        with Path(file).open(newline="") as text:
            head, *lines = csv.reader(text)
        assert head == [first, *names]
        columns = [keys, *(getattr(metrics, name).tolist() for name in names)]
        columns[0] = [str(key).replace("\ud800", r"\ud800") for key in keys]
        assert lines == [list(map(str, line)) for line in zip(*columns, strict=True)]


CLASS_COLUMNS = ["count", "support", "predicted", "hits", "recall", "precision", "f1", "iou", "nll"]
GROUP_COLUMNS = ["count", "weight", "nll", "nll_sum", "perplexity", "accuracy", "brier"]
GROUP_COLUMNS += ["all_greedy"]


def test_parts_with_groups_are_merged(groups, capsys):
    logits, labels, ids = groups
    whole = evaluate(logits, labels, groups=ids, per_class=True)
    for number, part in enumerate((slice(50), slice(50, 51), slice(51, None))):
        for name, array in (("logits", logits), ("labels", labels), ("ids", ids)):
            np.save(f"{name}.npy", array[part])
        options = ("--groups", "ids.npy", "--json", f"part-{number}.json", "--quiet", "--per-class")
        printed(capsys, *EVALUATE, *options)
    files = ("--per-group", "groups.csv", "--per-class", "classes.csv")
    merged = printed(capsys, "merge", "part-*.json", "--json", "-", *files)
    assert Evaluation.from_dict(json.loads(merged)) == whole
    assert [len(Path(file).read_text().splitlines()) for file in files[1::2]] == [5, 8]
    assert printed(capsys, "merge", "part-*.json") == f"{whole}\n"


def test_parts_of_other_groups_or_classes_are_one_line(groups, capsys):
    logits, labels, ids = groups
    for name, evaluation in (
        ("names", evaluate(logits, labels, groups=ids)),
        ("numbers", evaluate(logits, labels, groups=labels)),
        ("classes", evaluate(logits, labels, per_class=True)),
        ("none", evaluate(logits, labels)),
    ):
        Path(f"{name}.json").write_text(json.dumps(evaluation.to_dict()))
    assert error_line(capsys, "names.json", "numbers.json", command="merge") == (
        "numbers.json: groups must be all integers or all strings, got some of each"
    )
    assert error_line(capsys, "none.json", "classes.json", command="merge") == (
        "classes.json: classes must be in both evaluations that are added or in neither, "
        "got them in one; use per_class for both"
    )
    assert error_line(capsys, "names.json", "--per-class", command="merge") == (
        "names.json: holds no metrics of classes; leave out --per-class"
    )
    assert error_line(capsys, "none.json", "names.json", command="merge") == (
        "names.json: groups must be in both evaluations that are added or in neither, "
        "got them in one; pass groups for both"
    )


@pytest.mark.fault("cli-files")
def test_groups_that_do_not_fit_are_one_line(groups, capsys):
    line = error_line(capsys, *INPUTS, "--groups", "none.npy")
    assert line == "none.npy: No such file or directory; check the path"
    np.save("few.npy", np.arange(3))
    assert error_line(capsys, *INPUTS, "--groups", "few.npy") == (
        "groups file few.npy must have shape (120,), an id for each row of logits file "
        "logits.npy, got (3,); name all shards of both"
    )


def rule_of(capsys, *arguments):
    """Return what the argument must be that is used wrongly."""
    line = misuse(capsys, "evaluate", *arguments)
    return line.removeprefix("smoothxent evaluate: error: argument ").partition("; see ")[0]


@pytest.mark.fault("cli-usage")
def test_option_for_classes_before_the_files_has_a_remedy(groups, capsys):
    assert rule_of(capsys, "--per-class", *INPUTS) == (
        "--per-class: must end in .csv, got 'logits.npy'; to save nothing, put it after the files"
    )
    found = rule_of(capsys, *INPUTS, "--per-group", "o.txt")
    assert found == "--per-group: must end in .csv, got 'o.txt'"


@pytest.mark.fault("cli-usage")
def test_file_of_groups_needs_groups(groups, capsys):
    assert rule_of(capsys, *INPUTS, "--per-group", "a.csv") == "--per-group: needs --groups"


@pytest.mark.fault("cli-outputs")
def test_classes_are_not_saved_over_another_file(groups, capsys):
    np.savetxt("ids.csv", np.zeros(120), fmt="%d")
    differ = "must differ from all other input and output files, got"
    for arguments, option, file in (
        (("--groups", "ids.csv", "--per-class", "ids.csv"), "--per-class", "ids.csv"),
        (("--json", "out.csv", "--per-class", "./out.csv"), "--per-class", "out.csv"),
        (("--groups", "ids.csv", "--per-group", "ids.csv"), "--per-group", "ids.csv"),
        (("--groups", "ids.npy", "--json", "ids.npy"), "--json", "ids.npy"),
    ):
        assert rule_of(capsys, *INPUTS, *arguments) == f"{option}: {differ} {file!r}"
    assert not Path("out.csv").exists()


@pytest.mark.fault("cli-outputs")
def test_classes_that_can_not_be_saved_are_one_line(groups, capsys):
    assert error_line(capsys, *INPUTS, "--per-class", "none/classes.csv") == (
        f"{Path('none').absolute()}: no such folder; create it or choose another --per-class"
    )
