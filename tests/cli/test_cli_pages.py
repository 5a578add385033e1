"""The pages on files and on comparisons: commands have the output that they show, Python runs."""

import re

import pytest

from assertions import assert_shows
from place import ROOT

TEXT = "".join(
    (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in ("files", "compare")
)
COMMANDS = re.findall(r"^\$ smoothxent (.*)\n((?:(?!\$ |```).*\n)*)", TEXT, re.MULTILINE)
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


# Pictures: matplotlib takes a second.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("files")]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Save the files of the pages, by their own program."""
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[0], "page", "exec"), {})


def test_commands_show_what_they_are_said_to_show(capsys):
    pytest.importorskip("matplotlib")
    assert [command.split()[0] for command, _ in COMMANDS] == ["evaluate", "merge", "compare"]
    for command, shown in COMMANDS:
        assert_shows(capsys, command, shown)


def test_blocks_of_python_run():
    pytest.importorskip("matplotlib")
    assert len(BLOCKS) == 4
    names = {}
    for block in BLOCKS[1:]:
        exec(compile(block, "page", "exec"), names)
