"""Fuzz the calls of tests/loss/test_calls.py: `make fuzz`, `make fuzz ARGS="--seconds 1200"`.

libFuzzer, which atheris brings along, changes bytes; Hypothesis makes a call of them; the oracle
judges it. Kernels built with SMOOTHXENT_FUZZ=1 tell libFuzzer of their branches by counters.c, and
atheris of those of the Python files; bytes that reach a new one are kept as the corpus. Where
atheris is missing the bytes are random.

A finding ends the run with its traceback and exit code 77. Hypothesis has kept it too:
`HYPOTHESIS_PROFILE=explore make test ARGS=tests/loss/test_calls.py` makes the smallest such call.
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
MOST_BYTES = 2048  # what the largest call takes, and as much again


def main() -> None:
    """Parse the arguments and fuzz."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description="Fuzz any call.")
    parser.add_argument("--seconds", type=int, default=60, help="at least the corpus once")
    parser.add_argument("--corpus", type=Path, default=BUILD / "corpus", help="where it is kept")
    options = parser.parse_args()
    options.corpus.mkdir(parents=True, exist_ok=True)
    try:
        import atheris
        from atheris import core_with_libfuzzer
    except ImportError:
        print("atheris, which is there for Linux on x86-64, is missing: bytes are random")
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
    """Lay counters.c under the kernels, which are yet to be loaded, and show it to libFuzzer."""
    counters = ctypes.CDLL(str(BUILD.absolute() / "counters.so"), mode=ctypes.RTLD_GLOBAL)
    functions = ctypes.CDLL(libfuzzer, mode=ctypes.RTLD_GLOBAL)
    counters.watch(functions.__sanitizer_cov_8bit_counters_init, functions.__sanitizer_cov_pcs_init)


def seeds(corpus: Path) -> Path:
    """Put some random bytes into an empty corpus: too few bytes make no call."""
    if not any(corpus.iterdir()):
        for n in range(64):
            (corpus / f"seed-{n}").write_bytes(random.Random(n).randbytes(512))
    return corpus


def target() -> Callable[[bytes], None]:
    """Return what makes and judges the call that some bytes stand for."""
    import test_calls

    tests = [
        test_calls.test_call_gives_what_the_oracle_says,
        test_calls.test_call_gives_what_the_oracle_says,
        test_calls.test_call_gives_the_same_bits_in_another_way,
        test_calls.test_call_with_a_fault_raises_its_error_and_writes_nothing,
    ]
    judges = [test.hypothesis.fuzz_one_input for test in tests]

    def one(data: bytes) -> None:
        if data:
            judges[data[0] % len(judges)](data[1:])

    return one


def fuzz_at_random(seconds: int) -> None:
    """Judge the calls of random bytes."""
    one, count, end = target(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        one(os.urandom(MOST_BYTES))
        count += 1
    print(f"{count} calls, no finding")


if __name__ == "__main__":
    main()
