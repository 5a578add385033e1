"""The pages on files and on comparisons: commands have the output that they show, Python runs."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from place import ROOT
from smoothxent import evaluate
from smoothxent.cli import main

TEXT = "".join(
    (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in ("files", "compare")
)
COMMANDS = re.findall(r"^\$ smoothxent (.*)\n((?:(?!\$ |```).*\n)*)", TEXT, re.MULTILINE)
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Save logits of an overconfident model, those of its quantised copy, and labels."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    truth = 3 * rng.normal(size=(10_000, 100))
    labels = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    labels[::50] = -100
    logits = (1.2 * (truth + 0.8 * rng.normal(size=truth.shape))).astype(np.float32)
    np.save("labels.npy", labels)
    np.save("logits.npy", logits)
    np.save("quantised.npy", np.round(2 * logits) / 2)
    for name, part in (("monday", slice(6000)), ("tuesday", slice(6000, None))):
        evaluation = evaluate(logits[part], labels[part], ignore_index=-100)
        Path(f"{name}.json").write_text(json.dumps(evaluation.to_dict()))


@pytest.mark.usefixtures("files")
def test_commands_show_what_they_are_said_to_show(capsys):
    pytest.importorskip("matplotlib")
    assert [command.split()[0] for command, _ in COMMANDS] == ["evaluate", "merge", "compare"]
    for command, shown in COMMANDS:
        assert main(shlex.split(command)) == 0
        out, err = capsys.readouterr()
        assert err == ""
        head, dots, _ = shown.partition("...\n")
        assert out.startswith(head)
        assert dots or out == head


@pytest.mark.usefixtures("files")
def test_blocks_of_python_run():
    pytest.importorskip("matplotlib")
    assert len(BLOCKS) == 2
    for block in BLOCKS:
        exec(compile(block, "page", "exec"), {})
