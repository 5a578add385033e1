"""The command line as a whole: how it is started, what `info` says."""

import json
import platform

import numpy as np

import smoothxent
from smoothxent.cli import main


def test_python_m_is_the_command(run_child):
    source = "import runpy, sys; sys.argv = ['smoothxent', '--version']; "
    source += "runpy.run_module('smoothxent', run_name='__main__')"
    assert run_child(source, silent=True) == f"smoothxent {smoothxent.__version__}\n"


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
    names = "smoothxent, python, numpy, instruction sets, in use, threads, OpenMP, dtypes"
    assert ", ".join(facts) == names
    assert facts["in use"].strip() == smoothxent.info()["isa"]
    assert facts["threads"].strip() == str(smoothxent.info()["num_threads"])
