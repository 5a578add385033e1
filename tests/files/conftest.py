"""Rows in files, for the tests of their errors."""

import numpy as np
import pytest


@pytest.fixture
def files(tmp_path):
    """Return a folder with 4 rows of 3 classes."""
    np.save(tmp_path / "logits.npy", np.zeros((4, 3), np.float32))
    np.save(tmp_path / "labels.npy", np.zeros(4, np.int64))
    return tmp_path
