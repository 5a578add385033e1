"""docs/tutorial.md: its blocks run one after another, and have the results that they show."""

import doctest
import re

import pytest

from assertions import assert_shows
from place import ROOT

PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python|console)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.thread_unsafe(reason="doctest replaces sys.stdout, and the folder is the process's")
def test_tutorial_runs_in_an_empty_folder_as_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "tutorial"}
    for kind, block in BLOCKS:
        if kind == "console":
            command, _, shown = block.removeprefix("$ smoothxent ").partition("\n")
            assert_shows(capsys, command, shown)
        elif ">>>" in block:
            test = doctest.DocTestParser().get_doctest(block, names, "tutorial", None, 0)
            test.globs = names  # get_doctest copies them; later blocks use its names
            assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
        else:
            exec(compile(block, "tutorial", "exec"), names)


def test_tutorial_has_both_kinds_of_blocks():
    assert {kind for kind, _ in BLOCKS} == {"python", "console"}
