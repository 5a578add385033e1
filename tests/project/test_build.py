"""setup.py: translation of Cython files, number of compilers, warnings as errors."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from place import ROOT

EGG_INFO = """
import runpy, sys
sys.modules["Cython.Build"] = None  # an import of it fails
sys.argv = ["setup.py", "--quiet", "egg_info", "--egg-base", sys.argv[1]]
runpy.run_path("setup.py", run_name="__main__")
"""
GIB = 1 << 30


@pytest.fixture
def build(monkeypatch):
    """Return setup.py as a module, without running a build."""
    setuptools = pytest.importorskip("setuptools")
    pytest.importorskip("Cython")
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    monkeypatch.chdir(ROOT)
    for name in ("JOBS", "KERNELS", "SANITIZE", "WERROR"):
        monkeypatch.delenv(f"SMOOTHXENT_{name}", raising=False)
    spec = importlib.util.spec_from_file_location("setup_of_smoothxent", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_metadata_needs_no_translation(tmp_path):
    pytest.importorskip("setuptools")
    command = [sys.executable, "-c", EGG_INFO, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sources = (tmp_path / "smoothxent.egg-info" / "SOURCES.txt").read_text().splitlines()
    assert {"ext/kernel.pxi", "ext/lanes/lanes.h", "ext/run/calls.pxi"} <= set(sources)
    assert [name for name in sources if "kernel_portable" in name] == []
    assert [name for name in sources if name.startswith("build")] == []


def test_kernel_depends_on_every_file_of_every_room(build):
    kernel = next(one for one in build.kernels() if one.sources == [build.KERNEL])
    parts = {path for path in (ROOT / "ext").rglob("*") if path.suffix in {".h", ".pxi"}}
    assert {ROOT / name for name in kernel.depends} == parts


def test_module_of_a_kernel_is_one_line_and_written_once(build, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    kernel = build.Extension("smoothxent._kernel.portable_float32", [build.KERNEL])
    path = Path(build.module_of(kernel))
    assert path.read_text() == 'include "kernel.pxi"\n'
    os.utime(path, (1, 1))
    assert build.module_of(kernel) == str(path)
    assert path.stat().st_mtime == 1  # one that is newer than its translation is translated again
    path.write_text('include "kernel')  # an interrupted build of old
    assert Path(build.module_of(kernel)).read_text() == 'include "kernel.pxi"\n'
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "cores, memory, sanitizers, expected",
    [
        (1, 64 * GIB, "", 1),
        (3, 64 * GIB, "", 3),
        (64, 64 * GIB, "", 4),
        (64, float("inf"), "", 4),
        (4, GIB, "", 1),
        (4, 2 * GIB, "", 3),
        (4, GIB // 4, "", 1),
        (4, 4 * GIB, "1", 2),
        (4, 4 * GIB, "thread", 2),
    ],
)
def test_compilers_are_as_many_as_cores_and_memory_allow(
    build, monkeypatch, cores, memory, sanitizers, expected
):
    monkeypatch.setattr(build.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(build, "available_memory", lambda: memory)
    monkeypatch.setenv("SMOOTHXENT_SANITIZE", sanitizers)
    assert build.jobs() == expected
    monkeypatch.setenv("SMOOTHXENT_JOBS", "7")
    assert build.jobs() == 7


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_available_memory_is_less_than_there_is(build):
    of_all = build.os.sysconf("SC_PAGE_SIZE") * build.os.sysconf("SC_PHYS_PAGES")
    assert 0 < build.available_memory() < of_all


@pytest.mark.parametrize("value, is_error", [("", False), ("0", False), ("1", True)])
def test_warnings_are_errors_where_the_switch_is_1(build, monkeypatch, value, is_error):
    monkeypatch.setenv("SMOOTHXENT_WERROR", value)
    flags, _ = build.BuildKernels.common_flags()
    assert ("-Werror" in flags) == is_error


def test_kernels_to_build_can_be_named(build, monkeypatch):
    monkeypatch.setenv("SMOOTHXENT_KERNELS", "none")
    assert not [one.name for one in build.kernels() if one.sources == [build.KERNEL]]
    monkeypatch.setenv("SMOOTHXENT_KERNELS", "portable_float32 portable_float16")
    named = [one.name for one in build.kernels() if one.sources == [build.KERNEL]]
    assert named == ["smoothxent._kernel.portable_float32", "smoothxent._kernel.portable_float16"]


def test_unknown_kernel_is_an_error(build, monkeypatch):
    monkeypatch.setenv("SMOOTHXENT_KERNELS", "portable_float32 _float32 avx2_float8")
    message = "SMOOTHXENT_KERNELS has unknown kernels: _float32, avx2_float8"
    with pytest.raises(SystemExit, match=f"^{message}$"):
        build.kernels()


@pytest.mark.parametrize(
    "urls, link",
    [
        ("", "speed"),
        ('[project.urls]\nSource = "https://a.org/x"', "[speed](https://a.org/x/blob/main/b.md#c)"),
    ],
    ids=["no address", "address"],
)
def test_readme_of_a_package_index_has_no_relative_links(build, monkeypatch, tmp_path, urls, link):
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text(f'[project]\nname = "x"\n{urls}\n')
    Path("README.md").write_text("![a](b.png)\n\nSee [speed](b.md#c), [site](https://b.org).\n")
    assert build.readme() == f"See {link}, [site](https://b.org).\n"


def test_readme_reaches_the_metadata(build):
    text = build.readme()
    assert text.startswith("# smoothxent\n")
    assert "](docs/" not in text
