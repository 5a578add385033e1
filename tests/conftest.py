"""Fixtures for all test files: dtypes, random numbers with a printed seed, a child process."""

import os
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from inventory import DTYPES
from place import SUPPORT
from quick import PATIENCE

# "ci" draws the same examples in every run; "explore" draws more and new ones, after those that
# failed before, also under `make fuzz`.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    max_examples=40,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore",
    parent=settings.get_profile("ci"),
    database=DirectoryBasedExampleDatabase(".hypothesis/examples"),
    derandomize=False,
    max_examples=1000,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session", params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    """The dtypes of the arithmetic, for promises of accuracy."""
    return request.param


@pytest.fixture(scope="session", params=DTYPES)
def any_dtype(request):
    """All dtypes of logits, for promises that do not depend on the dtype."""
    return request.param


@pytest.fixture
def rng(request):
    """Return a generator seeded by the test's name; a failure shows the printed seed."""
    seed = zlib.crc32(request.node.nodeid.rpartition("/")[2].encode())
    print(f"seed = {seed}")
    return np.random.default_rng(seed)


@pytest.fixture(scope="session")
def run_child():
    """Run Python source in a process of its own and return its stdout; it must exit with 0.

    With `silent` it must also write nothing to stderr.
    """

    def run(source, *arguments, flags=("-W", "error"), silent=False, **environment):
        merged = (
            os.environ
            | {
                "PYTHONPATH": os.pathsep.join(
                    filter(None, [str(SUPPORT), os.environ.get("PYTHONPATH", "")])
                )
            }
            | environment
        )
        done = subprocess.run(
            [sys.executable, *flags, "-c", source, *map(str, arguments)],
            env=merged,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        failed = done.returncode or (silent and done.stderr)
        assert not failed, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def torch():
    """Return PyTorch; skip the test if it is not installed."""
    return pytest.importorskip("torch")


@pytest.fixture
def small_chunks(monkeypatch):
    """Set chunks of 700 bytes, so that small files have many chunks."""
    monkeypatch.setattr("smoothxent._files.chunks.CHUNK_BYTES", 700)


@pytest.fixture
def no_thread_stays():
    """Assert that all threads that the test started have ended."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before
