"""Which modules may import which, and rules for all files."""

import ast
import re
import tokenize
from graphlib import TopologicalSorter
from token import COMMENT, DEDENT, INDENT, NEWLINE, NL, STRING

import pytest

from place import ROOT

SOURCE = ROOT / "src" / "smoothxent"
TEXT = {".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".md", ".toml", ".yml", ".sh", ""}

# Each package imports only those before it; front ends import the public names.
CHAIN = ["_records", "_arguments", "_kernel", "_loss", "_evaluation", "_linear", "_comparison"]
CHAIN += ["_files", "_calibration"]
PUBLIC = "__init__"
FRONT_ENDS = ["cli", "torch", "jax", "dask", "sklearn"]
ORDER = [*CHAIN, PUBLIC, *FRONT_ENDS, "__main__"]
HEAVY = ["torch", "jax", "dask", "matplotlib", "rich", "sklearn", "scipy", "pandas", "tensorflow"]


def package_of(path):
    """Return the name in ORDER of the file's package or module."""
    return path.relative_to(SOURCE).parts[0].partition(".")[0]


def imports_of(path):
    """Yield the parts of each import from smoothxent, also of imports within functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, *parts = name.split(".")
            if package == "smoothxent":
                yield parts if parts and parts[0] in ORDER else [PUBLIC]


def is_written_by_people(path):
    return path.is_file() and path.suffix in TEXT and path.name != "PKG-INFO"


def files(*roots):
    """Yield the text files below the roots, without those that programs write."""
    for root in roots:
        for path in sorted((ROOT / root).rglob("*")):
            parts = path.relative_to(ROOT).parts
            made = any(re.match(r"\.|__pycache__|.*\.egg-info", part) for part in parts)
            if is_written_by_people(path) and not made:
                yield path


MODULES = sorted(SOURCE.rglob("*.py"))
EVERY_FILE = [
    *files("src", "ext", "tests", "tools", "bench", "docs", "examples"),
    *(path for path in sorted(ROOT.iterdir()) if is_written_by_people(path)),
]


TREE = (ROOT / "CONTRIBUTING.md").read_text().split("```")[3]


def test_tree_in_the_guide_names_every_module_of_the_packages_and_every_folder():
    entries = dict(re.findall(r"^ *([\w/]+/)((?:[^\n]|\n {12,})*)", TREE, re.MULTILINE))
    for package in CHAIN:
        modules = {path.stem for path in (SOURCE / package).glob("*.py")} - {"__init__"}
        assert modules <= set(re.findall(r"\w+", entries[f"{package}/"])), package
    folders = {path.parent for path in files("src", "ext", "tests", "bench", "tools")}
    named = set(re.findall(r"(\w+)/", TREE))
    assert {folder.name for folder in folders} - {"results"} <= named


def test_option_is_named_in_few_files():
    named = [path for path in files("src", "ext") if re.search(r"\bz_loss\b", path.read_text())]
    assert len(named) <= 18  # of which ten are public signatures


BY_PATH = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))


@BY_PATH
def test_packages_import_only_packages_before_them(path):
    own = package_of(path)
    before = {own, *ORDER[: ORDER.index(own)]}
    if own in FRONT_ENDS:  # which use public names, and know nothing of each other
        before = {own, PUBLIC}
        before |= {"_records"} if own == "cli" else set()  # its files are read and written alike
    assert {imported[0] for imported in imports_of(path)} <= before


COMPILED = {"cpu", "group_sums", "reference"}


@BY_PATH
def test_compiled_modules_are_imported_by_their_own_package_only(path):
    imported = {parts[1] for parts in imports_of(path) if parts[0] == "_kernel" and parts[1:]}
    assert package_of(path) == "_kernel" or not imported & COMPILED


def test_modules_import_each_other_in_one_direction():
    paths = {path: path.relative_to(SOURCE).with_suffix("").parts for path in MODULES}
    names = {path: ".".join(parts).removesuffix(".__init__") for path, parts in paths.items()}
    imports = {name: set() for name in names.values()}
    for path, name in names.items():
        for parts in imports_of(path):  # the longest beginning that is a module is the module
            beginnings = [".".join(parts[: end + 1]) for end in range(len(parts))]
            imports[name].update([each for each in beginnings if each in imports][-1:])
    TopologicalSorter(imports).prepare()  # an error that shows the circle


@pytest.mark.parametrize("root, most", [("src", 16), ("ext", 14), ("tests", 21)])
def test_folders_have_few_files_where_a_header_and_its_pxi_count_as_one(root, most):
    stems = {path.parent: set() for path in files(root)}
    for path in files(root):
        stems[path.parent].add(path.stem)
    assert {folder: len(found) for folder, found in stems.items() if len(found) > most} == {}


def test_package_head_holds_the_public_names_and_nothing_else():
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    kinds = {type(node) for node in tree.body[1:]}
    assert kinds <= {ast.ImportFrom, ast.Assign}
    assigned = {
        target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
    }
    assert assigned == {"__version__", "__all__"}


def test_public_names_are_these_alone():
    import smoothxent

    assert set(smoothxent.__all__) == {
        "ClassMetrics",
        "Comparison",
        "Evaluation",
        "GroupedEvaluation",
        "LinearGradients",
        "RowStatistics",
        "Temperature",
        "__version__",
        "available_isas",
        "bits",
        "compare",
        "compare_files",
        "cross_entropy",
        "cross_entropy_and_grad",
        "evaluate",
        "evaluate_chunks",
        "evaluate_file",
        "fit_temperature",
        "fit_temperature_file",
        "info",
        "linear_cross_entropy",
        "linear_cross_entropy_and_grad",
        "linear_evaluate",
        "linear_row_statistics",
        "log_softmax",
        "log_sum_exp",
        "row_statistics",
        "smooth_labels",
        "softmax",
    }


def size_of(path):
    """Return the number of lines, of Python without docstrings, comments and empty lines."""
    if path.suffix not in {".py", ".pyi"}:
        return len(path.read_text().splitlines())
    lines, is_first_in_statement = set(), True
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type in {COMMENT, NL}:
                continue
            is_code = token.type not in {DEDENT, INDENT, NEWLINE}
            if is_code and not (is_first_in_statement and token.type == STRING):
                lines.update(range(token.start[0], token.end[0] + 1))
            is_first_in_statement = not is_code
    return len(lines)


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_its_limit(path):
    assert size_of(path) <= (300 if path.suffix == ".py" else 400)


PAGES = [path for path in EVERY_FILE if path.suffix == ".md"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_lines_of_prose_have_at_most_120_characters(path):
    text = path.read_text(encoding="utf-8")
    is_written_by_a_program = text.startswith("<!-- Written by")
    lines = [line for line in text.splitlines() if not line.startswith("|")]
    assert is_written_by_a_program or [line for line in lines if len(line) > 120] == []


def test_build_never_asks_for_fast_math():
    code = "\n".join(
        line.partition("#")[0] for line in (ROOT / "setup.py").read_text().splitlines()
    )
    assert not re.search(r"ffast-math|-Ofast|funsafe-math|ffinite-math|march=native", code)
    assert "-ffp-contract=off" in code


def test_import_brings_in_no_heavy_package(run_child):
    source = f"import sys, smoothxent; print([name for name in {HEAVY} if name in sys.modules])"
    assert run_child(source) == "[]\n"


def test_command_line_brings_in_no_heavy_package_before_it_is_asked(run_child):
    source = f"import sys, smoothxent.cli; print([name for name in {HEAVY} if name in sys.modules])"
    assert run_child(source) == "[]\n"


def test_import_of_a_peer_is_never_brought_about(run_child):
    source = """
import sys
import numpy as np
import smoothxent
logits = np.zeros((3, 4), np.float32)
smoothxent.cross_entropy([[1.0, 2.0]], [0])
smoothxent.softmax(memoryview(logits))
print([name for name in ("torch", "jax", "pyarrow", "ml_dtypes") if name in sys.modules])
"""
    assert run_child(source) == "[]\n"


CACHES = {
    "_arguments/arrays.py: dtype_name": "NumPy makes the name of a dtype anew each time",
    "_kernel/rows.py: _layout": "most calls have the shapes and dtypes of a call before",
    "_kernel/builds.py: kernel": "the import system takes longer to find a module that it has",
    "_kernel/rows.py: _flat": "most calls have the shapes and dtypes of a call before",
    "_kernel/threads.py: _cgroup_quota": "asks the system, in several files",
    "jax/_foreign.py: read": "the same text comes with each run of a compiled function",
}


def test_what_is_kept_from_call_to_call_is_this_alone():
    found = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            makers = getattr(node, "decorator_list", [])
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.Return) and node.value:
                makers = [node.value]
            if any(re.search(r"\b(lru_)?cache\b", ast.unparse(each)) for each in makers):
                name = getattr(node, "name", ast.unparse(node))
                found.add(f"{path.relative_to(SOURCE).as_posix()}: {name}")
    assert found == CACHES.keys()


CHANGING = {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove"}
CHANGING |= {"reverse", "setdefault", "sort", "update"}


def changed_outside(function):
    """Yield the names of global variables that the function changes."""
    nodes = [*ast.walk(function)]
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name) and type(node.ctx) is ast.Store}
    own |= {node.name for node in nodes if isinstance(node, ast.ExceptHandler)}
    for node in nodes:
        changed = None
        if isinstance(node, ast.Global):
            yield from node.names
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            changed = node.func.value if node.func.attr in CHANGING else None
        elif isinstance(node, ast.Subscript | ast.Attribute) and type(node.ctx) is not ast.Load:
            changed = node.value
        while isinstance(changed, ast.Subscript | ast.Attribute):
            changed = changed.value
        if isinstance(changed, ast.Name) and changed.id not in own:
            yield changed.id


@pytest.mark.parametrize(
    "source",
    [
        "global SEEN\nSEEN = x",
        "SEEN[x] = 1",
        "SEEN[x] += 1",
        "del SEEN[x]",
        "SEEN.append(x)",
        "SEEN.last = x",
        "SEEN.at[0].update(x)",
    ],
)
def test_function_that_changes_a_global_is_found(source):
    lines = source.replace("\n", "\n    ")
    tree = ast.parse(f"SEEN = make()\ndef function(x):\n    {lines}")
    assert "SEEN" in changed_outside(tree.body[1])


@BY_PATH
def test_modules_keep_no_global_that_changes(path):
    outer = [ast.parse(path.read_text())]
    outer += [node for node in outer[0].body if isinstance(node, ast.ClassDef)]
    functions = [node for each in outer for node in each.body if isinstance(node, ast.FunctionDef)]
    assert [(each.name, name) for each in functions for name in changed_outside(each)] == []
