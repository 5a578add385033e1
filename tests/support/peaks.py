"""The most memory that a call or a process has held."""

import re
import tracemalloc
from pathlib import Path


def peak_of(call):
    """Return the result of the call, and the peak of the memory of Python and NumPy in bytes."""
    tracemalloc.start()
    try:
        result = call()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return result, peak


def process_peak():
    """Return the peak of this process in bytes, on Linux, with what libraries take by themselves.

    ru_maxrss begins with that of the process that started this one.
    """
    return 1024 * int(re.search("VmHWM:(.*)kB", Path("/proc/self/status").read_text())[1])
