"""`smoothxent bench`: the measured results are right, and every format has all figures."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from smoothxent.cli import bench, main
from smoothxent.cli.bench import stopwatch

INSTALLED = [name for name in stopwatch.LIBRARIES if find_spec(bench.MODULES[name])]


@pytest.fixture
def tiny(monkeypatch):
    """Set small shapes and short times, so that the command is fast."""
    monkeypatch.setattr(bench, "QUICK_SHAPES", ("1x10", "50x3"))
    monkeypatch.setattr(bench, "QUICK_SECONDS", 0.001)


@pytest.mark.parametrize("library", INSTALLED)
def test_every_library_is_timed_on_the_same_loss(library):
    logits, labels = stopwatch.inputs(50, 7)
    wide = logits.astype(np.float64)
    log_p = wide - np.log(np.exp(wide).sum(axis=1, keepdims=True))
    target = 0.9 * log_p[np.arange(50), labels] + 0.1 * log_p.mean(axis=1)
    # float32, sums of 7 and of 50 terms
    assert stopwatch.LIBRARIES[library](1)(logits, labels) == pytest.approx(
        -target.mean(), rel=57 * np.finfo(np.float32).eps.item()
    )


@pytest.mark.parametrize("duration, count", [(2.0, stopwatch.FEWEST_CALLS), (0.125, 8)])
def test_slow_calls_are_counted_thrice_and_quick_ones_fill_the_time(monkeypatch, duration, count):
    calls = []
    monkeypatch.setattr(stopwatch, "perf_counter", lambda: duration * len(calls))
    times = stopwatch.timed(lambda *_: calls.append(1), *stopwatch.inputs(2, 3), seconds=1.0)
    assert times == [duration] * count
    assert len(calls) == 2 + count


@pytest.mark.slow
def test_json_on_stdout_holds_every_library_and_shape(tiny, capfd):
    assert main(["bench", "--quick", "--threads", "1", "--json", "-"]) == 0
    out, err = capfd.readouterr()
    figures = json.loads(out)
    assert err == ""
    assert figures["threads"] == 1
    assert [(r["library"], r["num_rows"], r["num_classes"]) for r in figures["results"]] == [
        (name, *shape) for name in INSTALLED for shape in ((1, 10), (50, 3))
    ]
    for result in figures["results"]:
        assert 0 < result["min_s"] <= result["median_s"]
        size = result["num_rows"] * result["num_classes"]
        assert result["elements_per_s"] == size / result["median_s"]
        assert result["gb_per_s"] == pytest.approx(4e-9 * result["elements_per_s"])


@pytest.mark.slow
def test_table_shows_what_the_file_holds(tiny, capfd, tmp_path):
    pytest.importorskip("rich")
    path = tmp_path / "figures.json"
    assert main(["bench", "--quick", "--threads", "1", "--json", str(path)]) == 0
    out = capfd.readouterr().out
    figures = json.loads(path.read_text())
    rows = [line.split("  ")[1] for line in out.splitlines() if " x " in line and "µs" in line]
    assert [row.strip() for row in rows] == ["1 x 10", "50 x 3"]
    for name in INSTALLED:
        assert name in out
    assert f"1 thread, {figures['isa']}, NumPy {np.__version__}" in out


@pytest.mark.slow
def test_library_that_fails_is_left_out(tiny, monkeypatch, capfd):
    monkeypatch.setattr(bench, "LIBRARIES", {"NumPy": None, "Quick": None})
    monkeypatch.setitem(bench.MODULES, "Quick", "json")
    assert main(["bench", "--quick", "--json", "-"]) == 0
    out, err = capfd.readouterr()
    assert {result["library"] for result in json.loads(out)["results"]} == {"NumPy"}
    assert err.endswith("smoothxent: Quick failed and is left out\n")


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5"])
def test_threads_must_be_a_whole_number(threads, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--threads", threads])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith(
        f"argument --threads: must be a whole number >= 1, got {threads!r}; "
        "see smoothxent bench --help\n"
    )


def test_missing_folder_is_named_before_anything_is_timed(monkeypatch, capsys, tmp_path):
    pytest.importorskip("rich")
    monkeypatch.delattr(bench, "measured")
    folder = tmp_path / "missing"
    assert main(["bench", "--json", str(folder / "figures.json")]) == 1
    remedy = "no such folder; create it or choose another --json"
    assert capsys.readouterr().err == f"smoothxent: {folder}: {remedy}\n"


@pytest.mark.parametrize(
    "seconds, text",
    [(5.87e-6, "5.87 µs"), (2.3e-3, "2.30 ms"), (0.1034, "103 ms"), (2.345, "2.35 s")],
)
def test_durations_have_three_digits(seconds, text):
    assert bench._duration(seconds) == text
