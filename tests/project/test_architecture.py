"""Which modules may import which, and rules for all files."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter

import pytest

from place import ROOT, every_file, files

SOURCE = ROOT / "src" / "smoothxent"

# Each package imports only those before it; front ends import the public names.
CHAIN = ["_records", "_reports", "_arguments", "_kernel", "_totals", "_loss", "_evaluation"]
CHAIN += ["_linear", "_comparison", "_files", "_calibration"]
PUBLIC = "__init__"
FRONT_ENDS = ["cli", "torch", "jax", "dask", "sklearn"]
ORDER = [*CHAIN, PUBLIC, *FRONT_ENDS, "__main__"]
HEAVY = ["torch", "jax", "dask", "matplotlib", "rich", "sklearn", "scipy", "pandas", "tensorflow"]


def package_of(path):
    """Return the name in ORDER of the file's package or module."""
    return path.relative_to(SOURCE).parts[0].partition(".")[0]


@cache
def tree_of(path):
    return ast.parse(path.read_text())


@cache
def imports_of(path):
    """Return the parts of each import from smoothxent, also of imports within functions."""
    imports = []
    for node in ast.walk(tree_of(path)):
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
                imports.append(parts if parts and parts[0] in ORDER else [PUBLIC])
    return imports


MODULES = sorted(SOURCE.rglob("*.py"))
TREE = (ROOT / "CONTRIBUTING.md").read_text().split("```")[3]


def test_tree_in_the_guide_names_every_module_of_the_packages_and_every_folder():
    entries = dict(re.findall(r"^ *([\w/]+/)((?:[^\n]|\n {12,})*)", TREE, re.MULTILINE))
    for package in CHAIN:
        modules = {path.stem for path in (SOURCE / package).glob("*.py")} - {"__init__"}
        assert modules <= set(re.findall(r"\w+", entries[f"{package}/"])), package
    folders = {path.parent for path in files("src", "ext", "tests", "bench", "tools")}
    named = set(re.findall(r"(\w+)/", TREE))
    assert {folder.name for folder in folders} - {"results"} <= named


def names_in(path):
    """Return all names in the code, and all its texts, which may be names too."""
    fields = ("id", "attr", "name", "value")
    nodes = ast.walk(ast.parse(path.read_text()))
    return {getattr(node, field, None) for node in nodes for field in fields}


def test_metric_is_named_in_few_files():
    # A mean over rows has sums and a formula; a metric of classes has a formula of sums.
    for metric, few in (("entropy", {"totals", "metrics"}), ("kappa", {"classes"})):
        paths = (SOURCE / "_evaluation").glob("*.py")
        assert {path.stem for path in paths if metric in names_in(path)} == few


def packages_for(own):
    """Return the packages whose names a package may import."""
    if own not in FRONT_ENDS:
        return {own, *ORDER[: ORDER.index(own)]}
    # Front ends use public names, and know nothing of each other. A command writes its files and
    # numbers as results do.
    return {own, PUBLIC} | ({"_records", "_reports"} if own == "cli" else set())


def test_packages_import_only_packages_before_them():
    imports = [(package_of(path), path, parts) for path in MODULES for parts in imports_of(path)]
    assert [
        (path, parts) for own, path, parts in imports if parts[0] not in packages_for(own)
    ] == []


def test_compiled_modules_are_imported_by_their_own_package_only():
    compiled = [["_kernel", name] for name in ("cpu", "group_sums", "reference")]
    others = [path for path in MODULES if package_of(path) != "_kernel"]
    assert [path for path in others for parts in imports_of(path) if parts[:2] in compiled] == []


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
    tree = tree_of(SOURCE / "__init__.py")
    kinds = {type(node) for node in tree.body[1:]}
    assert kinds <= {ast.ImportFrom, ast.Assign}
    assigned = {
        target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
    }
    assert assigned == {"__version__", "__all__"}


def test_lines_of_prose_have_at_most_120_characters():
    texts = {
        path: path.read_text(encoding="utf-8") for path in every_file() if path.suffix == ".md"
    }
    assert [
        f"{path}: {line}"
        for path, text in texts.items()
        if not text.startswith("<!-- Written by")  # a program
        for line in text.splitlines()
        if len(line) > 120 and not line.startswith("|")
    ] == []


def test_no_heavy_package_is_imported_before_it_is_asked_for_nor_a_peer_at_all(run_child):
    source = f"""
import sys
import numpy as np
import smoothxent.cli
smoothxent.cross_entropy([[1.0, 2.0]], [0])
smoothxent.softmax(memoryview(np.zeros((3, 4), np.float32)))
print([name for name in {[*HEAVY, "pyarrow", "ml_dtypes"]} if name in sys.modules])
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
        for node in ast.walk(tree_of(path)):
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


def test_modules_keep_no_global_that_changes():
    changed = []
    for path in MODULES:
        outer = [tree_of(path)]
        outer += [node for node in outer[0].body if isinstance(node, ast.ClassDef)]
        nodes = [node for each in outer for node in each.body]
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
        changed += [(path, each.name, name) for each in functions for name in changed_outside(each)]
    assert changed == []
