"""The command line and what it is connected to: a terminal, a pipe that closes, Ctrl-C."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from smoothxent import evaluate
from terminal import on_terminal

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
RUN = "import sys; from smoothxent.cli import main; sys.exit(main(sys.argv[1:]))"
WITHOUT_RICH = "import sys; sys.modules['rich'] = None\n" + RUN
# The evaluation of a file that never ends, once it is half done.
ENDLESS = """
import sys, time
from smoothxent import Evaluation
from smoothxent.cli import evaluate, main

def evaluate_file(*files, progress, **options):
    progress(1, 2, Evaluation.empty())
    time.sleep(600)

evaluate.evaluate_file = evaluate_file
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def files(rng, tmp_path):
    """Paths of logits and labels, and their evaluation as it is shown."""
    logits, labels = rng.normal(size=(100, 7)), rng.integers(0, 7, 100)
    np.save(tmp_path / "logits.npy", logits)
    np.save(tmp_path / "labels.npy", labels)
    paths = str(tmp_path / "logits.npy"), str(tmp_path / "labels.npy")
    return paths, f"{evaluate(logits, labels)}\n"


def test_terminal_shows_a_bar_that_is_gone_when_the_table_comes(files):
    pytest.importorskip("rich")
    paths, table = files
    code, shown = on_terminal(RUN, "evaluate", *paths)
    assert code == 0
    bar, _, rest = shown.rpartition("\x1b[2K")  # the line is erased
    assert rest.replace("\r\n", "\n") == table
    assert "━" in bar
    assert "100%" in bar
    assert f"loss {float(table.split()[9]):.4f}" in bar
    assert bar.count(SHOW_CURSOR) == bar.count(HIDE_CURSOR) == 1


@pytest.mark.parametrize("source, options", [(RUN, ["--quiet"]), (WITHOUT_RICH, [])])
def test_there_is_no_bar_where_none_is_wanted_or_rich_is_missing(files, source, options):
    paths, table = files
    code, shown = on_terminal(source, "evaluate", *paths, *options)
    assert (code, shown.replace("\r\n", "\n")) == (0, "" if options else table)


def test_without_a_terminal_there_is_the_table_alone(files, run_child):
    paths, table = files
    assert run_child(RUN, "evaluate", *paths, silent=True) == table


def test_interrupt_leaves_a_clean_terminal_and_one_line():
    pytest.importorskip("rich")
    code, shown = on_terminal(ENDLESS, "evaluate", "a.npy", "b.npy", interrupt_at="50%")
    assert code == 130
    assert shown.rindex(SHOW_CURSOR) > shown.rindex(HIDE_CURSOR)
    assert shown.rpartition("\x1b[2K")[2].endswith("smoothxent: interrupted\r\n")
    assert "Traceback" not in shown


@pytest.mark.parametrize("format", ["table", "json"])
def test_pipe_that_closes_ends_it_without_a_word(files, format):
    paths, _ = files
    command = [sys.executable, "-c", RUN, "evaluate", *paths, "--format", format]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        err = child.stderr.read()
        assert (child.wait(timeout=60), err) == (1, b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_closed_stream_is_no_fault(files, closed):
    paths, table = files
    command = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-c", RUN, "evaluate", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("" if closed == ">&-" else table)


def test_output_that_knows_no_bars_gets_question_marks(files, run_child):
    paths, table = files
    shown = run_child(RUN, "evaluate", *paths, silent=True, PYTHONIOENCODING="ascii")
    assert shown == table.encode("ascii", "replace").decode()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_full_disk_is_one_line(files):
    paths, _ = files
    for option, name in ((">/dev/full", ""), ("--json /dev/full", "/dev/full: ")):
        shell = f'"$@" {option}'
        command = ["sh", "-c", shell, "sh", sys.executable, "-c", RUN, "evaluate", *paths]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        remedy = "; make room or choose another" * bool(name)
        assert done.stderr == f"smoothxent: {name}No space left on device{remedy}\n"
        assert done.returncode == 1
