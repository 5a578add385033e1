"""`python -m tools.wheel [PYTHON ...]`: a source distribution, and a wheel for each Python.

All go into dist/. Each wheel is built from the source distribution and repaired (repair.py), then
installed in a new environment whose PATH has no compiler. There check.py runs, and the test suite
in a folder without the sources. Linux only.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
# What the tests read and import, but for the package itself.
NEEDED = ("bench", "docs", "examples", "tests", "tools", "README.md", "pyproject.toml")
# Tests of the repository and of the sources.
LEFT_OUT = ("project", "kernel/test_lanes.py", "kernel/test_sizes.py")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.wheel", description=__doc__)
    parser.add_argument("pythons", nargs="*", default=[sys.executable], metavar="PYTHON")
    parser.add_argument("--quick", action="store_true", help="leave the slow tests out")
    return parser.parse_args()


def main() -> None:
    options = parse()
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--sdist", "--outdir", DIST, ROOT)
    (sdist,) = DIST.glob("*.tar.gz")
    pythons = list(dict.fromkeys(options.pythons))
    wheels = [build(python, sdist) for python in pythons]
    run("validate-pyproject", ROOT / "pyproject.toml")
    run("twine", "check", "--strict", sdist, *wheels)
    run("check-wheel-contents", *wheels)
    for python, wheel in zip(pythons, wheels, strict=True):
        try_out(python, wheel, ["-m", "not slow"] * options.quick)
    for path in (sdist, *wheels):
        print(f"{path.stat().st_size / 1e6:5.2f} MB  {path.name}")


def run(*command: str | Path, **options: object) -> None:
    words = [str(word) for word in command]
    print("+", *words, flush=True)
    subprocess.run(words, check=True, **options)  # type: ignore[call-overload]


def new_environment(python: str, folder: Path) -> Path:
    """Return the interpreter of a new environment."""
    run(python, "-m", "venv", folder)
    interpreter = folder / "bin" / "python"
    run(interpreter, "-m", "pip", "install", "--quiet", "pip>=25.1")
    return interpreter


def build(python: str, sdist: Path) -> Path:
    """Return a repaired wheel, in DIST."""
    with tempfile.TemporaryDirectory() as name:
        interpreter = new_environment(python, Path(name, "environment"))
        run(
            *(interpreter, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", name, sdist),
            env=os.environ | {"SMOOTHXENT_OPENMP": "1"},
        )
        (wheel,) = Path(name).glob("*.whl")
        before = set(DIST.glob("*.whl"))
        run(sys.executable, Path(__file__).with_name("repair.py"), wheel, DIST)
        (repaired,) = set(DIST.glob("*.whl")) - before
        return repaired


def try_out(python: str, wheel: Path, arguments: list[str]) -> None:
    """Check and test a wheel in a new environment, without sources and compiler."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "folder")
        folder.mkdir()
        interpreter = new_environment(python, Path(name, "environment"))
        pip = (interpreter, "-m", "pip", "install", "--quiet")
        (interpreter.parent / "sh").symlink_to("/bin/sh")  # the only other program that tests need
        bare = {"HOME": name, "LANG": "C.UTF-8", "PATH": str(interpreter.parent)}
        run(*pip, wheel)
        run(interpreter, ROOT / "tools" / "wheel" / "check.py", cwd=folder, env=bare)
        run(*pip, "--group", f"{ROOT / 'pyproject.toml'}:test")
        for path in NEEDED:
            copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy2
            copy(ROOT / path, folder / path)
        arguments += [f"--ignore=tests/{path}" for path in LEFT_OUT]
        run(interpreter, "-m", "pytest", "-q", *arguments, cwd=folder, env=bare)


if __name__ == "__main__":
    main()
