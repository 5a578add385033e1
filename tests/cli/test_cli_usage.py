"""Wrong usage of the command line: one line with the remedy, exit code 2, nothing is written."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import smoothxent
from assertions import misuse
from place import ROOT
from smoothxent import Evaluation, evaluate
from smoothxent.cli import main

COMMAND = "import sys; from smoothxent_command import main; sys.exit(main())"


@pytest.fixture
def files(rng, tmp_path, monkeypatch):
    """Write inputs of every kind to the current folder; return their contents."""
    monkeypatch.chdir(tmp_path)
    logits, labels = rng.normal(size=(120, 7)), rng.integers(0, 7, 120)
    np.save("logits.npy", logits)
    np.save("labels.npy", labels)
    np.savez("both.npz", x=logits, y=labels)
    for number, part in enumerate(np.split(logits, 12)):
        np.save(f"part-{number}.npy", part)
    np.save("rows.npy", np.ones(120))
    np.save("classes.npy", np.full(7, 1 / 7))
    evaluate(logits, labels).save("a.json")
    Path("link.json").symlink_to("labels.npy")
    os.link("part-10.npy", "hard-link.json")
    return {path: path.read_bytes() for path in tmp_path.iterdir()}


WEIGHTS = "--sample-weight rows.npy --class-weight classes.npy --prior classes.npy"


@pytest.mark.fault("cli-outputs")
@pytest.mark.parametrize(
    "command, output",
    [
        ("evaluate logits.npy labels.npy", "--json labels.npy"),
        ("evaluate logits.npy labels.npy", "--json link.json"),
        ("evaluate logits.npy link.json", "--json labels.npy"),
        ("evaluate both.npz::x both.npz::y", "--json both.npz"),
        ("evaluate part-*.npy labels.npy", "--json hard-link.json"),
        (f"evaluate logits.npy labels.npy {WEIGHTS}", "--json rows.npy"),
        (f"evaluate logits.npy labels.npy {WEIGHTS}", "--json classes.npy"),
        ("compare logits.npy part-*.npy labels.npy", "--json part-0.npy"),
        ("merge a.json", "--json missing/../a.json"),
        ("merge *.json", "--json a.json"),
        ("evaluate **/part-*.npy labels.npy", "--json part-3.npy"),
    ],
)
def test_output_that_is_an_input_is_wrong_usage(files, capsys, tmp_path, command, output):
    (tmp_path / "missing").mkdir()
    name = command.split()[0]
    file = output.split()[1].removeprefix("./")
    assert misuse(capsys, *command.split(), *output.split()) == (
        f"smoothxent {name}: error: argument --json: must differ from all other input and "
        f"output files, got '{file}'; see smoothxent {name} --help"
    )
    assert {path: path.read_bytes() for path in files} == files


@pytest.mark.fault("cli-outputs")
def test_picture_over_an_input_is_wrong_usage(files, capsys):
    Path("labels.npy").rename("labels.png")
    found = misuse(capsys, "evaluate", "logits.npy", "labels.png", "--plot", "labels.png")
    assert found.startswith("smoothxent evaluate: error: argument --plot: must differ from ")


@pytest.mark.fault("cli-outputs")
def test_record_and_picture_in_one_file_are_wrong_usage(files, capsys):
    found = misuse(capsys, "merge", "a.json", "--json", "both.png", "--plot", "./both.png")
    assert found.startswith("smoothxent merge: error: argument --plot: must differ from ")
    assert not Path("both.png").exists()


def test_output_that_a_pattern_could_match_but_does_not_read_is_written(files):
    Path("part-3.npy").rename("part-[3].npy")
    Path("part-3.npy").write_text("not read")
    np.save("few.npy", np.zeros(10, int))
    assert main(["evaluate", "part-[3].npy", "few.npy", "--json", "part-3.npy", "--quiet"]) == 0
    assert Evaluation.load("part-3.npy").count == 10


FORMATS = "must be one of table, markdown, json, csv"
A_TEMPERATURE = "must be a number, or a file that `smoothxent calibrate --json` saved"
PATTERN = "quote a pattern, as in 'part-*.npy', so that the shell leaves it as it is"


@pytest.mark.fault("cli-usage")
@pytest.mark.parametrize(
    "command, found",
    [
        ("evaluate a.npy", "the following arguments are required: LABELS"),
        ("evaluate p-1.npy p-2.npy l.npy", f"too many arguments: l.npy; {PATTERN}"),
        ("evaluate 1 2 3 4 5 l.npy --bins 2", f"too many arguments: 3 and 3 more; {PATTERN}"),
        (
            "evaluate a.npy b.npy --class-weights c.npy",
            "unknown option --class-weights; did you mean --class-weight?",
        ),
        (
            "evaluate a.npy b.npy --temperature deep.json",
            f"argument --temperature: {A_TEMPERATURE}, got 'deep.json'",
        ),
        ("evaluate a.npy b.npy --topk=1", "unknown option --topk=1; did you mean --top-k?"),
        (
            "evaluate a.npy b.npy --format jso",
            f"argument --format: {FORMATS}, got 'jso'; did you mean json?",
        ),
        ("info quick", "too many arguments: quick"),
        ("info --json --yaml", "unknown option --yaml"),
        ("evaluate a.npy b.npy --temp 2", "unknown option --temp; did you mean --temperature?"),
        ("merge", "the following arguments are required: PART.json"),
    ],
)
def test_wrong_arguments_are_one_line_that_names_the_help(
    capsys, command, found, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("deep.json").write_text("[" * 100_000)
    name = " ".join(["smoothxent", *command.split()[:1]])
    end = " " if found.endswith("?") else "; "
    expected = f"{name}: error: {found}{end}see {name} --help"
    assert misuse(capsys, *command.split()) == expected


@pytest.mark.fault("cli-usage")
def test_no_command_prints_the_help(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: smoothxent ")
    assert "compare" in err


NO_NAME = "must be the name of a file, got ''"


@pytest.mark.fault("cli-usage")
@pytest.mark.parametrize(
    "command, argument",
    [
        ("evaluate a.npy b.npy --json=", "--json"),
        ("evaluate a.npy b.npy --sample-weight=", "--sample-weight"),
        ("evaluate  b.npy", "LOGITS"),
        ("compare a.npy  c.npy", "LOGITS_B"),
        ("compare a.npy b.npy ", "LABELS"),
        ("merge a.json ", "PART.json"),
    ],
)
def test_empty_name_of_a_file_is_one_line_that_names_the_argument(capsys, command, argument):
    name = f"smoothxent {command.split()[0]}"
    expected = f"{name}: error: argument {argument}: {NO_NAME}; see {name} --help"
    assert misuse(capsys, *command.split(" ")) == expected


def test_unknown_command_is_one_line_with_those_that_there_are(capsys):
    rule = "argument COMMAND: must be one of evaluate, compare, calibrate, merge, info"
    for command, end in (("nope", ";"), ("eval", "; did you mean evaluate?")):
        assert misuse(capsys, command) == (
            f"smoothxent: error: {rule}, got '{command}'{end} see smoothxent --help"
        )


def test_wrong_usage_is_one_line_whatever_it_names(capsys):
    found = misuse(capsys, "evaluate", "a", "b", "two\nlines\x1b[31m")
    assert r": too many arguments: two\nlines\x1b[31m; quote a pattern" in found


@pytest.mark.fault("cli-usage")
@pytest.mark.slow
@pytest.mark.parametrize(
    "command, code, text",
    [
        (["-c", COMMAND], 2, "smoothxent: {}\n"),
        (["-c", COMMAND, "evaluate", "a.npy", "b.npy"], 2, "smoothxent: {}\n"),
        (["-m", "smoothxent", "info"], 1, "(ImportError: {})\n"),
    ],
    ids=["command", "evaluate", "module"],
)
def test_unknown_instruction_set_is_one_line(command, code, text):
    environment = os.environ | {"SMOOTHXENT_ISA": "mmx"}
    command = [sys.executable, *command]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    known = ", ".join(smoothxent.available_isas())
    assert done.stderr.endswith(text.format(f"SMOOTHXENT_ISA must be one of {known}, got mmx"))


def test_command_is_what_the_project_installs(run_child):
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"smoothxent": "smoothxent_command:main"}
    assert project["tool"]["setuptools"]["py-modules"] == ["smoothxent_command"]
    assert run_child(COMMAND, "--version") == f"smoothxent {smoothxent.__version__}\n"


def test_error_is_not_printed_where_results_go_when_stderr_is_closed(tmp_path):
    command = ["sh", "-c", '"$@" 2>&-', "sh", sys.executable, "-c", COMMAND, "merge", "none.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


OUT_OF_MEMORY = """
import resource, sys
import numpy as np
from smoothxent.cli import main
with open("wide.npy", "wb") as file:
    header = {"descr": "<f4", "fortran_order": False, "shape": (2, 2**31)}
    np.lib.format.write_array_header_1_0(file, header)
    file.truncate(file.tell() + 2**34)  # sparse
np.save("labels.npy", np.zeros(2, int))
resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
sys.stderr = sys.stdout
print(main(["evaluate", "wide.npy", "labels.npy", "--threads", "1"]))
"""


@pytest.mark.fault("cli-memory")
@pytest.mark.skipif("SMOOTHXENT_SANITIZE" in os.environ, reason="sanitizers take addresses")
def test_too_little_memory_is_one_line_that_names_the_file(tmp_path, monkeypatch, run_child):
    monkeypatch.chdir(tmp_path)
    shown = run_child(OUT_OF_MEMORY, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    assert shown == (
        f"smoothxent: logits file wide.npy must have rows that fit in memory, got 2 chunks of "
        f"{2**33} bytes at a time; use fewer threads\n1\n"
    )
