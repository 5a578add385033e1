"""The headers of ext/, tested directly by lanes.c, built for every instruction set."""

import ast
import os
import platform
import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from itertools import product
from pathlib import Path

import pytest

import smoothxent
from place import ROOT

pytestmark = pytest.mark.xdist_group("lanes")  # each process would build all programs
MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}.get(
    platform.machine().lower(), platform.machine().lower()
)
# -O0: the kernel itself is tested at -O3, which here would take half a minute for a portable build.
FLAGS = ["-std=gnu11", "-O0", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
FLAGS += ["-Wall", "-Wextra", "-Werror"]
DTYPES = ["float32", "float64", "float16", "bfloat16"]
# An emulator is slow, so it tests fewer float16 and bfloat16 numbers, see lanes_memory.h.
ROUNDS, FEWER_ROUNDS = 1500, 100


def instruction_sets():
    """Return setup.py's table: {machine: {instruction set: flags of the compiler}}."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "INSTRUCTION_SETS":
            return ast.literal_eval(node.value)
    raise AssertionError("setup.py has no INSTRUCTION_SETS")


LANES = Path(__file__).with_name("lanes.c")
TABLE = instruction_sets()
BUILDS = [
    pytest.param(machine, isa, id=f"{machine}-{isa}")
    for machine, isas in TABLE.items()
    for isa in isas
]


def tools(machine, isa):
    """Return the commands of compiler and emulator; skip the test if one is not installed."""
    if machine == MACHINE:
        if isa not in smoothxent.available_isas():
            pytest.skip(f"this CPU has no {isa}")
        compiler, emulator = shlex.split(os.environ.get("CC", "cc")), []
    elif machine == "aarch64":
        compiler, emulator = ["aarch64-linux-gnu-gcc", "-static"], ["qemu-aarch64"]
    else:
        pytest.skip(f"{isa} needs {machine}")
    for command in filter(None, [compiler, emulator]):
        if not shutil.which(command[0]):
            pytest.skip(f"{command[0]} is not installed")
    return compiler, emulator


def built(folder, compiler, flags, dtype):
    """Build lanes.c in the folder, and return the program's path."""
    program = str(folder / "lanes")
    flags = [*FLAGS, *flags, f"-DSMOOTHXENT_{dtype.upper()}"]
    paths = [f"-I{ROOT / 'ext'}", str(LANES), "-o", program, "-lm"]
    subprocess.run([*compiler, *flags, *paths], check=True)
    return program


def run(program, rounds, emulator=()):
    """Return the finished process."""
    command = [*emulator, program, str(rounds)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Yield {(machine, isa, dtype): future of a program's path}; the builds run in parallel."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        started = {}
        for (machine, isa), dtype in product([build.values for build in BUILDS], DTYPES):
            with suppress(pytest.skip.Exception):
                compiler, _ = tools(machine, isa)
                build = compiler, TABLE[machine][isa], dtype
                started[machine, isa, dtype] = pool.submit(
                    built, tmp_path_factory.mktemp("lanes"), *build
                )
        yield started
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def digests(programs):
    """Return a function that runs lanes.c; its output has a line for each operation."""

    @cache
    def of(machine, isa, dtype, rounds):
        _, emulator = tools(machine, isa)
        done = run(programs[machine, isa, dtype].result(), rounds, emulator)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    return of


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("machine, isa", BUILDS)
def test_operations_are_what_plain_c_says_on_every_instruction_set(digests, machine, isa, dtype):
    rounds = ROUNDS if machine == MACHINE else FEWER_ROUNDS
    assert digests(machine, isa, dtype, rounds) == digests(MACHINE, "portable", dtype, rounds)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_portable_operations_are_the_same_with_another_c_library(digests, tmp_path, dtype):
    if not shutil.which("musl-gcc"):
        pytest.skip("musl-gcc is not installed")
    program = built(tmp_path, ["musl-gcc", "-static"], TABLE[MACHINE]["portable"], dtype)
    done = run(program, FEWER_ROUNDS)
    # musl's own fma, which lanes.c compares ours with, has the wrong sign where the result is 0.
    wrong = r"((wide_|negative_)?fused(, cancelled)?), lane \d+: -?0x0p\+0, expected -?0x0p\+0"
    lines = [line for line in done.stdout.splitlines() if not re.fullmatch(wrong, line)]
    assert lines == digests(MACHINE, "portable", dtype, FEWER_ROUNDS)
