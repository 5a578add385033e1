"""The command line: ways to start it, and the output of `info`."""

import json
import platform
import runpy
import sys

import numpy as np
import pytest

import smoothxent
from smoothxent.cli import COMMANDS, main


def test_python_m_is_the_command(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["smoothxent", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("smoothxent", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr() == (f"smoothxent {smoothxent.__version__}\n", "")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_80_columns(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_info_as_json_is_what_the_library_says(capsys):
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == json.loads(json.dumps(smoothxent.info())) | {
        "smoothxent": smoothxent.__version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "numpy": np.__version__,
    }


def test_info_is_one_fact_a_line(capsys):
    assert main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    facts = dict(line.split(":", 1) for line in lines)
    info = smoothxent.info()
    names = "smoothxent, python, numpy, instruction sets, in use, threads, dtypes, OpenMP"
    assert ", ".join(facts) == names + ", idle threads" * info["openmp"]
    assert facts["OpenMP"].strip().startswith(info["openmp_runtime"] or "no")
    assert facts["in use"].strip() == smoothxent.info()["isa"]
    assert facts["threads"].strip() == str(smoothxent.info()["num_threads"])


def test_info_without_openmp_has_no_idle_threads(capsys, monkeypatch):
    facts = smoothxent.info() | {
        "openmp": False,
        "openmp_runtime": "",
        "openmp_loaded_by": "",
        "wait_policy": "",
    }
    monkeypatch.setattr(smoothxent, "info", lambda: facts)
    assert main(["info"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{'OpenMP:':<18}no"


def test_module_that_no_extra_brings_is_no_fault_of_usage(monkeypatch):
    def run(_):
        raise ModuleNotFoundError("No module named 'numpy.none'", name="numpy.none")

    monkeypatch.setattr(COMMANDS["info"], "run", run)
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'numpy\.none'$"):
        main(["info"])
