"""The examples of docs/clusters.md, unchanged: the bits of one call of evaluate."""

import importlib.util
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import smoothxent
from place import ROOT
from quick import PATIENCE
from smoothxent import Evaluation, evaluate

PAGE = (ROOT / "docs" / "clusters.md").read_text()
# Environment variables with which dask waits for its workers, and Ray and Spark run locally.
SURROUNDINGS = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": str(PATIENCE),
    "PYSPARK_PYTHON": sys.executable,
    "PYSPARK_SUBMIT_ARGS": "--master local[2] --conf spark.ui.enabled=false pyspark-shell",
    "RAY_USAGE_STATS_ENABLED": "0",
    "SPARK_LOCAL_IP": "127.0.0.1",
}


def example(heading):
    """Return the Python block below a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return block


def evaluation_of(script, folder):
    """Run the script in a process and a folder of its own; return its variable `evaluation`."""
    ending = '\nif __name__ == "__main__":\n    evaluation.save("evaluation")\n'
    (folder / "script.py").write_text(script + ending)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env=os.environ | SURROUNDINGS,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Evaluation.load(folder / "evaluation")


@pytest.fixture
def rows(rng):
    logits = rng.normal(0, 4, (1000, 40)).astype(np.float32)
    return logits, rng.integers(0, 40, 1000)


def save_parquet(folder, logits, labels):
    """Save the rows as three files of two columns, one of them without rows."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    (folder / "rows").mkdir()
    for i, part in enumerate([slice(0, 300), slice(300, 1000), slice(0, 0)]):
        table = pa.table(
            {"logits": pa.array(list(logits[part]), pa.list_(pa.float32())), "label": labels[part]}
        )
        parquet.write_table(table, folder / "rows" / f"{i}.parquet")


@pytest.mark.slow
def test_example_of_dask_gives_the_bits_of_one_call(tmp_path, rows):
    pytest.importorskip("distributed")
    for name, array in zip(("logits", "labels"), rows, strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    evaluation = evaluation_of(example("dask"), tmp_path)
    assert evaluation == evaluate(*rows, label_smoothing=0.1)


@pytest.mark.thread_unsafe(reason="the settings of dask and the folder are those of the process")
def test_examples_of_dask_have_the_comparison_and_the_temperature_of_one_call(
    tmp_path, rows, rng, monkeypatch
):
    dask = pytest.importorskip("dask")
    monkeypatch.chdir(tmp_path)
    logits = rows[0]
    labels = (logits / 4 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    np.save("logits.npy", logits)
    np.save("labels.npy", labels)
    names, calls = {}, []
    monkeypatch.setattr(
        smoothxent, "evaluate", lambda *a, **k: calls.append(0) or evaluate(*a, **k)
    )
    with dask.config.set(scheduler="synchronous"):
        exec(example("dask: comparisons and temperatures"), names)
    assert names["comparison"] == smoothxent.compare(logits, np.round(2 * logits) / 2, labels)
    expected = smoothxent.fit_temperature(logits, labels).value
    assert 3 < expected < 5
    assert names["temperature"] == pytest.approx(expected, rel=1e-4)
    assert f"in {len(calls) // 11} reads" in PAGE  # ten blocks, and no rows to check the options


@pytest.mark.slow
@pytest.mark.parametrize("heading, module", [("Ray Data", "ray.data"), ("Spark", "pyspark")])
def test_example_of_an_engine_gives_the_bits_of_one_call(tmp_path, rows, heading, module):
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"{module} is not installed")
    save_parquet(tmp_path, *rows)
    evaluation = evaluation_of(example(heading), tmp_path)
    assert evaluation == evaluate(*rows, label_smoothing=0.1)


@pytest.mark.fault("resumed-run")
def test_example_of_resuming_does_what_is_missing_alone(tmp_path, rows):
    parts = tmp_path / "parts"
    parts.mkdir()
    for i, part in enumerate(np.array_split(np.arange(1000), 4)):
        np.save(parts / f"logits-{i}.npy", rows[0][part])
        np.save(parts / f"labels-{i}.npy", rows[1][part])
    (parts / ".7.logits-3.json").write_text('{"format": "smoothxent.Eval')  # cut short
    script = example("Other engines, and interrupted runs")
    assert evaluation_of(script, tmp_path) == evaluate(*rows)

    (parts / "logits-2.json").unlink()
    for i in (0, 1, 3):
        (parts / f"logits-{i}.npy").write_text("what is done is not read again")
    assert evaluation_of(script, tmp_path) == evaluate(*rows)
    files = sorted(map(str, parts.glob("logits-*.json")))
    done = subprocess.run(
        [sys.executable, "-m", "smoothxent", "merge", "--json", "-", *files],
        capture_output=True,
        text=True,
        check=True,
    )
    assert Evaluation.from_dict(json.loads(done.stdout)) == evaluate(*rows)


def test_size_of_the_totals_is_about_what_the_page_says(rows):
    (size,) = re.findall(r"about (\d+) kB", PAGE)
    text = json.dumps(smoothxent.evaluate(*rows, label_smoothing=0.1).to_dict())
    assert int(size) * 500 < len(text) < int(size) * 2000
