"""Fuzz the calls of tests/loss/test_calls.py: `make fuzz`, `make fuzz ARGS="--seconds 1200"`.

libFuzzer, a part of atheris, changes bytes; Hypothesis turns bytes into a call; the result is
compared with the oracle. Kernels built with SMOOTHXENT_FUZZ=1 report their branches to libFuzzer
through counters.c, and atheris reports those of the Python files. Bytes that reach a new branch are
saved in the corpus. Without atheris the bytes are random.

An error ends the run with its traceback and exit code 77. Hypothesis saves the call:
`HYPOTHESIS_PROFILE=explore make test ARGS=tests/loss/test_calls.py` finds the smallest one.
"""

import argparse
import ctypes
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

BUILD = Path("build/fuzz")
MOST_BYTES = 2048  # twice the bytes of the largest call


def main() -> None:
    """Parse the arguments and fuzz."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description="Test random calls.")
    parser.add_argument("--seconds", type=int, default=60, help="time; the corpus always runs once")
    parser.add_argument("--corpus", type=Path, default=BUILD / "corpus", help="its folder")
    options = parser.parse_args()
    options.corpus.mkdir(parents=True, exist_ok=True)
    try:
        import atheris
        from atheris import core_with_libfuzzer
    except ImportError:
        print("atheris (for Linux on x86-64) is not installed: the bytes are random")
        sys.path.remove(str(BUILD.absolute() / "lib"))  # its kernels need libFuzzer
        fuzz_at_random(options.seconds)
        return
    watch_kernels(core_with_libfuzzer.__file__)
    with atheris.instrument_imports(include=["smoothxent"]):
        import smoothxent  # noqa: F401
    arguments = [
        f"-max_total_time={options.seconds}",
        f"-artifact_prefix={BUILD}/",
        f"-max_len={MOST_BYTES}",
        "-len_control=0",
        "-timeout=60",
        "-reload=0",
        "-print_final_stats=1",
        "-verbosity=1",
        str(seeds(options.corpus)),
    ]
    atheris.Setup([sys.argv[0], *arguments], target(), internal_libfuzzer=True)
    atheris.Fuzz()


def watch_kernels(libfuzzer: str) -> None:
    """Load counters.c before the kernels, and register it with libFuzzer."""
    counters = ctypes.CDLL(str(BUILD.absolute() / "counters.so"), mode=ctypes.RTLD_GLOBAL)
    functions = ctypes.CDLL(libfuzzer, mode=ctypes.RTLD_GLOBAL)
    counters.watch(functions.__sanitizer_cov_8bit_counters_init, functions.__sanitizer_cov_pcs_init)


def seeds(corpus: Path) -> Path:
    """Put random bytes into an empty corpus: libFuzzer's own first bytes are too few for a call."""
    if not any(corpus.iterdir()):
        for n in range(64):
            (corpus / f"seed-{n}").write_bytes(random.Random(n).randbytes(512))
    return corpus


def target() -> Callable[[bytes], None]:
    """Return a function that makes and checks the call of some bytes."""
    import test_calls

    tests = [
        test_calls.test_call_gives_what_the_oracle_says,
        test_calls.test_call_gives_what_the_oracle_says,
        test_calls.test_call_gives_the_same_bits_in_another_way,
        test_calls.test_call_with_a_fault_raises_its_error_and_writes_nothing,
    ]
    checks = [test.hypothesis.fuzz_one_input for test in tests]

    def one(data: bytes) -> None:
        if data:
            checks[data[0] % len(checks)](data[1:])

    return one


def fuzz_at_random(seconds: int) -> None:
    """Make and check the calls of random bytes."""
    one, count, end = target(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        one(os.urandom(MOST_BYTES))
        count += 1
    print(f"{count} calls, no error")


if __name__ == "__main__":
    main()
