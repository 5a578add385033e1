"""The examples in docstrings and pages run, and have the results that they show."""

import doctest
import importlib
import inspect
import re
from importlib.util import find_spec

import pytest

import smoothxent
import smoothxent.dask
import smoothxent.sklearn
from place import ROOT

FUNCTIONS = [
    value for name in smoothxent.__all__ if inspect.isfunction(value := getattr(smoothxent, name))
]
RESULTS = [smoothxent.Evaluation, smoothxent.Comparison, smoothxent.Temperature]
RESULTS += [smoothxent.GroupMetrics, smoothxent.ClassMetrics]
FUNCTIONS += [
    getattr(result, name)
    for result in RESULTS
    for name in dir(result)
    if callable(getattr(result, name)) and not name.startswith(("_", "shown_bins"))
]
FUNCTIONS = [*dict.fromkeys(FUNCTIONS)]  # results share some
FUNCTIONS += [smoothxent.sklearn.neg_smoothed_log_loss]
PLAIN_RESULTS = [smoothxent.RowStatistics, smoothxent.LinearGradients]
PEERS = [name for name in ("jax", "torch") if find_spec(name)]
FUNCTIONS += [importlib.import_module(f"smoothxent.{name}").cross_entropy for name in PEERS]
if "torch" in PEERS:
    FUNCTIONS += [importlib.import_module("smoothxent.torch").linear_cross_entropy]
SECTIONS = ["Parameters", "Returns", "Examples"]


@pytest.mark.slow
@pytest.mark.thread_unsafe(reason="doctest replaces sys.stdout")
@pytest.mark.parametrize(
    "function",
    [*FUNCTIONS, *RESULTS],
    ids=lambda function: function.__qualname__,
)
def test_examples_of_the_docstring_run_as_shown(function):
    finder = doctest.DocTestFinder(recurse=False)
    (test,) = finder.find(function, function.__name__, globs={})
    assert test.examples
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert result.failed == 0


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_docstring_names_every_parameter_and_its_sections(function):
    text = inspect.getdoc(function)
    parameters = inspect.signature(function).parameters.keys() - {"self"}
    for section in SECTIONS if parameters else SECTIONS[1:]:
        assert re.search(rf"^{section}\n-+$", text, re.MULTILINE), section
    # numpydoc knows a section by its underline: this one would be lost in a paragraph.
    assert not re.search(r"\S -{4,} \S", text)
    for name in parameters:
        assert re.search(rf"^([\w, ]+, )?{name}(, [\w, ]+)?( : |$)", text, re.MULTILINE), name


@pytest.mark.parametrize(
    "function",
    [*FUNCTIONS, *PLAIN_RESULTS, smoothxent.dask.evaluate],
    ids=lambda function: f"{function.__module__}.{function.__qualname__}",
)
def test_signature_is_short_enough_to_be_read(function):
    signature = str(inspect.signature(function))
    assert len(signature) < (900 if function in PLAIN_RESULTS else 700)
    assert "_SupportsArray" not in signature
    if function not in PLAIN_RESULTS:  # named tuples hold types, not their names
        assert "numpy." not in signature


@pytest.mark.parametrize("result", RESULTS)
def test_docstring_of_a_result_names_every_attribute(result):
    text = inspect.getdoc(result)
    attributes = {
        name
        for name in {*dir(result), *result.__dataclass_fields__}
        if not name.startswith("_") and not callable(getattr(result, name, None))
    }
    assert attributes & {"nll", "kl", "bound"}
    for name in attributes:
        assert re.search(rf"^([\w, ]+, )?{name}(, [\w, ]+)? : ", text, re.MULTILINE), name


PAGES = [
    "README.md",
    "docs/calibration.md",
    "docs/groups.md",
    "docs/head.md",
    "docs/jax.md",
    "docs/libraries.md",
    "docs/losses.md",
    "docs/pytorch.md",
    "docs/records.md",
    "docs/scikit_learn.md",
]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_python_block_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    names = {"__name__": "page"}
    for block in blocks:
        if any(f"import {name}\n" in block and name not in PEERS for name in ("jax", "torch")):
            continue
        if ">>>" in block:
            test = doctest.DocTestParser().get_doctest(block, names, page, page, 0)
            result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
            assert result.failed == 0
        else:
            exec(compile(block, page, "exec"), names)
