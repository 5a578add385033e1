"""The documentation site: every public name and every page is on it, and no link is dead.

Its build, `make docs`, checks the rest: there a warning is an error. These tests need no Sphinx.
"""

import ast
import re
from functools import cache

import pytest
from tools.pages import commands, links

import smoothxent
from place import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
FILES = [*(f"docs/{page}" for page in PAGES), *links.PAGES]
PACKAGE = ROOT / "src" / "smoothxent"
MODULES = {"smoothxent": PACKAGE / "__init__.py"} | {
    f"smoothxent.{name}": PACKAGE / path
    for name, path in (
        ("torch", "torch/__init__.py"),
        ("jax", "jax/__init__.py"),
        ("dask", "dask.py"),
        ("sklearn", "sklearn.py"),
    )
}
# Without a page of their own: a string, and a class that only new versions of PyTorch have.
NAMED_IN_WORDS = {"smoothxent.__version__", "smoothxent.torch.LinearCrossEntropyLoss"}


def public_names(module):
    """Yield the names in `__all__`, also of modules whose library is not installed."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign | ast.AugAssign):
            target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
            if isinstance(target, ast.Name) and target.id == "__all__":
                yield from (f"{module}.{name}" for name in ast.literal_eval(node.value))


@cache
def text_of(file):
    return (ROOT / file).read_text(encoding="utf-8")


def documented_names():
    """Return {kind of directive: names}, with the module of each name."""
    found = {"auto": [], "summary": []}
    for page in PAGES:
        if page.startswith("api/"):
            module = None
            for line in text_of(f"docs/{page}").splitlines():
                if line.startswith(".. currentmodule:: "):
                    module = line.split()[-1]
                elif line.startswith((".. autofunction:: ", ".. autoclass:: ")):
                    found["auto"].append(f"{module}.{line.split()[-1].removesuffix('()')}")
                elif re.fullmatch(r"    \w+", line):
                    found["summary"].append(f"{module}.{line.strip()}")
    return found


@pytest.mark.parametrize("kind", ["auto", "summary"])
def test_every_public_name_is_documented_once(kind):
    names = {name for module in MODULES for name in public_names(module)}
    assert set(smoothxent.__all__) <= {name.rpartition(".")[2] for name in names}
    assert sorted(documented_names()[kind]) == sorted(names - NAMED_IN_WORDS)


def test_name_without_a_page_is_named_on_one():
    api = "".join(text_of(f"docs/{page}") for page in PAGES if page.startswith("api/"))
    assert "`smoothxent.__version__`" in api
    assert "`LinearCrossEntropyLoss`" in api


def test_every_page_is_in_one_toctree():
    entries = []
    for page in PAGES:
        folder = (DOCS / page).parent
        for block in re.findall(r"```\{toctree\}\n(.*?)```", text_of(f"docs/{page}"), re.DOTALL):
            names = [line for line in block.splitlines() if line and not line.startswith(":")]
            entries += [(folder / f"{name}.md").relative_to(DOCS).as_posix() for name in names]
    assert sorted(entries) == sorted({*PAGES} - {"index.md"})


def test_relative_links_lead_to_files():
    targets = [(file, target) for file in FILES for target in links.targets(text_of(file), file)]
    assert [(file, target) for file, target in targets if not (ROOT / target).exists()] == []


def test_page_of_a_file_elsewhere_includes_it():
    for file, page in links.PAGES.items():
        assert f"```{{include}} ../{file}\n```" in text_of(page)


@pytest.mark.parametrize(
    "file, page, link, moved",
    [
        ("docs/files.md", "docs/files.md", "[a](threads.md#fork)", "[a](threads.md#fork)"),
        ("docs/files.md", "docs/files.md", "[a](../README.md)", "[a](index.md)"),
        ("docs/files.md", "docs/files.md", "[a](../README.md#speed)", "[a](index.md#speed)"),
        ("docs/api/loss.md", "docs/api/loss.md", "[a](../../ext/README.md)", "[a](../kernel.md)"),
        ("README.md", "docs/index.md", "[a](docs/demo.png)", "[a](demo.png)"),
        ("README.md", "docs/index.md", "[a](https://a.org/README.md)", None),
        ("README.md", "docs/index.md", "[a](#speed)", None),
        # A text that is the path of a page becomes its title.
        ("README.md", "docs/index.md", "[docs/accuracy.md](docs/accuracy.md)", "[](accuracy.md)"),
        ("README.md", "docs/index.md", "[CHANGELOG.md](CHANGELOG.md)", "[](changelog.md)"),
        ("README.md", "docs/index.md", "[a](ext/call.pxi)", "[a](../ext/call.pxi)"),
        ("README.md", "docs/index.md", "[ext/a.pxi](ext/a.pxi)", "[ext/a.pxi](../ext/a.pxi)"),
    ],
)
def test_link_of_a_file_becomes_one_of_its_page(file, page, link, moved):
    assert links.of_the_site(f"{link}, b", file, page) == f"{moved or link}, b"


def test_page_of_the_command_line_is_current():
    assert text_of("docs/commands.md") == commands.text()


def test_page_of_environment_variables_names_all_that_the_package_reads():
    sources = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    read = set(re.findall(r"\b(?:SMOOTHXENT|OMP|GOMP|KMP)_[A-Z_]+\b", sources))
    assert "SMOOTHXENT_ISA" in read
    assert sorted(name for name in read if name not in text_of("docs/threads.md")) == []


def records():
    """Return a record of each format."""
    logits, labels, groups = [[2.0, 0], [0, 3]], [0, 1], [0, 1]
    return [
        smoothxent.evaluate(logits, labels, per_class=True).to_dict(),
        smoothxent.evaluate(logits, labels, groups=groups).to_dict(),
        smoothxent.compare(logits, logits, labels, groups=groups).to_dict(),
        smoothxent.fit_temperature([*logits, [0, 1]], [*labels, 0]).to_dict(),
    ]


@pytest.mark.parametrize("record", records(), ids=lambda record: record["format"])
def test_page_of_records_has_the_version_and_every_key(record):
    page = text_of("docs/records.md")
    name = record["format"]
    assert re.search(rf"^\| `{name}` \| {record['version']} \|", page, re.MULTILINE)
    section = page.partition(f"\n## {name.partition('.')[2]}\n")[2].partition("\n## ")[0]
    totals = record["totals"]
    pairs = totals.get("totals", {})
    parts = [totals, *(each for each in (totals.get("groups"), totals.get("classes")) if each)]
    parts += [pairs, pairs.get("groups", {}), pairs.get("kl", {})]
    keys = [key for part in parts for key in part if key != "num_classes"]
    assert [key for key in keys if f"`{key}`" not in section] == []
