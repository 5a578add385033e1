"""Make mutants of each file in a copy of the tree, run the tests that should fail, and count.

    make mutants                             a few of every file, some hours
    make mutants ARGS="losses.pxi --count 9" nine of the files with this word in their paths

A mutant of the kernel is built for the best instruction set of this machine, for one dtype after
the other until a test fails; one that changes no build is equivalent. Tests that compare
instruction sets do not run: the other builds have no mistake.
"""

import argparse
import datetime
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import groupby
from pathlib import Path

import smoothxent
from tools.mutation.equivalent import EQUIVALENT
from tools.mutation.rules import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
ISA = smoothxent.available_isas()[-1]
DTYPES = ["float32", "float64", "float16", "bfloat16"]
KERNELS = "src/smoothxent/_kernel"
COPIED = ["src", "ext", "tests", "bench", "docs", "setup.py", "pyproject.toml", "README.md"]
COPIED += ["CONTRIBUTING.md"]
NEEDED = 0.8  # fraction to kill of the mutants that are not equivalent
NONE_RAN = 5  # exit code of pytest
PATIENCE = 900  # seconds for the tests of one mutant: one that hangs is killed
LEFT_OUT = ["another_way", "instruction_set"]  # tests that compare builds

# The beginning of a path, and below tests/ what should notice its mistakes, likely failures first.
TESTS = {
    "ext/": "loss evaluation linear kernel process/test_t*.py",
    "src/smoothxent/_arguments/": "loss evaluation/test_group*.py linear files",
    "src/smoothxent/_kernel/": "loss kernel evaluation process/test_[rt]*.py",
    "src/smoothxent/_totals/": "evaluation comparison files",
    "src/smoothxent/_reports/": "evaluation comparison calibration cli",
    "src/smoothxent/_loss/": "loss kernel",
    "src/smoothxent/_evaluation/": "evaluation files comparison",
    "src/smoothxent/_linear/": "linear",
    "src/smoothxent/_comparison/": "comparison files",
    "src/smoothxent/_files/": "files evaluation/test_*chunk*.py",
    "src/smoothxent/_calibration/": "calibration",
    "src/smoothxent/cli/": "cli",
    "src/smoothxent/torch/": "bridges/test_torch*.py",
    "src/smoothxent/jax/": "bridges/test_jax*.py",
    "src/smoothxent/dask.py": "bridges/test_dask.py",
    "src/smoothxent/sklearn.py": "bridges/test_sklearn.py",
}


def main() -> None:
    """Parse the arguments, run the mutants, print the results."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.mutation", description="Count the mutants that make a test fail."
    )
    parser.add_argument("words", nargs="*", help="parts of the paths of the files to mutate")
    parser.add_argument("--count", type=int, default=3, help="mutants of each file (3)")
    parser.add_argument("--seed", default=f"{datetime.date.today()}", help="of the choice (today)")
    arguments = parser.parse_args()
    paths = [path for path in sources() if any(word in path for word in arguments.words or [""])]
    print(f"{len(paths)} files, --seed {arguments.seed}", flush=True)
    results: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = copied_tree(Path(folder))
        if any(is_of_kernel(path) for path in paths):
            built(DTYPES, tree, "--force")
            shutil.copytree(tree / KERNELS, tree / "without")
        for names, group in groupby(paths, tests_of):  # neighbours have the same tests
            first, *others = group
            if code := exit_code(first, tree):
                if code != NONE_RAN:
                    sys.exit(f"without a mutant, a test fails: {names}")
                print(f"needs other packages: {names}")
                continue
            for path in [first, *others]:
                for mutant in sample(path, arguments.count, arguments.seed):
                    result = result_of(mutant, tree)
                    results[result] += 1
                    print(f"{time.strftime('%H:%M:%S')} {result:10} {mutant}", flush=True)
    print(", ".join(f"{count} {result}" for result, count in results.items()))
    sys.exit(results["killed"] < NEEDED * (results["killed"] + results["SURVIVED"]))


def sources() -> list[str]:
    """Return the paths of the files that have mutants."""
    found = [*ROOT.glob("src/**/*.py"), *ROOT.glob("ext/**/*.h"), *ROOT.glob("ext/**/*.p?[xi]")]
    paths = sorted(str(path.relative_to(ROOT)) for path in found)
    return [path for path in paths if path.startswith(tuple(TESTS))]


def tests_of(path: str) -> list[str]:
    return next(names for beginning, names in TESTS.items() if path.startswith(beginning)).split()


def is_of_kernel(path: str) -> bool:
    return path.startswith("ext/")


def sample(path: str, count: int, seed: str) -> list[Mutant]:
    """Return mutants of different lines, each line as likely as any other."""
    rng = random.Random(f"{seed} {path}")
    lines: dict[int, list[Mutant]] = {}
    for mutant in mutants_of(path, (ROOT / path).read_text()):
        lines.setdefault(mutant.line, []).append(mutant)
    return [rng.choice(lines[line]) for line in rng.sample(sorted(lines), min(count, len(lines)))]


def copied_tree(folder: Path) -> Path:
    """Return a copy of the tree, including the built kernels."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, folder / name)
    compiler = folder / "cc"  # -O1 compiles faster; the compiler uses the last -O
    compiler.write_text(f'#!/bin/sh\nexec {os.environ.get("CC", "cc")} "$@" -O1 -g0\n')
    compiler.chmod(0o755)
    return folder


def result_of(mutant: Mutant, tree: Path) -> str:
    """Return "killed", "SURVIVED", "equivalent", or "no code" if it does not compile."""
    if (mutant.path, mutant.key) in EQUIVALENT:
        return "equivalent"
    path, result = tree / mutant.path, "equivalent"  # unless a build differs
    text = path.read_text()
    path.write_text(mutant.text)
    try:
        if not is_of_kernel(mutant.path):
            compile(mutant.text, mutant.path, "exec")
            return "killed" if exit_code(mutant.path, tree) else "SURVIVED"
        for dtype in DTYPES:
            built([dtype], tree)
            if has_other_kernels(tree):
                if exit_code(mutant.path, tree, dtype):
                    return "killed"
                result = "SURVIVED"
                shutil.copytree(tree / "without", tree / KERNELS, dirs_exist_ok=True)
        return result
    except (SyntaxError, subprocess.CalledProcessError):
        return "no code"
    finally:
        path.write_text(text)
        if is_of_kernel(mutant.path):
            shutil.copytree(tree / "without", tree / KERNELS, dirs_exist_ok=True)


def built(dtypes: list[str], tree: Path, *options: str) -> None:
    """Build the kernels of these dtypes; an error if they do not compile."""
    environment = os.environ | {
        "SMOOTHXENT_KERNELS": " ".join(f"{ISA}_{dtype}" for dtype in dtypes),
        "SMOOTHXENT_WERROR": "0",  # a mistake may leave something unused
        "CC": str(tree / "cc"),
    }
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace", *options]
    subprocess.run(command, cwd=tree, env=environment, capture_output=True, check=True)


def has_other_kernels(tree: Path) -> bool:
    return any(
        path.read_bytes() != (tree / KERNELS / path.name).read_bytes()
        for path in (tree / "without").glob("*.so")
    )


def exit_code(path: str, tree: Path, dtype: str = "") -> int:
    """Return 0 if the tests for this file pass, or pytest's exit code.

    Slow tests come last, for the kernel not at all: they take longer than all builds. Nor do tests
    that name another dtype than the given one.
    """
    left_out = [*LEFT_OUT, *(each for each in DTYPES if dtype and each not in dtype)]
    expression = " and ".join(f"not {word}" for word in left_out)
    files = [str(each) for name in tests_of(path) for each in sorted((tree / "tests").glob(name))]
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "SMOOTHXENT_ISA": ISA}
    command = [sys.executable, "-m", "pytest", "-qx", "--failed-first", "-k", expression, *files]
    for marks in ["not slow"] if is_of_kernel(path) else ["not slow", "slow"]:
        try:
            code = subprocess.run(
                [*command, "-m", marks],
                cwd=tree,
                env=environment,
                capture_output=True,
                check=False,
                timeout=PATIENCE,
            ).returncode
        except subprocess.TimeoutExpired:
            return 1
        if code and (marks, code) != ("slow", NONE_RAN):
            return code
    return 0


if __name__ == "__main__":
    main()
