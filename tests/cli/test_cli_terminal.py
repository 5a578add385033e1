"""The command line on a terminal, on a pipe that closes, and with Ctrl-C."""

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quick import slow_but_first
from smoothxent import compare, evaluate
from smoothxent.cli import main
from terminal import on_terminal

# JAX, where another test of this process has used it, warns; the child calls exec at once.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
RUN = "import sys; from smoothxent.cli import main; sys.exit(main(sys.argv[1:]))"
WITHOUT_RICH = "import sys; sys.modules['rich'] = None\n" + RUN
# The evaluation of a file that never ends, once it is half done.
ENDLESS = """
import sys, threading
from smoothxent import Evaluation
from smoothxent.cli import evaluate, main

def evaluate_file(*files, progress, **options):
    progress(1, 2, Evaluation.empty())
    threading.Event().wait()

evaluate.evaluate_file = evaluate_file
sys.exit(main(sys.argv[1:]))
"""


def in_ascii(table):
    """Return a table as an ASCII terminal shows it: # for a full column, = and - for less."""
    for sign, plain in (("±", "+-"), ("–", "-"), ("█", "#")):
        table = table.replace(sign, plain)
    return re.sub("[▌▋▊▉]", "=", re.sub("[▏▎▍]", "-", table))


@pytest.fixture
def files(rng, tmp_path):
    """Save logits and labels; return the paths, and the text of their evaluation."""
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
    assert re.search(r"loss \d\.\d{4}\b", bar)
    assert bar.count(SHOW_CURSOR) == bar.count(HIDE_CURSOR) == 1


@pytest.mark.fault("cli-streams")
@pytest.mark.slow
@pytest.mark.parametrize("source, options", [(RUN, ["--quiet"]), (WITHOUT_RICH, [])])
def test_there_is_no_bar_where_none_is_wanted_or_rich_is_missing(files, source, options):
    paths, table = files
    code, shown = on_terminal(source, "evaluate", *paths, *options)
    assert (code, shown.replace("\r\n", "\n")) == (0, "" if options else table)


@pytest.mark.fault("cli-interrupt")
def test_interrupt_leaves_a_clean_terminal_and_one_line():
    pytest.importorskip("rich")
    code, shown = on_terminal(ENDLESS, "evaluate", "a.npy", "b.npy", interrupt_at="50%")
    assert code == 130
    assert shown.rindex(SHOW_CURSOR) > shown.rindex(HIDE_CURSOR)
    assert shown.rpartition("\x1b[2K")[2].endswith("smoothxent: interrupted\r\n")
    assert "Traceback" not in shown


@pytest.mark.fault("cli-streams")
@pytest.mark.slow
@pytest.mark.parametrize("format", ["table", "json"])
def test_pipe_that_closes_ends_it_without_a_word(files, format):
    paths, _ = files
    command = [sys.executable, "-c", RUN, "evaluate", *paths, "--format", format]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        err = child.stderr.read()
        assert (child.wait(), err) == (1, b"")


@pytest.mark.fault("cli-streams")
@pytest.mark.parametrize("unbuffered", slow_but_first(["1", ""]))
def test_reader_that_leaves_in_the_middle_is_no_success(tmp_path, monkeypatch, unbuffered):
    # A raw stdout, as of PYTHONUNBUFFERED, takes a part of the text and says how much.
    for name, values in (("logits", np.zeros((5000, 2))), ("labels", np.zeros(5000, int))):
        np.save(tmp_path / f"{name}.npy", values)
    np.save(tmp_path / "ids.npy", np.arange(5000))
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    monkeypatch.chdir(tmp_path)
    files = ["logits.npy", "labels.npy", "--groups", "ids.npy", "--json", "-"]
    command = [sys.executable, "-c", RUN, "evaluate", *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout.read(1) == b"{"  # the rest is more than a pipe takes
        child.stdout.close()
        assert (child.stderr.read(), child.wait()) == (b"", 1)


@pytest.mark.fault("cli-streams")
@pytest.mark.parametrize("closed", slow_but_first([">&-", "2>&-", "<&-"]))
def test_closed_stream_is_no_fault(files, closed):
    paths, table = files
    command = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-c", RUN, "evaluate", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("" if closed == ">&-" else table)


def printed(monkeypatch, encoding, *arguments):
    """Return what a command prints to a stream of this encoding."""
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream, encoding, write_through=True))
    assert main(list(arguments)) == 0
    return stream.getvalue().decode(encoding)


@pytest.mark.fault("cli-streams")
def test_output_has_signs_of_ascii_for_what_its_encoding_lacks(files, monkeypatch):
    paths, table = files
    assert printed(monkeypatch, "ascii", "evaluate", *paths) == in_ascii(table)
    kept = in_ascii(table).replace("+-", "±")
    assert printed(monkeypatch, "latin-1", "evaluate", *paths) == kept
    logits, labels = paths
    array = np.load(logits)
    comparison = compare(array, array, np.load(labels), names=(logits, logits))
    shown = printed(monkeypatch, "ascii", "compare", logits, logits, labels)
    assert shown == in_ascii(f"{comparison}\n")
    assert "?" not in shown


@pytest.mark.fault("cli-streams")
@pytest.mark.slow
def test_bar_on_a_terminal_of_ascii_is_of_ascii(files, monkeypatch):
    pytest.importorskip("rich")
    paths, table = files
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    code, shown = on_terminal(RUN, "evaluate", *paths)
    assert code == 0
    bar, _, rest = shown.rpartition("\x1b[2K")
    assert rest.replace("\r\n", "\n") == in_ascii(table)
    assert "100%" in bar
    assert bar.isascii()
    assert "\\u" not in bar


@pytest.mark.fault("cli-results")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_full_disk_is_one_line(files, capsys):
    paths, _ = files
    command = ["sh", "-c", '"$@" >/dev/full', "sh", sys.executable, "-c", RUN, "evaluate", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == "smoothxent: No space left on device\n"
    assert done.returncode == 1
    assert main(["evaluate", *paths, "--json", "/dev/full"]) == 1
    remedy = "No space left on device; make room or choose another"
    assert capsys.readouterr() == ("", f"smoothxent: /dev/full: {remedy}\n")
