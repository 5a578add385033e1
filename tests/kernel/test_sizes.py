"""Sizes that depend on each other: a change of one that breaks a relation does not compile."""

import os
import re
import shlex
import shutil
import subprocess

import pytest

from place import ROOT
from quick import slow_but_first

EXT = ROOT / "ext"
HEADERS = sorted(path.relative_to(EXT) for path in EXT.rglob("*.h"))
SETS = {"avx512.h", "avx2.h", "neon.h", "x86.h"}  # portable.h stands for them
SOURCE = "".join(f'#include "{path}"\n' for path in HEADERS if path.name not in SETS)
# header, size, another value, dtype, part of the compiler's message
BROKEN = [
    ("call/workspace.h", "TILE = 1024", "TILE = 2048", "float64", "hold a tile"),
    ("call/workspace.h", "TILE = 1024", "TILE = 1000", "float32", "vectors left over"),
    ("call/workspace.h", "SAVED_BYTES = 0x80000", "SAVED_BYTES = 0x8000", "float32", "all rows"),
    ("statistics/sums.h", "VECTORS = 4", "VECTORS = 6", "float32", "vectors left over"),
    ("lanes/lanes.h", "LINE = 64", "LINE = 96", "float32", "whole lines"),
    ("lanes/lanes.h", "LANES = 16", "LANES = 32", "float32", "each lane has its number"),
    ("lanes/lanes.h", "LANES = 8", "LANES = 12", "float64", "halved down to one"),
    ("totals/exact_sum.h", "LIMBS = 68", "LIMBS = 66", "float64", "terms of any size"),
    ("totals/exact_sum.h", "LIMBS = 68", "LIMBS = 69", "float64", "pairs of limbs"),
    ("totals/exact_sum.h", "STAGE = 512", "STAGE = 8192", "float32", "does not overflow"),
]


def violations(folder, dtype):
    """Return the static assertions that fail when the headers of the folder are compiled."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    source = folder / "sizes.c"
    source.write_text(SOURCE)
    flags = ["-std=gnu11", "-fsyntax-only", "-DSMOOTHXENT_PORTABLE", f"-I{folder}"]
    command = [*compiler, *flags, f"-DSMOOTHXENT_{dtype.upper()}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return re.findall(r"static.assert.*", done.stderr, re.IGNORECASE)


@pytest.fixture
def headers(tmp_path):
    """Return a folder with a copy of the headers."""
    for path in HEADERS:
        (tmp_path / path.parent).mkdir(exist_ok=True)
        shutil.copy(EXT / path, tmp_path / path)
    return tmp_path


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_sizes_are_as_the_kernel_needs_them(headers, dtype):
    assert violations(headers, dtype) == []


@pytest.mark.thread_unsafe(reason="changes a header")
@pytest.mark.parametrize("header, size, other, dtype, relation", slow_but_first(BROKEN))
def test_size_that_breaks_a_relation_does_not_compile(
    headers, header, size, other, dtype, relation
):
    path = headers / header
    text = path.read_text()
    assert len(re.findall(rf"\b{size}\b", text)) == 1
    path.write_text(re.sub(rf"\b{size}\b", other, text))
    assert any(relation in line for line in violations(headers, dtype))
