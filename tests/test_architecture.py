"""Who may import whom, and what no file may hold."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "smoothxent"
LIMIT = 400
TEXT = {".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".md", ".toml", ".yml", ".sh", ""}

# Each floor may import from the floors below it alone; "kernel" stands for every compiled build.
FLOORS = [
    {"kernel", "_cpu", "_openmp"},
    {"_runtime"},
    {"_dispatch"},
    {"_arrays", "_exact", "_halves", "_reductions", "_rows"}
    | {"_shards", "_stored_array", "_read_ahead", "_workers"},
    {"_checks"},
    {"_label_checks", "_settings", "_threads"},
    {"_destinations", "_head", "_layouts", "_widened", "_totals"}
    | {"_npy", "_run", "_safetensors", "_text"},
    {"_fused", "_npz", "_probabilities"},
    {"_files", "_labelled_head", "_labelled_rows"},
    {"_file_checks"},
    {"_metrics"},
    {"_evaluation_record", "_evaluation_table"},
    {"_evaluation_plot"},
    {"_evaluation"},
    {"_pair_metrics"},
    {"_comparison_plot", "_comparison_table"},
    {"_comparison"},
    {"_loss", "_softmax", "_smoothing", "_evaluate", "_statistics", "_linear", "_info"},
    {"_pairs", "_evaluate_file"},
    {"_compare", "_compare_files"},
    {"__init__"},
    {"torch", "jax", "dask", "sklearn", "cli"},
    {"__main__"},
]
FLOOR_OF = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}
HEAVY = ["torch", "jax", "dask", "matplotlib", "rich", "sklearn", "scipy", "pandas", "tensorflow"]


def module_of(path):
    """Return the name in FLOORS of the file, the whole of a folder being one."""
    return path.relative_to(SOURCE).parts[0].partition(".")[0]


def imports_of(path):
    """Yield the modules of smoothxent that the file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "smoothxent":
                first = rest.partition(".")[0] or "__init__"
                if re.match(r"_?kernel", first):
                    first = "kernel"
                yield first if first in FLOOR_OF else "__init__"


def is_written_by_people(path):
    return path.is_file() and path.suffix in TEXT and path.name != "PKG-INFO"


def files(*roots):
    """Yield the text files that people write below the roots."""
    for root in roots:
        for path in sorted((ROOT / root).rglob("*")):
            hidden = any(part.startswith((".", "__pycache__")) for part in path.parts)
            if is_written_by_people(path) and not hidden:
                yield path


MODULES = sorted(SOURCE.rglob("*.py"))
EVERY_FILE = [
    *files("src", "ext", "tests", "fuzz", "mutation", "bench", "docs", "examples"),
    *(path for path in sorted(ROOT.iterdir()) if is_written_by_people(path)),
]


def test_tree_in_the_guide_names_every_module_and_header_and_none_that_is_gone():
    tree = (ROOT / "CONTRIBUTING.md").read_text().split("```")[1]
    named = set(re.findall(r"\w+\.(?:py|pyi|pxi|h|md)\b", tree))
    parts = files("src", "ext", "tests", "mutation", "fuzz")
    kinds = {path.name for path in parts if path.suffix in {".py", ".pyi", ".pxi", ".h"}}
    unnamed = {
        name for name in kinds - named if not name.startswith(("test_", "conftest", "lanes_"))
    }
    assert unnamed == set()
    assert named <= {path.name for path in EVERY_FILE}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_module_stands_on_a_floor(path):
    assert module_of(path) in FLOOR_OF


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_import_points_down(path):
    module = module_of(path)
    upward = [
        target
        for target in imports_of(path)
        if FLOOR_OF[target] >= FLOOR_OF[module] and target != module
    ]
    assert upward == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_dispatcher_alone_imports_the_kernel(path):
    if module_of(path) not in {"_dispatch", "_runtime"}:
        assert set(imports_of(path)).isdisjoint({"kernel", "_cpu", "_openmp"})


@pytest.mark.parametrize(
    "module, allowed",
    [
        *((module, set()) for module in ("_arrays", "_exact", "_halves", "_reductions", "_rows")),
        ("_checks", {"_arrays", "_halves"}),
        ("_label_checks", {"_checks"}),
    ],
)
def test_rules_that_need_no_kernel_import_next_to_nothing_of_the_package(module, allowed):
    assert set(imports_of(SOURCE / f"{module}.py")) == allowed


@pytest.mark.parametrize("module", ["cli", "torch", "jax", "dask", "sklearn", "__main__"])
def test_front_ends_use_public_names_alone(module):
    for path in MODULES:
        if module_of(path) == module:
            assert set(imports_of(path)) <= {"__init__", "cli", module}, path.name


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
        "Comparison",
        "Evaluation",
        "LinearGradients",
        "RowStatistics",
        "__version__",
        "available_isas",
        "compare",
        "compare_files",
        "cross_entropy",
        "cross_entropy_and_grad",
        "evaluate",
        "evaluate_file",
        "info",
        "linear_cross_entropy",
        "linear_cross_entropy_and_grad",
        "linear_evaluate",
        "log_softmax",
        "log_sum_exp",
        "row_statistics",
        "smooth_labels",
        "softmax",
    }


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_its_limit(path):
    if path.name not in {"accuracy.md", "accuracy_half.md"}:  # which a program writes
        assert len(path.read_text().splitlines()) <= LIMIT


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


CACHES = {
    "_checks.py: dtype_name": "NumPy makes the name of a dtype anew each time",
    "_checks.py: _class_axis": "most calls have the shape of a call before",
    "_dispatch.py: kernel": "the import system takes longer to find a module that it has",
    "_layouts.py: _flat": "most calls have the shapes and dtypes of a call before",
    "_threads.py: _cgroup_quota": "asks the system, in several files",
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
    """Yield the names of what the function changes and has not made, nor been given."""
    nodes = [*ast.walk(function)]
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name) and type(node.ctx) is ast.Store}
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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_keep_no_global_that_changes(path):
    outer = [ast.parse(path.read_text())]
    outer += [node for node in outer[0].body if isinstance(node, ast.ClassDef)]
    functions = [node for each in outer for node in each.body if isinstance(node, ast.FunctionDef)]
    assert [(each.name, name) for each in functions for name in changed_outside(each)] == []
