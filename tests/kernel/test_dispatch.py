"""The build of the kernel that runs, and its choice by SMOOTHXENT_ISA."""

import inspect
from importlib import import_module

import pytest

import smoothxent
from quick import slow_but_first
from smoothxent._kernel import protocol

KERNELS_IN_USE = """
import sys, numpy as np, smoothxent
for dtype in (np.float32, np.float64):
    smoothxent.cross_entropy(np.zeros((2, 3), dtype), [0, 1])
print(sorted(name for name in sys.modules if name.endswith(("_float32", "_float64"))))
"""


def kernels_of(isa):
    return f"['smoothxent._kernel.{isa}_float32', 'smoothxent._kernel.{isa}_float64']\n"


def test_portable_kernel_runs_everywhere_and_all_go_by_known_names():
    assert smoothxent.available_isas()[0] == "portable"
    assert set(smoothxent.available_isas()) <= {"portable", "avx2", "avx512", "neon"}


@pytest.mark.parametrize("isa", slow_but_first(smoothxent.available_isas()))
def test_environment_chooses_the_kernel_and_no_other_is_loaded(run_child, isa):
    assert run_child(KERNELS_IN_USE, SMOOTHXENT_ISA=isa) == kernels_of(isa)


def test_last_instruction_set_is_the_default(run_child):
    assert run_child(KERNELS_IN_USE, SMOOTHXENT_ISA="") == kernels_of(
        smoothxent.available_isas()[-1]
    )


def test_unknown_instruction_set_is_an_error_at_import(run_child):
    names = ", ".join(smoothxent.available_isas())
    text = f"ImportError: SMOOTHXENT_ISA must be one of {names}, got mmx\n"
    with pytest.raises(AssertionError, match=f"^exit 1\n(?s:.*){text}"):
        run_child("import smoothxent", SMOOTHXENT_ISA="mmx")


def parameters_of(holder, names):
    return {name: [*inspect.signature(getattr(holder, name)).parameters] for name in names}


@pytest.mark.parametrize("isa", smoothxent.available_isas())
@pytest.mark.parametrize("dtype", smoothxent.info()["dtypes"])
def test_every_build_has_the_functions_of_the_protocol(isa, dtype):
    build = import_module(f"smoothxent._kernel.{isa}_{dtype}")
    for promised, given in [(protocol.Kernel, build), (protocol.Blocks, build.Blocks)]:
        names = [name for name, value in vars(promised).items() if inspect.isfunction(value)]
        names = [name for name in names if not name.startswith("_")]
        expected = parameters_of(promised, names)
        if promised is protocol.Kernel:  # whose functions are a module's
            expected = {name: parameters[1:] for name, parameters in expected.items()}
        assert parameters_of(given, names) == expected
        constants = set(promised.__annotations__) - {"Blocks"}
        assert constants <= set(dir(given))
