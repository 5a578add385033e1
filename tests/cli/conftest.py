"""A folder for the files of commands."""

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a new folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
