"""The folders of ext/: which may use which, and rules for all files of the kernel."""

import os
import re
import shlex
import subprocess
from functools import cache
from graphlib import TopologicalSorter

from place import ROOT

EXT = ROOT / "ext"
FILES = sorted(path for path in EXT.rglob("*") if path.suffix in {".h", ".pxi", ".pyx", ".py"})
OUR_HEADERS = {path.relative_to(EXT).as_posix() for path in EXT.rglob("*.h")}
OF_REGISTERS = {  # which registers.h, or lanes.h, includes where there is all that these need
    *(path.relative_to(EXT).as_posix() for path in EXT.glob("lanes/instruction_sets/*.h")),
    "lanes/halves.h",
    "lanes/quads.h",
}
STANDARD_HEADERS = {
    "math.h",
    "stdint.h",
    "stddef.h",
    "string.h",
    "float.h",
    "immintrin.h",
    "arm_neon.h",
}


TEXTS = {name: (EXT / name).read_text() for name in OUR_HEADERS}


def test_lanes_know_nothing_of_python():
    for name, text in TEXTS.items():
        included = re.findall(r'#\s*include\s*[<"]([^>"]+)[>"]', text)
        assert included or name in OF_REGISTERS, name
        assert set(included) <= STANDARD_HEADERS | OUR_HEADERS, name
        assert not re.search(r"\bPy[A-Z_]\w*", text), name


# Each folder of ext/ may use the folders to its left.
ROOMS = ["lanes", "call", "statistics", "totals", "results", "run"]
PARTS = sorted(EXT.glob("*/*.pxi"))
CDEF_FUNCTION = re.compile(r"^(?:cdef|def) (?:[\w*]+ )*\*?(\w+)\(", re.MULTILINE)
DECLARED_FUNCTION = re.compile(r"^    (?:[\w*]+ )*\*?(\w+)\((?!\*)", re.MULTILINE)
TYPE = re.compile(r"^(?:    )?(?:ctypedef (?:struct )?|cdef class )[^(\n]*?(\w+):?$", re.MULTILINE)
POINTER_TYPE = re.compile(r"^ctypedef .*\(\*(\w+)\)", re.MULTILINE)
CONSTANTS = re.compile(
    r"^ *(?:(?:cdef|const) \w+ )?([A-Z][A-Z_]+(?:, [A-Z_]+)*)(?: =.*)?$", re.MULTILINE
)


def rank_of(path):
    """Return the position of a file's folder; files directly in ext/ come last."""
    room = path.relative_to(EXT).parts[0]
    return ROOMS.index(room) if room in ROOMS else len(ROOMS)


@cache
def code_of(path):
    """Return the text of a .pxi file without comments and the C in it."""
    return re.sub(r"\s*#.*", "", re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL))


def definitions_of(path):
    """Return the functions, and the types and constants, that a .pxi file defines or declares."""
    code = code_of(path)
    blocks = re.findall(r"^cdef extern [^\n]*\n((?:    .*\n|\n)*)", code, re.MULTILINE)
    functions = set(CDEF_FUNCTION.findall(code))
    functions |= {name for block in blocks for name in DECLARED_FUNCTION.findall(block)}
    names = {*TYPE.findall(code), *POINTER_TYPE.findall(code)}
    return functions, names.union(*(line.split(", ") for line in CONSTANTS.findall(code)))


def names_used_in(path, functions, names):
    """Yield the functions that a .pxi file calls, and the other names in it."""
    code = code_of(path)
    yield from functions & set(re.findall(r"(?<![\w.])(\w+)\(", code))
    yield from names & set(re.findall(r"(?<![\w.])(\w+)", code))


def test_every_file_of_the_kernel_is_in_a_room():
    rooms = {path.name for path in EXT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(ROOMS)
    at_the_top = {path.name for path in EXT.iterdir() if path.suffix in {".h", ".pxi"}}
    assert at_the_top == {"kernel.pxi"}


def test_headers_include_each_other_in_one_direction_and_none_of_a_room_to_the_right():
    included = {name: re.findall(r'#\s*include\s*"([^"]+)"', text) for name, text in TEXTS.items()}
    TopologicalSorter(included).prepare()  # an error that shows the circle
    pairs = [(name, each) for name, names in included.items() for each in names]
    assert [pair for pair in pairs if rank_of(EXT / pair[1]) > rank_of(EXT / pair[0])] == []


def test_header_includes_all_that_it_uses():
    compiler = shlex.split(os.environ.get("CC", "cc"))
    flags = ["-std=gnu11", "-fsyntax-only", "-DSMOOTHXENT_PORTABLE", "-DSMOOTHXENT_FLOAT16", "-I."]
    headers = sorted(OUR_HEADERS - OF_REGISTERS)  # each compiled by itself
    subprocess.run([*compiler, *flags, "-x", "c", *headers], cwd=EXT, check=True)


def test_part_of_the_kernel_uses_nothing_of_a_room_to_its_right():
    definitions = {path: definitions_of(path) for path in PARTS}
    assert [
        (path, other, name)
        for path in PARTS
        for other in PARTS
        if rank_of(other) > rank_of(path)
        for name in names_used_in(path, *definitions[other])
    ] == []


def test_definitions_of_a_part_are_found():
    functions, names = definitions_of(EXT / "totals" / "exact_sum.pxi")
    assert {"carry", "add_exactly", "as_int", "exact_parts", "places_of"} <= functions
    assert {"ExactSum", "LIMBS", "STAGE"} <= names
    functions, names = definitions_of(EXT / "run" / "team.pxi")
    assert {"inside_region", "record_region", "run_items", "is_in_debt"} <= functions
    assert {"WorkItem", "Region", "PARALLEL_ELEMENTS"} <= names


def test_part_of_the_kernel_declares_headers_of_its_own_room():
    for path in PARTS:
        declared = re.findall(r'^cdef extern from "([^"]+)"', path.read_text(), re.MULTILINE)
        assert {EXT / each for each in declared} <= set(path.parent.glob("*.h")), path


def test_kernel_puts_all_parts_together_room_by_room():
    included = re.findall(r'^include "(.+)"$', (EXT / "kernel.pxi").read_text(), re.MULTILINE)
    assert sorted(EXT / each for each in included) == PARTS
    ranks = [rank_of(EXT / each) for each in included]
    assert ranks == sorted(ranks)


def test_files_of_instruction_sets_alone_know_registers():
    for path in FILES:
        if path.name not in {"x86.h", "avx512.h", "avx2.h", "neon.h"}:
            assert not re.search(r"_mm\d*_|immintrin|arm_neon|__m(128|256|512)", path.read_text())


def test_no_flag_or_pragma_lets_the_compiler_forget_nan():
    setup = re.sub(r"#.*", "", (EXT.parent / "setup.py").read_text())
    assert "-ffp-contract=off" in setup
    for text in (setup, *(path.read_text() for path in FILES)):
        assert not re.search(r"ffast-math|Ofast|funsafe-math|ffinite-math|march=native", text)


def test_sizes_in_the_guide_are_those_of_the_code():
    guide = (EXT / "README.md").read_text()
    sizes = re.findall(r"^\| `(\w+)` \| (.+?) \|", guide, re.MULTILINE)
    code = "\n".join(path.read_text() for path in FILES)
    assert len(sizes) > 10
    lines = [re.escape(f"{name} = {value}") for name, value in sizes]
    assert [line for line in lines if not re.search(rf"\b{line}\b", code)] == []


def test_files_in_the_guide_are_there():
    names = re.findall(r"`((?:tests/)?\w+/\w+\.\w+)`", (EXT / "README.md").read_text())
    assert len(names) > 10
    places = [EXT.parent / name if name.startswith("tests/") else EXT / name for name in names]
    assert [path for path in places if not path.exists()] == []
