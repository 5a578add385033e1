"""The files about releases agree: versions of Python and of the package, and parts of a run."""

import re
import tomllib

import pytest
from tools.mutation.__main__ import sources

import smoothxent
from place import ROOT, make_targets

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def workflow(name):
    """Return the text of a workflow."""
    return (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()


def pythons_of_classifiers():
    text = "\n".join(PROJECT["project"]["classifiers"])
    return set(re.findall(r"Python :: (3\.\d+)$", text, re.MULTILINE))


def test_lowest_python_of_the_classifiers_is_the_one_required():
    lowest = min(pythons_of_classifiers(), key=lambda version: int(version.partition(".")[2]))
    assert PROJECT["project"]["requires-python"] == f">={lowest}"


def test_every_python_is_tested_and_has_wheels():
    tested = set(re.findall(r'"(3\.\d+t?)"', workflow("ci")))
    built = [f"3.{name[3:-2]}" for name in PROJECT["tool"]["cibuildwheel"]["build"]]
    assert tested == set(built)
    assert {version for version in built if not version.endswith("t")} == pythons_of_classifiers()


def test_everything_that_builds_a_wheel_is_pinned():
    pins = (ROOT / "tools" / "wheel" / "constraints.txt").read_text()
    pinned = set(re.findall(r"^(\w+)==[\d.]+(?:;|$)", pins, re.MULTILINE))
    commands = [workflow("wheels"), PROJECT["tool"]["cibuildwheel"]["before-build"]]
    installed = re.findall(r"\bpipx? (?:install|run) (.*)", "\n".join(commands))
    assert len(installed) == 3
    for words in installed:
        option, path, *names = words.split()
        assert (option, path.rpartition("}/")[2]) == ("--constraint", "tools/wheel/constraints.txt")
        assert set(names) <= pinned


def test_nightly_checks_are_targets_of_make():
    targets = re.findall(r"target: (\w+)", workflow("nightly"))
    assert targets
    assert set(targets) <= set(make_targets())


def test_parts_of_the_nightly_run_hold_each_mutated_file_once():
    parts = [words.split() for words in re.findall(r"mutants, args: (.*) }", workflow("nightly"))]
    for path in sources():
        assert sum(any(word in path for word in words) for words in parts) == 1, path


@pytest.mark.parametrize(
    "name, pattern", [("CITATION.cff", r"^version: (.*)$"), ("CHANGELOG.md", r"^## \[(\S+)\] - ")]
)
def test_version_is_the_one_of_the_package(name, pattern):
    text = (ROOT / name).read_text()
    assert re.search(pattern, text, re.MULTILINE)[1] == smoothxent.__version__
