"""Python's stricter modes: the same bits, no warning, no message of the allocator."""

import sysconfig

import pytest

# Every function, on rows of each kind that the kernel distinguishes, and every error.
SOURCE = """
import json, warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the import of NumPy may warn
    import numpy, ml_dtypes
import argument_errors, battery
print(json.dumps(battery.digests([1, 17, 129, 1025, 70000])))
argument_errors.raise_all()
"""
WITHOUT_LOCK = sysconfig.get_config_var("Py_GIL_DISABLED")
MODES = {
    "without assertions": (["-O"], {}),
    "without assertions and docstrings": (["-OO"], {}),
    "warnings are errors": (["-W", "error"], {}),
    "development mode": (["-X", "dev", "-W", "error"], {}),
    "debugging allocator": ([], {"PYTHONMALLOC": "debug"}),
    "the C library's allocator": ([], {"PYTHONMALLOC": "malloc", "MALLOC_PERTURB_": "165"}),
}


@pytest.fixture(scope="module")
def ordinary(run_child):
    return run_child(SOURCE, flags=(), silent=True)


@pytest.mark.fault("python-modes")
@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_mode_changes_no_bit_and_complains_of_nothing(run_child, ordinary, mode):
    flags, environment = MODES[mode]
    if environment.get("PYTHONMALLOC") == "malloc" and WITHOUT_LOCK:
        pytest.skip("CPython without its lock has one allocator only")
    assert run_child(SOURCE, flags=flags, silent=True, **environment) == ordinary


@pytest.mark.fault("no-lock")
@pytest.mark.skipif(not WITHOUT_LOCK, reason="this Python always has its lock")
def test_import_leaves_the_lock_of_python_as_it_was(run_child):
    source = """
import sys
before = sys._is_gil_enabled()
import ml_dtypes, numpy, smoothxent
for dtype in (numpy.float32, numpy.float64, numpy.float16, ml_dtypes.bfloat16):
    smoothxent.cross_entropy(numpy.zeros((2, 3), dtype), [0, 1])
print(sys._is_gil_enabled() == before)
"""
    assert run_child(source) == "True\n"
