"""A folder for the files of commands, and rows in it."""

import numpy as np
import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a new folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def rows(rng, folder):
    """Save logits and labels in `logits.npy` and `labels.npy`; return the arrays."""
    logits = rng.normal(0, 3, (120, 7)).astype(np.float32)
    labels = (logits / 2 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    np.save("logits.npy", logits)
    np.save("labels.npy", labels)
    return logits, labels
